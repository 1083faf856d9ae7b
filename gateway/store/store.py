"""The whole store, as the floors above see it.

Every method raises StoreAway for trouble with the infrastructure; expected outcomes are values (`outcomes`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.store.characters import Characters
from gateway.store.checks import Fitness, inspect
from gateway.store.due import Due
from gateway.store.errors import StoreRefused
from gateway.store.faces import Faces
from gateway.store.ledger import Ledger
from gateway.store.link import Link, Observe, unobserved
from gateway.store.names import Names
from gateway.store.outcomes import Rewound
from gateway.store.projects import Projects
from gateway.store.room import servers_own_time
from gateway.store.sequence import WRITE_EVERY_S, Remembered
from gateway.store.videos import Videos


class Store(Videos, Faces, Due, Projects, Characters, Ledger):
    """`open`, use, `close`; one per process. `remember`: the file in the data directory that outlives the process and
    knows how far the store had come. `now_ms` and `random` are a simulation's to replace."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "telecine",
        remember: Path | None = None,
        timeout_s: float = 5.0,
        patience_s: float = 5.0,
        reads_patience_s: float = 1.0,
        observe: Observe = unobserved,
        now_ms: Callable[[], int] = servers_own_time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        link = Link(url, timeout_s=timeout_s, patience_s=patience_s, reads_patience_s=reads_patience_s, observe=observe)
        super().__init__(link, Names(name), Remembered(remember), now_ms=now_ms, random=random)
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> Fitness:
        """Look at the server and at how far it has come. StoreRefused if it must not be used."""
        fitness = await self.check()
        if fitness.refusals:
            raise StoreRefused("; ".join(fitness.refusals))
        floor = self._sequence.seen
        self._sequence.meet(int(await self._link.command("GET", self._names.seq) or 0), floor)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="remember the sequence")
        return fitness

    async def check(self) -> Fitness:
        """Look at the server again. While it is unfit, nothing is admitted."""
        fitness = await inspect(self._link)
        self.unfit = fitness.refusals
        return fitness

    @property
    def rewound(self) -> Rewound | None:
        """Set once the store was found to have forgotten commits, until `acknowledge_rewound`."""
        return self._sequence.rewound

    def acknowledge_rewound(self) -> None:
        self._sequence.rewound = None

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
            await asyncio.to_thread(self._write_down)
        await self._link.close()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            if self._sequence.dirty:
                await asyncio.to_thread(self._write_down)

    def _write_down(self) -> None:
        # A disk that refuses is its owner's trouble elsewhere; here it only makes the memory older.
        with suppress(OSError):
            self._sequence.write()
