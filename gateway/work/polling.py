"""What a client is told with a pending video: when to look again. From its face and from what this process knows: no
call to the store, and a few microseconds.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from gateway.domain import polling
from gateway.domain.observed import with_ahead
from gateway.work.tools import Tools


class _Face(Struct):
    """What the answer depends on."""

    status: str
    created_at: int
    model: str
    progress: int
    seconds: str


_face_of: Final = msgspec.json.Decoder(_Face).decode


def after_ms(tools: Tools, face: bytes) -> int | None:
    """When the video with this face is worth another look, in ms from now; None for one that is over."""
    video = _face_of(face)
    if video.status not in polling.UNKNOWN_MS:
        return None
    usual, waiting = _usual(tools, video.model, video.seconds)
    age_s = max(0.0, tools.clock.now_ms() / 1_000 - video.created_at)
    return polling.after_ms(video.status, video.progress, age_s, usual, waiting)


def _usual(tools: Tools, name: str, seconds: str) -> tuple[float | None, int]:
    """How long such clips take, in s, and how many videos wait for the providers that make them."""
    observed, now_s = tools.observer.observed, tools.clock.boot_s()
    found = tools.usual.known(name, seconds, observed, now_s)
    if found is None:
        model = tools.snapshot().model(name)
        routes = {route.name: route.provider for route in model.routes} if model is not None else {}
        seen = with_ahead(observed, routes.items(), tools.queues.ahead(now_s))
        waiting = min((tools.lines.get(provider, 0) for provider in routes.values()), default=0)
        found = polling.usual_s(routes, seen, int(seconds)), waiting
        tools.usual.keep(name, seconds, found)
    return found
