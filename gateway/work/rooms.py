"""Where a queued video goes when the provider that it was planned for takes nothing now: to another route that does, or
into the lines of all that might, until it is called."""

from __future__ import annotations

from typing import Final

from gateway.domain import failover
from gateway.domain.news import Lined, Rerouted
from gateway.domain.world import World
from gateway.work.act import Result, Wait
from gateway.work.book import Job
from gateway.work.tools import Tools

REROUTES_MAX: Final = 4
"""Per step: what was free a moment ago may be taken when we come, and each change of route is two entries."""


async def find_room(tools: Tools, job: Job, ordinal: int, world: World, *, shut_until_ms: int = 0) -> Result:
    """The news for a submission that found its provider busy; a wait where it stands in all lines already.
    `shut_until_ms`: the breaker of its route lets nothing through before, so room there is no use."""
    video = job.video
    routes = failover.askable(video, world)
    if shut_until_ms:
        routes = tuple(one for one in routes if one.route.name != video.attempt(ordinal).route)
    providers = tuple(dict.fromkeys(one.route.provider for one in routes))
    if not providers:
        return Wait(shut_until_ms)
    room = await tools.store.room_at(video.id, providers)
    own = video.attempt(ordinal)
    if room.provider is not None and room.provider != own.provider and job.reroutes < REROUTES_MAX:
        job.reroutes += 1
        return Rerouted(ordinal, next(one.route.name for one in routes if one.route.provider == room.provider))
    if shut_until_ms or set(providers) <= set(video.lined):
        return Wait(shut_until_ms)
    return Lined(ordinal, providers)
