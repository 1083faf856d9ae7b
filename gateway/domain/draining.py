"""Providers that are being drained: they take no new work, while what runs there is followed to its end. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from gateway.domain.errors import Unavailable
from gateway.domain.observed import UNKNOWN, Observed
from gateway.domain.routing import Model, Route
from gateway.domain.videos import Choice

REASON: Final = "is drained: it takes no new work"
RETRY_S: Final = 60


def without(
    choices: Sequence[Choice], routes: Mapping[str, Route], observed: Mapping[str, Observed]
) -> tuple[Choice, ...]:
    """The plan with what is drained dropped: as the configuration says it, or by an operator's hand."""
    gone = {one.route for one in choices if routes[one.route].drained or observed.get(one.route, UNKNOWN).drained}
    if not gone:
        return tuple(choices)
    return tuple(replace(one, dropped=REASON) if one.dropped is None and one.route in gone else one for one in choices)


def nobody(model: Model) -> Unavailable:
    """Every route that could serve is drained: not the client's fault, and not for ever."""
    return Unavailable(
        f"No provider of the model '{model.name}' takes new work at the moment. Try again later.", retry_after_s=RETRY_S
    )
