"""How many bytes one process holds for others at the same time, so that no crowd of large requests ends it.

A request takes its share piece by piece as its body and its pictures arrive, and is refused, to come again, when there
is no more, or its project has most of it. A submission knows beforehand what its pictures take, and waits in line for
all of it at once: who waits holds nothing, so nobody waits in a circle. Both have a part of their own, so that neither
starves the other.

The bytes are counted as they came. What is made of some for a moment, a text in base64 or a picture out of it, comes on
top.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, TypeAlias

from gateway.domain.errors import Unavailable

# Both together are what a worker may hold: docs/operations.md, Sizing.
IN_BYTES_MAX: Final = 192 * 1024 * 1024
OUT_BYTES_MAX: Final = 192 * 1024 * 1024

# One project's crowd leaves room for the others.
IN_BYTES_OF_ONE_MAX: Final = 144 * 1024 * 1024

Hold: TypeAlias = Callable[[int], None]
"""Takes so many bytes more. Unavailable if they are not there."""


class Memory:
    """So many bytes, and who has them at the moment."""

    def __init__(self, bytes_max: int, of_one_max: int | None = None) -> None:
        """`of_one_max`: the most that one owner has of it; None: all."""
        self.held = 0
        self._of: Counter[str] = Counter()  # those who have any
        self._bytes_max = bytes_max
        self._of_one_max = bytes_max if of_one_max is None else of_one_max
        self._line = asyncio.Lock()  # its holder is the first in line
        self._freed = asyncio.Event()

    @contextmanager
    def share(self, owner: str) -> Iterator[Hold]:
        """What takes more of it, for as long as the context lasts. `owner`: a project, or a vendor that calls back."""
        mine = 0

        def hold(size: int) -> None:
            nonlocal mine
            if self.held + size > self._bytes_max or self._of[owner] + size > self._of_one_max:
                raise Unavailable(
                    "The gateway holds too many large bodies and pictures. Try again in a moment.", retry_after_s=2
                )
            self.held += size
            self._of[owner] += size
            mine += size

        try:
            yield hold
        finally:
            self._of[owner] -= mine
            if not self._of[owner]:
                del self._of[owner]
            self._free(mine)

    @asynccontextmanager
    async def turn(self, size: int, wait_s: float) -> AsyncIterator[bool]:
        """So many bytes for as long as the context lasts: True; False if it was not their turn within this time."""
        if size and not await self._taken(size, wait_s):
            yield False
            return
        try:
            yield True
        finally:
            self._free(size)

    async def _taken(self, size: int, wait_s: float) -> bool:
        try:
            async with asyncio.timeout(wait_s), self._line:
                while self.held and self.held + size > self._bytes_max:  # what is too large goes alone
                    self._freed.clear()
                    await self._freed.wait()
                self.held += size
        except TimeoutError:
            return False
        return True

    def _free(self, size: int) -> None:
        self.held -= size
        self._freed.set()


def incoming() -> Memory:
    """For bodies that arrive, and the pictures fetched for them."""
    return Memory(IN_BYTES_MAX, IN_BYTES_OF_ONE_MAX)


def outgoing() -> Memory:
    """For the pictures of submissions."""
    return Memory(OUT_BYTES_MAX)
