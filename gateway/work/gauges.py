"""Gauges that somebody has to look for: the queue, the books' holds, what limits leave, and how the store is.

A few reads of bounded size by each worker, now and then, whatever comes and goes meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway import metrics
from gateway.domain.permits import ProviderLimits
from gateway.store.errors import StoreAway
from gateway.work.tools import Tools

EVERY_S: Final = 10.0


async def show_gauges(tools: Tools) -> None:
    """StorageAway, or StoreAway, which is shown as well."""
    await _show_queue(tools)
    metrics.assets_free(await tools.assets.free_bytes())


async def _show_queue(tools: Tools) -> None:
    snapshot = tools.snapshot()
    tools.names.known(snapshot, tools.clock.boot_s())
    try:
        now_ms = tools.clock.now_ms()
        count, late_ms = await tools.store.backlog(now_ms)
        held, _ = await tools.store.spent_in_all("gateway")
        left = await _limits_left(tools, snapshot.limits, now_ms) if snapshot.limits else {}
    except StoreAway:
        _show_store(tools, reachable=False)
        raise
    metrics.due(count, late_ms / 1_000)
    metrics.held(held)
    metrics.limits_left(left)
    _show_store(tools, reachable=True)


async def _limits_left(tools: Tools, limits: Mapping[str, ProviderLimits], now_ms: int) -> dict[tuple[str, str], int]:
    """By provider and limit."""
    in_flight = await tools.store.in_flight()
    per_minute = {name: one.rpm for name, one in limits.items() if one.rpm is not None}
    sent = await tools.store.sent_lately(per_minute, now_ms) if per_minute else {}
    left = {(name, "rpm"): max(0, rpm - sent[name]) for name, rpm in per_minute.items()}
    for name, one in limits.items():
        if one.concurrency is not None:
            left[name, "concurrency"] = max(0, one.concurrency - in_flight.get(name, 0))
    return left


def _show_store(tools: Tools, *, reachable: bool) -> None:
    store = tools.store
    metrics.store_state(reachable=reachable, fit=not store.unfit, forgot=store.rewound is not None)
