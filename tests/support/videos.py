"""Small records for tests of decisions: a model with two routes, and a video admitted on it."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.domain import failover
from gateway.domain.ids import video_id
from gateway.domain.ledger import utc_day
from gateway.domain.routing import Doubt, Model, Route, plan
from gateway.domain.videos import Request, Video
from gateway.domain.world import Moved, World
from providers.contract import Abilities, Price, Size, Verb

T0 = 1_795_200_000_000
SIZE = Size(720, 1280)
PRICE = Price(per_second_micros=100_000, as_of="2026-11-01", source="test")
ABLE = Abilities(
    seconds=(4, 8),
    sizes=(SIZE,),
    verbs=tuple(Verb),
    image=True,
    characters=True,
    seed=True,
    negative_prompt=True,
    extend_total_seconds_max=120,
    prices=(PRICE,),
)


def route(name: str, *, doubt: Doubt = Doubt.HOLD, **abilities: object) -> Route:
    able = Abilities(**{**{field: getattr(ABLE, field) for field in ABLE.__struct_fields__}, **abilities})
    return Route(
        name=f"{name}/m", provider=name, account=f"{name}|https://{name}.test|", model="m", abilities=able,
        prices=(PRICE,), doubt=doubt,
    )  # fmt: skip


def model(*routes: Route, **changes: object) -> Model:
    return replace(Model(name="sora-2", routes=routes), **changes)


def world(model: Model, now_ms: int = T0, jitter: float = 0.5) -> World:
    return World(now_ms=now_ms, model=model, routes={one.name: one for one in model.routes}, jitter=jitter)


def admitted(model: Model, **request: object) -> Moved:
    """A video as its admission makes it, with the hold of its first attempt."""
    asked = replace(Request(model="sora-2", prompt="a paper boat", seconds=4, size=SIZE), **request)
    video = Video(
        id=video_id(T0, bytes(18)),
        project="proj_1",
        key_id="key_1",
        request=asked,
        created_ms=T0,
        deadline_ms=T0 + model.deadline_s * 1_000,
        plan=plan(model, asked, utc_day(T0)),
    )
    found = failover.next_route(video, world(model))
    assert found is not None
    return failover.planned(video, found, world(model))
