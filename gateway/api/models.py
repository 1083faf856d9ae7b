"""/v1/models: what a client may ask for. Ids may hold slashes."""

from __future__ import annotations

from gateway.api.exchange import Answer, Exchange, of_json
from gateway.api.videos import caller_of
from gateway.domain.routing import Model
from gateway.snapshot import Snapshot
from gateway.work.weigh import model_of
from providers.contract import Json


async def list_models(exchange: Exchange) -> Answer:
    """Every model and every alias, each under its own name."""
    await caller_of(exchange)
    snapshot = exchange.tools.snapshot()
    return of_json({"object": "list", "data": [_shown(name, model) for name, model in _names(snapshot)]})


async def retrieve(exchange: Exchange) -> Answer:
    await caller_of(exchange)
    name = str(exchange.path_params["model"]).removeprefix("/")
    return of_json(_shown(name, model_of(exchange.tools.snapshot(), name)))


def _names(snapshot: Snapshot) -> list[tuple[str, Model]]:
    aliases = ((alias, snapshot.models[name]) for alias, name in snapshot.aliases.items())
    return sorted([*snapshot.models.items(), *aliases], key=lambda pair: pair[0])


def _shown(name: str, model: Model) -> dict[str, Json]:
    return {"id": name, "object": "model", "created": model.created, "owned_by": model.owned_by}
