"""The stream of events read as what others hear of it: which event an entry is, of whom, and what is said. Pure.

Entries are written by scripts and by `work.announce`; some tell of what only this gateway needs to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from gateway.domain import events
from gateway.domain.budgets import budget_of, parts_of
from gateway.domain.events import OF_VIDEOS, Event
from gateway.domain.money import format_usd
from providers.contract import Json

Fields = Mapping[str, str]
Read = Callable[[Fields], "tuple[Event, dict[str, Json]] | None"]


class Told(Struct, frozen=True, kw_only=True):
    """An event as it goes out. `scopes`: whose it is beside the gateway's."""

    id: str
    event: Event
    about: str
    at_ms: int
    scopes: tuple[str, ...]
    body: str


def read(place: str, fields: Fields) -> Told | None:
    """An entry at its place in the stream; None where nothing of it goes out."""
    found = _READ.get(fields.get("kind", ""), _plain)(fields)
    at = fields.get("at", "")
    if found is None or not at.isdigit():
        return None
    event, data = found
    about, at_ms = str(data["id"]), int(at)
    identity = events.event_id(event, place)
    return Told(
        id=identity,
        event=event,
        about=about,
        at_ms=at_ms,
        scopes=_scopes(event, about),
        body=events.envelope(event, identity, at_ms, data),
    )


def _scopes(event: Event, about: str) -> tuple[str, ...]:
    if event not in (Event.BUDGET_THRESHOLD, Event.BUDGET_OVERRUN):
        return ()
    scope = parts_of(about)[0]
    return (scope,) if scope.partition("/")[0] in ("project", "key") else ()


def _budget(fields: Fields) -> tuple[Event, dict[str, Json]]:
    event = Event(fields["kind"])
    data: dict[str, Json] = {
        "id": budget_of(fields["counter"]),
        "counter": fields["counter"],
        "spent_usd": format_usd(int(fields["total"])),
        "cap_usd": format_usd(int(fields["cap"])),
    }
    if event is Event.BUDGET_THRESHOLD:
        data["percent"] = int(fields["percent"])
    return event, data


def _breaker(event: Event) -> Read:
    def of(fields: Fields) -> tuple[Event, dict[str, Json]] | None:
        scope, _, name = fields["name"].partition("/")
        return (event, {"id": name, "reason": fields.get("reason", "")}) if scope == "provider" else None

    return of


def _dispute(fields: Fields) -> tuple[Event, dict[str, Json]]:
    return Event.CHARGE_DISPUTED, {"id": fields["entry"], "amount_usd": format_usd(int(fields["amount"]))}


def _plain(fields: Fields) -> tuple[Event, dict[str, Json]] | None:
    """What was announced under an event's own name."""
    kind = fields.get("kind", "")
    if kind not in _OWN or "name" not in fields:
        return None
    facts: dict[str, Json] = {key: value for key, value in fields.items() if key not in ("kind", "at", "name")}
    return Event(kind), {"id": fields["name"], **facts}


_OWN: Final = frozenset(one.value for one in Event if one not in OF_VIDEOS)
_READ: Final[Mapping[str, Read]] = {
    "budget.threshold": _budget,
    "budget.overrun": _budget,
    "breaker.opened": _breaker(Event.PROVIDER_DOWN),
    "breaker.closed": _breaker(Event.PROVIDER_UP),
    "breaker.reset": _breaker(Event.PROVIDER_UP),
    "ledger.disputed": _dispute,
}
