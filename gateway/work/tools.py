"""What the use cases work with: the edges, the clock, chance and the configuration of the moment, passed in once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.assets.media import Media
from gateway.assets.store import AssetStore
from gateway.clock import SystemClock
from gateway.domain.routing import Model, Route
from gateway.domain.videos import AttemptState, Video
from gateway.domain.world import World
from gateway.snapshot import Snapshot
from gateway.store.store import Store
from gateway.upstream.driver import Driver
from gateway.upstream.webhooks import Poster
from gateway.work import memory
from gateway.work.configuring import Configuring
from gateway.work.hearers import Hearers
from gateway.work.looks import Looks
from gateway.work.memory import Memory
from gateway.work.names_lately import NamesLately
from gateway.work.observer import Observer
from gateway.work.odd_words import OddWords
from gateway.work.queues import Queues
from gateway.work.usual import Usual
from gateway.work.watches import Watches


@dataclass(slots=True)
class Tools:
    """One per process. `snapshot()` is asked once per request or step, and its answer kept to the end. What a
    background loop learns is swapped in whole."""

    store: Store
    driver: Driver
    assets: AssetStore
    media: Media
    clock: SystemClock
    snapshot: Callable[[], Snapshot]
    random: Callable[[int], bytes]  # so many random bytes
    chance: Callable[[], float]  # in [0, 1)
    due: asyncio.Event  # set when something became due in this process: its runner looks at once
    configuring: Configuring | None = None  # where the configuration can be changed; None: nowhere
    observer: Observer = field(default_factory=Observer)  # what is learnt of routes, with the other replicas
    queues: Queues = field(default_factory=Queues)  # of servers of one's own, as this process last saw them
    names: NamesLately = field(default_factory=NamesLately)  # that series may have
    odd_words: OddWords = field(default_factory=OddWords)  # which vendors used for a state, and nobody knows
    usual: Usual = field(default_factory=Usual)  # how long clips take, for what clients are told
    looks: Looks = field(default_factory=Looks)  # when attempts beside each other are to be looked at again
    watches: Watches = field(default_factory=Watches)  # the videos that clients of this process follow
    poster: Poster = field(default_factory=Poster)  # sends webhooks
    hearers: Hearers = field(default_factory=Hearers)  # who wants to hear of what, as it was a moment ago
    told: asyncio.Event = field(default_factory=asyncio.Event)  # set when this process has written a delivery
    incoming: Memory = field(default_factory=memory.incoming)  # bodies, and pictures fetched for them
    outgoing: Memory = field(default_factory=memory.outgoing)  # pictures of submissions
    lines: Mapping[str, int] = field(default_factory=dict)  # by provider, how many videos waited for it a moment ago

    def world(self, snapshot: Snapshot, video: Video, *, ledger_ms: int = 0) -> World:
        """What the domain may look at beside the record."""
        name = video.request.model
        # A model may have left the configuration since; its videos end under the default policies.
        model = snapshot.model(name) or Model(name=name, routes=())
        return World(
            now_ms=self.clock.now_ms(),
            model=model,
            routes=snapshot.routes,
            left=_left(snapshot, video),
            jitter=self.chance(),
            doubts_until_ms=self.store.doubts_until_ms,
            ledger_ms=ledger_ms,
            observed=self.observer.observed,
        )


def _left(snapshot: Snapshot, video: Video) -> dict[str, Route]:
    """The routes of attempts that were sent by an earlier configuration and have left it since. What is only planned
    has lost its route, and takes another."""
    names = {
        one.route
        for one in video.open_attempts
        if one.route not in snapshot.routes and one.state is not AttemptState.PLANNED
    }
    found = ((name, snapshot.left_route(name)) for name in names)
    return {name: route for name, route in found if route is not None}
