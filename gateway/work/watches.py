"""The videos that clients of this process follow: one look for all of them, whoever and however many they are.

While anybody follows, one loop asks the store a few times a second which of the followed videos have moved: one round
trip for all. Commits tell nobody anything, so what nobody follows costs nothing (docs/decisions/0029).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final, Protocol

from gateway.log import log, where
from gateway.store.errors import StoreAway
from gateway.store.outcomes import GONE, Sight

EVERY_S: Final = 0.25
AWAY_S_MAX: Final = 10.0
"""Followers wait so long for a store that does not answer; then they are sent away, to come back by themselves."""


class TooMany(Exception):
    """Nobody more may follow now. `of_key`: because of this key's others; `most`: how many there may be."""

    def __init__(self, most: int, *, of_key: bool) -> None:
        super().__init__(f"{most} follow already")
        self.most = most
        self.of_key = of_key


class Stopping(Exception):
    """This process ends: another one is to be asked."""


class Looks(Protocol):
    """What the loop asks the store."""

    async def changed(self, known: Mapping[str, int]) -> dict[str, Sight]: ...


class Watch:
    """One video, and who follows it. `sight` is None until it was looked at."""

    __slots__ = ("followers", "sight")

    def __init__(self) -> None:
        self.sight: Sight | None = None
        self.followers: set[Follower] = set()

    def show(self, sight: Sight) -> None:
        self.sight = sight
        for one in self.followers:
            one.wake()


class Follower:
    """One client's view of one video. It holds the latest state only: who is slow skips what came between."""

    def __init__(self, watch: Watch) -> None:
        self.over = False  # there will be no more news: the client left, the store is away, the process ends
        self._watch = watch
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    def leave(self) -> None:
        self.over = True
        self._woken.set()

    async def next(self, seen: bytes | None, wait_s: float) -> Sight | None:
        """The video as soon as its face is another than `seen` (None: as soon as it was looked at); None when the time
        is up, or `over`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, wait_s)):
                while not self.over:
                    self._woken.clear()
                    sight = self._watch.sight
                    if sight is not None and sight.face != seen:
                        return sight
                    await self._woken.wait()
        return None


class Watches:
    """One per process. Followers are bounded: all of them, and those of a key."""

    def __init__(self, *, every_s: float = EVERY_S, away_s_max: float = AWAY_S_MAX) -> None:
        self.count = 0
        self._every_s = every_s
        self._away_s_max = away_s_max
        self._watched: dict[str, Watch] = {}
        self._by_key: dict[str, int] = {}
        self._asked = asyncio.Event()  # a video is new here: it is looked at without waiting for the next turn
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    @contextmanager
    def follow(self, store: Looks, video_id: str, key: str, *, most: int, most_of_key: int) -> Iterator[Follower]:
        """Follow a video that `key` may see. TooMany; Stopping."""
        if self._closed:
            raise Stopping
        if self.count >= most:
            raise TooMany(most, of_key=False)
        if self._by_key.get(key, 0) >= most_of_key:
            raise TooMany(most_of_key, of_key=True)
        watch = self._watched.get(video_id)
        if watch is None:
            watch = self._watched[video_id] = Watch()
            self._asked.set()
        follower = Follower(watch)
        watch.followers.add(follower)
        self.count += 1
        self._by_key[key] = self._by_key.get(key, 0) + 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(store), name="watch")
        try:
            yield follower
        finally:
            self._leave(video_id, watch, follower, key)

    def close(self) -> None:
        """Every follower is sent away, and nobody is taken any more: this process ends."""
        self._closed = True
        self._lose()
        self._asked.set()

    # --- the loop ------------------------------------------------------------------------------------------------

    async def _look(self, store: Looks) -> None:
        """As long as anybody follows. Who follows is never left waiting for a loop that failed."""
        clock = asyncio.get_running_loop().time
        answered_s = clock()
        try:
            while self._watched:
                self._asked.clear()
                try:
                    await self._turn(store)
                    answered_s = clock()
                except StoreAway as error:
                    if clock() - answered_s > self._away_s_max:
                        log("store_away", level="error", operation=error.operation, reason=str(error))
                        return
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._every_s):
                        await self._asked.wait()
        except Exception as error:
            log("watching_failed", level="error", **where(error))
        finally:
            self._lose()

    async def _turn(self, store: Looks) -> None:
        known = {one: watch.sight.version if watch.sight else 0 for one, watch in self._watched.items()}
        moved = await store.changed(known)
        for one, version in known.items():
            watch = self._watched.get(one)
            if watch is None:
                continue
            if one in moved:
                watch.show(moved[one])
            elif not version and watch.sight is None:
                watch.show(GONE)

    def _lose(self) -> None:
        for watch in self._watched.values():
            for one in watch.followers:
                one.leave()
        self._watched.clear()

    def _leave(self, video_id: str, watch: Watch, follower: Follower, key: str) -> None:
        watch.followers.discard(follower)
        self.count -= 1
        self._by_key[key] -= 1
        if not self._by_key[key]:
            del self._by_key[key]
        if not watch.followers and self._watched.get(video_id) is watch:
            del self._watched[video_id]
