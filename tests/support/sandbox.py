"""A real sandbox process on a socket of its own, and the mock that talks to it through the real driver.

with Sandbox() as sandbox:
    async with sandbox.mock() as mock:
        ref = await mock.accepted("A paper boat [mock:fast]")
        assert isinstance(await mock.end(ref), Finished)
"""

from __future__ import annotations

import asyncio
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from gateway.clock import SystemClock
from gateway.domain.verdicts import NoAnswer, PollOutcome, SubmitOutcome
from gateway.upstream.download import Downloaded, LinkStale
from gateway.upstream.driver import Driver
from gateway.upstream.endpoints import Endpoint
from providers.contract import Accepted, Blob, Finished, Ref, Refused, Running, Size, Sought, Spec
from providers.mock import Mock, Settings

READY_S_MAX = 20.0
STOP_S_MAX = 10.0
END_S_MAX = 100.0
POLL_S = 0.03
TIMEOUT_S = 5.0
FILE_BYTES_MAX = 64 * 1024 * 1024


class Sandbox:
    """Started and stopped by `with`, or by hand as often as a test likes: its data stays as long as the object.

    Short folders: the path of a socket has at most 107 bytes.
    """

    def __init__(self, *options: str) -> None:
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="tc-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.socket = self.folder / "s"
        self.data = self.folder / "data"
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.stop()

    def start(self) -> Sandbox:
        """Returns when it listens."""
        self.process = subprocess.Popen(
            [*self.command(), *self.options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], READY_S_MAX)
        line = self.process.stdout.readline() if ready else ""
        assert line == f"ready {self.socket}\n", f"the sandbox said {line!r}"
        return self

    def command(self) -> list[str]:
        return [sys.executable, "-m", "gateway.sandbox", "--socket", str(self.socket), "--data", str(self.data)]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it with a signal; its status, negative for a signal."""
        assert self.process is not None
        self.process.send_signal(number)
        try:
            return self.process.wait(STOP_S_MAX)
        finally:
            self.process.kill()
            self.process.communicate()
            self.process = None

    @asynccontextmanager
    async def mock(self, api_key: str | None = "sk-any", **settings: Any) -> AsyncIterator[Talk]:
        talk = Talk(self.socket, api_key, **settings)
        try:
            yield talk
        finally:
            await talk.close()


class Talk:
    """One mock adapter and a driver: its verbs with everything that does not matter filled in."""

    def __init__(self, socket: Path, api_key: str | None = "sk-any", **settings: Any) -> None:
        self.files: dict[str, bytes] = {}
        self.adapter = Mock(Settings(**settings), api_key)
        self._clock = SystemClock()
        self._driver = Driver(self._read, self._clock)
        self._endpoint = Endpoint("mock", "http://sandbox", self.adapter, unix_socket=str(socket))

    async def close(self) -> None:
        await self._driver.close()

    async def _read(self, name: str) -> AsyncIterator[bytes]:
        yield self.files[name]

    def blob(self, data: bytes, media_type: str = "video/mp4") -> Blob:
        """A file that a call may name."""
        name = f"file-{len(self.files)}"
        self.files[name] = data
        return Blob(name, media_type, len(data))

    def now_ms(self) -> int:
        return self._clock.now_ms()

    async def submit(
        self, asked: str | Spec, *, key: str | None = None, timeout_s: float = TIMEOUT_S, send: str = "submit"
    ) -> SubmitOutcome:
        flow = self.adapter.submit(spec(asked) if isinstance(asked, str) else asked, key or secrets.token_hex(8))
        until_s = self._clock.boot_s() + 5
        return await self._driver.submit(self._endpoint, flow, send_by_boot_s=until_s, timeout_s=timeout_s, send=send)

    async def accepted(self, asked: str | Spec, **how: Any) -> Ref:
        outcome = await self.submit(asked, **how)
        assert isinstance(outcome, Accepted), outcome
        return outcome.ref

    async def poll(self, ref: Ref) -> PollOutcome:
        return await self._driver.poll(self._endpoint, self.adapter.poll(ref), timeout_s=TIMEOUT_S)

    async def end(self, ref: Ref) -> PollOutcome:
        """Poll until the job has ended; refusals and silence end it too."""
        async with asyncio.timeout(END_S_MAX):
            while isinstance(outcome := await self.poll(ref), Running):
                await asyncio.sleep(POLL_S)
        return outcome

    async def finished(self, ref: Ref) -> Finished:
        outcome = await self.end(ref)
        assert isinstance(outcome, Finished), outcome
        return outcome

    async def cancel(self, ref: Ref) -> Any:
        return await self._driver.cancel(self._endpoint, self.adapter.cancel(ref, None), timeout_s=TIMEOUT_S)

    async def find(self, asked: str | Spec, key: str, since_ms: int) -> Any:
        wanted = spec(asked) if isinstance(asked, str) else asked
        flow = self.adapter.find(Sought(key=key, spec=wanted, since_ms=since_ms, until_ms=self.now_ms()))
        return await self._driver.find(self._endpoint, flow, timeout_s=TIMEOUT_S)

    async def character(self, asked: Any) -> Any:
        flow = self.adapter.character(asked)
        return await self._driver.character(self._endpoint, flow, timeout_s=TIMEOUT_S)

    async def account(self) -> Any:
        return await self._driver.account(self._endpoint, self.adapter.account(), timeout_s=TIMEOUT_S)

    async def download(
        self, ref: Ref, finished: Finished, at: int = 0
    ) -> tuple[Downloaded | LinkStale | NoAnswer, bytes]:
        body = bytearray()

        async def sink(chunk: bytes) -> None:
            body.extend(chunk)

        call = self.adapter.download(ref, finished.assets[at])
        outcome = await self._driver.download(self._endpoint, call, sink, bytes_max=FILE_BYTES_MAX, timeout_s=END_S_MAX)
        return outcome, bytes(body)

    async def clip(self, asked: str | Spec) -> bytes:
        """Submit, wait, download: the whole file."""
        ref = await self.accepted(asked)
        outcome, body = await self.download(ref, await self.finished(ref))
        assert isinstance(outcome, Downloaded) and not outcome.truncated, outcome
        return body


def spec(prompt: str, **how: Any) -> Spec:
    """A second of the smallest clip, unless it is said otherwise."""
    return Spec(**{"model": "mock-video", "prompt": prompt, "seconds": 1, "size": Size(128, 128), **how})


def descendants(pid: int) -> set[int]:
    """Every process below this one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(status.rpartition(")")[2].split()[1])
    found, last = {pid}, set[int]()
    while found != last:
        last = set(found)
        found |= {child for child, parent in parents.items() if parent in last}
    return found - {pid}


def refused(outcome: object) -> Refused:
    assert isinstance(outcome, Refused), outcome
    return outcome
