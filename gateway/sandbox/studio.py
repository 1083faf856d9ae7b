"""Rendering in child processes: how many at once, how many may wait, how long one may take, and what is kept.

Lives here: the queue before the darkroom. A clip that was asked for twice is rendered once. The process that serves
never imports av or Pillow.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict

from msgspec import Struct
from msgspec.structs import replace

from gateway.children.pool import ChildLost, Children, ChildrenAway, PoolLimits, program
from gateway.sandbox.orders import Kind, Order, Task, decode_done, encode, name
from gateway.sandbox.shelf import Shelf

AT_ONCE = 2
WAITING_MAX = 64
RENDER_S_MAX = 120.0
RENDERER = program("gateway.sandbox.render")
FAILURES_KEPT = 1_000
TROUBLE_S = 5.0
TRIES_MAX = 3


class Busy(Exception):
    """As much is waiting as may wait, or the machine failed; a little later it may go."""


class CannotRender(Exception):
    """The clip cannot be made; the message says why in a few words."""


class Failure(Struct, frozen=True):
    """`passes`: of the machine, not of the order; the same is rendered again a little later, a few times."""

    reason: str
    passes: bool
    tries: int = 1
    again_s: float = 0.0  # by the loop's clock

    @property
    def final(self) -> bool:
        return not self.passes or self.tries >= TRIES_MAX


class Studio:
    """`trouble_s`: how long nothing is tried after a failure of the machine."""

    def __init__(
        self,
        clips: Shelf,
        uploads: Shelf,
        *,
        at_once: int = AT_ONCE,
        waiting_max: int = WAITING_MAX,
        trouble_s: float = TROUBLE_S,
    ) -> None:
        self._clips = clips
        self._uploads = uploads
        self._turn = asyncio.Semaphore(at_once)
        self._renderers = Children(RENDERER, PoolLimits(children=at_once, job_s=RENDER_S_MAX))
        self._at_once = at_once
        self._open_max = at_once + waiting_max
        self._work: dict[str, asyncio.Task[None]] = {}
        self._trouble_s = trouble_s
        self._failures: OrderedDict[str, Failure] = OrderedDict()

    def foresee(self, order: Order) -> None:
        """Begin a clip that will be wanted, if a renderer is idle: nobody who wants one now waits for it."""
        file = name(order, "video")
        if len(self._work) < self._at_once and file not in self._failures and self._clips.find(file) is None:
            self._begin(order, "video")

    def ready(self, order: Order, kind: Kind = "video") -> bool:
        """Whether the file is there; if not, its rendering is begun. CannotRender if that has failed for good."""
        file = name(order, kind)
        if self._clips.find(file) is not None:
            return True
        with contextlib.suppress(Busy):  # whoever asks again begins it
            self._raise_failure(file, asyncio.get_running_loop().time())
            self._begin(order, kind)
        return False

    async def file(self, order: Order, kind: Kind) -> str:
        """The path of the finished file, rendered now if need be. Busy or CannotRender."""
        file = name(order, kind)
        if self._clips.find(file) is None:
            if kind != "video":
                await self.file(order, "video")
            self._raise_failure(file, asyncio.get_running_loop().time())
            await asyncio.shield(self._begin(order, kind))
            self._raise_failure(file)
        return str(self._clips.root / file)

    async def close(self) -> None:
        """Stop what is being rendered and wait until its processes are gone."""
        for task in self._work.values():
            task.cancel()
        await asyncio.gather(*self._work.values(), return_exceptions=True)
        await self._renderers.close()

    def _raise_failure(self, file: str, now_s: float = 0.0) -> None:
        """CannotRender for good; Busy where it is not to be tried again yet, and without `now_s` in any case."""
        failure = self._failures.get(file)
        if failure is not None and failure.final:
            raise CannotRender(failure.reason)
        if failure is not None and now_s < failure.again_s:
            raise Busy(failure.reason)

    def _note(self, file: str, failure: Failure) -> None:
        before = self._failures.pop(file, None)
        tries = before.tries + 1 if before is not None else 1
        again_s = asyncio.get_running_loop().time() + self._trouble_s
        self._failures[file] = replace(failure, tries=tries, again_s=again_s)
        while len(self._failures) > FAILURES_KEPT:
            self._failures.popitem(last=False)

    def _begin(self, order: Order, kind: Kind) -> asyncio.Task[None]:
        file = name(order, kind)
        if file not in self._work:
            if len(self._work) >= self._open_max:
                raise Busy("the studio is full")
            self._work[file] = asyncio.create_task(self._render(order, kind, file))
        return self._work[file]

    async def _render(self, order: Order, kind: Kind, file: str) -> None:
        out = self._clips.aside()
        clip = str(self._clips.root / name(order, "video")) if kind != "video" else None
        task = Task(kind=kind, order=order, out=str(out), clip=clip, uploads=str(self._uploads.root))
        for upload in (order.image, order.last_image, order.source):
            if upload:
                self._uploads.find(upload)
        try:
            async with self._turn:
                failure = await self._rendered(task)
            if failure is None:
                self._clips.put(out, file)
                self._failures.pop(file, None)
            else:
                self._note(file, failure)
        finally:
            out.unlink(missing_ok=True)
            del self._work[file]

    async def _rendered(self, task: Task) -> Failure | None:
        """Let one process do the task. What went wrong, None if nothing did."""
        try:
            done = await self._renderers.ask(encode(task), decode_done)
        except (ChildLost, ChildrenAway) as error:
            return Failure(f"the render process: {error}", passes=True)
        return None if done.error is None else Failure(done.error, passes=False)
