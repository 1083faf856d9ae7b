"""/healthz, /readyz and /metrics: for probes and scrapes, without a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway import metrics
from gateway.api.exchange import Answer, Exchange, of_json
from gateway.api.frame import Handler
from gateway.store.errors import StoreAway
from providers.contract import Json

METRICS = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


async def health(exchange: Exchange) -> Answer:
    """This process answers. Says nothing of what stands behind it."""
    return of_json({"status": "ok"})


def readiness(ready: Callable[[], bool]) -> Handler:
    """Whether requests should be sent here: the store answers and may be written, and no stop is under way."""

    async def answer(exchange: Exchange) -> Answer:
        troubles = [*await _store_troubles(exchange), *([] if ready() else ["this worker is stopping"])]
        body: dict[str, Json] = {"status": "unready" if troubles else "ready", "reasons": list(troubles)}
        return Answer(of_json(body).body, 503 if troubles else 200)

    return answer


async def scrape(exchange: Exchange) -> Answer:
    # Gathering over several workers reads files.
    return Answer(await asyncio.to_thread(metrics.exposition), 200, (), METRICS)


async def _store_troubles(exchange: Exchange) -> list[str]:
    store = exchange.tools.store
    try:
        fitness = await store.check()
    except StoreAway:
        return ["the store does not answer"]
    troubles = list(fitness.refusals)
    if store.rewound is not None:
        troubles.append("the store has forgotten commits; nothing is submitted until: telecine store accept")
    return troubles
