"""/healthz, /readyz and /metrics: for probes and scrapes, without a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway import metrics
from gateway.api.exchange import Answer, Exchange, of_json
from gateway.api.frame import Handler
from gateway.domain.readiness import told
from gateway.work.readiness import DiskLook, obstacles

METRICS = (b"content-type", metrics.CONTENT_TYPE)


async def health(exchange: Exchange) -> Answer:
    """This process answers. Says nothing of what stands behind it."""
    return of_json({"status": "ok"})


def readiness(ready: Callable[[], bool]) -> Handler:
    """Whether requests should be sent here, and if not, why: words of `domain.readiness`."""
    disk = DiskLook()

    async def answer(exchange: Exchange) -> Answer:
        found, refusals = await obstacles(exchange.tools, disk, stopping=not ready())
        return Answer(of_json(told(found, refusals)).body, 503 if found else 200)

    return answer


async def scrape(exchange: Exchange) -> Answer:
    # Gathering over several workers reads files.
    tools = exchange.tools
    named = tools.names.known(tools.snapshot(), tools.clock.boot_s())
    return Answer(await asyncio.to_thread(metrics.exposition, named), 200, (), METRICS)
