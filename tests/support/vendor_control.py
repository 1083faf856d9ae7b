"""The simulated vendor's back door for tests, `/_control`: counts, jobs, faults and options at run time.

No key is wanted here. `RemoteVendor` is the other side of the door.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from typing import Any

import msgspec
from aiohttp import web

from tests.support.vendor_faults import Fault
from tests.support.vendor_http import Wire, say
from tests.support.vendor_jobs import Options


class Control:
    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/_control/counts", self.get_counts)
        app.router.add_get("/_control/jobs", self.get_jobs)
        app.router.add_get("/_control/requests", self.get_requests)
        app.router.add_put("/_control/faults", self.put_faults)
        app.router.add_put("/_control/options", self.put_options)
        app.router.add_post("/_control/finish", self.post_finish)

    async def get_counts(self, _: web.Request) -> web.Response:
        return say(self.wire.totals())

    async def get_jobs(self, _: web.Request) -> web.Response:
        return say(self.wire.desk.all_jobs(time.monotonic()))

    async def get_requests(self, _: web.Request) -> web.Response:
        return say(list(self.wire.requests))

    async def put_faults(self, request: web.Request) -> web.Response:
        """The body is a list of faults; they replace those that have not happened."""
        book = self.wire.book
        try:
            faults = msgspec.json.decode(await request.read(), type=list[Fault])
            for fault in faults:
                fault.check()
        except (msgspec.MsgspecError, ValueError) as error:
            return say({"error": {"message": str(error)}}, 400)
        book.clear()
        book.program(faults)
        return say({"faults": len(faults)})

    async def put_options(self, request: web.Request) -> web.Response:
        """The body holds the options to change."""
        try:
            current = msgspec.to_builtins(self.wire.options)
            options = msgspec.convert({**current, **msgspec.json.decode(await request.read())}, Options)
        except (msgspec.MsgspecError, TypeError) as error:
            return say({"error": {"message": str(error)}}, 400)
        self.wire.options = self.wire.desk.options = options
        return say(options)

    async def post_finish(self, _: web.Request) -> web.Response:
        self.wire.desk.finish()
        return say({})


class RemoteVendor:
    """A vendor in another process, looked at through its back door."""

    def __init__(self, base_url: str, api_key: str, pid: int) -> None:
        self.base_url = base_url
        self.api_key = api_key
        self.pid = pid
        self._control = base_url.removesuffix("/v1") + "/_control/"

    async def counts(self) -> dict[str, int]:
        counts: dict[str, int] = await self._ask("GET", "counts")
        return counts

    async def jobs(self) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = await self._ask("GET", "jobs")
        return jobs

    async def requests(self) -> list[dict[str, Any]]:
        requests: list[dict[str, Any]] = await self._ask("GET", "requests")
        return requests

    async def program(self, *faults: Fault) -> None:
        """These faults, and no others, are still to happen."""
        await self._ask("PUT", "faults", list(faults))

    async def change(self, **options: Any) -> None:
        await self._ask("PUT", "options", options)

    async def finish(self) -> None:
        """Every job made so far has rendered long enough."""
        await self._ask("POST", "finish")

    async def _ask(self, method: str, what: str, body: object = None) -> Any:
        data = None if body is None else msgspec.json.encode(body)
        return await asyncio.to_thread(_ask, method, self._control + what, data)


def _ask(method: str, url: str, data: bytes | None) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with opener.open(request, timeout=10) as reply:
        return json.loads(reply.read())
