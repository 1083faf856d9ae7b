"""A simulated vendor on loopback that speaks OpenAI's Videos contract strictly, and misbehaves on demand.

In the test's process:      async with vendor(render_s=0.1) as v: ... v.base_url, v.desk, v.book
In a process of its own:    async with vendor_process(tmp_path, render_s=0.1) as v: ... v.base_url, await v.counts()
By hand:                    python -m tests.support.vendor --port 0 --options '{"render_s": 2}'

A process prints one JSON line with `base_url`, `port` and `pid` once it listens, and lives until SIGTERM or SIGINT. It
counts what it received, so the counts survive the death of whoever asked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from aiohttp import web

from tests.support.vendor_clips import Clips
from tests.support.vendor_control import Control, RemoteVendor
from tests.support.vendor_faults import Book, Fault, throttle
from tests.support.vendor_http import Wire, application
from tests.support.vendor_jobs import Desk, Options

__all__ = ["Fault", "Options", "RemoteVendor", "Vendor", "throttle", "vendor", "vendor_process"]

READY_S_MAX = 20.0
STOP_S_MAX = 5.0
ROOT = Path(__file__).resolve().parents[2]


class Vendor:
    """A vendor in this process: look at its desk, write into its book."""

    def __init__(self, wire: Wire, port: int) -> None:
        self.wire = wire
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}/v1"

    @property
    def api_key(self) -> str:
        return self.wire.options.api_key

    @property
    def desk(self) -> Desk:
        return self.wire.desk

    @property
    def book(self) -> Book:
        return self.wire.book

    @property
    def counts(self) -> dict[str, int]:
        return self.wire.totals()

    def finish(self) -> None:
        """Every job has rendered long enough."""
        self.desk.finish()

    def change(self, **options: Any) -> None:
        """These options from now on, for the jobs that it has as well."""
        self.wire.options = self.desk.options = msgspec.structs.replace(self.wire.options, **options)

    def program(self, *faults: Fault) -> None:
        self.wire.book.program(faults)


@asynccontextmanager
async def vendor(port: int = 0, **options: Any) -> AsyncIterator[Vendor]:
    """A vendor on this event loop. `options` as in `Options`."""
    settings = msgspec.convert(options, Options)
    with tempfile.TemporaryDirectory() as folder:
        wire = Wire(settings, Clips(Path(settings.clips or folder)))
        app = application()
        Control(wire).add_routes(app)
        wire.add_routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
            await site.start()
            yield Vendor(wire, runner.addresses[0][1])
        finally:
            await runner.cleanup()


@asynccontextmanager
async def vendor_process(folder: Path, port: int = 0, **options: Any) -> AsyncIterator[RemoteVendor]:
    """A vendor in a process of its own; its errors go to a file in `folder`. Ends with the block."""
    settings = msgspec.convert(options, Options)
    command = ("-m", "tests.support.vendor", "--port", str(port), "--options", msgspec.json.encode(settings).decode())
    with (folder / "vendor.err").open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=errors
        )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), READY_S_MAX)
        ready = json.loads(line or b"{}")
        assert ready, f"the vendor did not start: {(folder / 'vendor.err').read_text()}"
        yield RemoteVendor(ready["base_url"], settings.api_key, ready["pid"])
    finally:
        await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _serve(port: int, options: dict[str, Any]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with vendor(port, **options) as here:
        ready = {"base_url": here.base_url, "port": here.port, "pid": os.getpid(), "api_key": here.api_key}
        print(json.dumps(ready), flush=True)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.vendor", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--options", type=json.loads, default={}, help="JSON object, as in vendor_jobs.Options")
    parser.add_argument("--clips", help="folder of <W>x<H>_<s>.mp4; missing ones are made there")
    parser.add_argument("--fast", action="store_true", help="remember no requests")
    given = parser.parse_args()
    options = given.options | ({"clips": given.clips} if given.clips else {}) | ({"fast": True} if given.fast else {})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(given.port, options))


if __name__ == "__main__":
    main()
