"""Queues of servers of one's own: looked at by each worker every few seconds, for the plans that it makes.

Such servers take every job and let it wait, and nobody but they knows who else uses them.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from gateway import metrics
from gateway.upstream.driver import Driver
from gateway.upstream.endpoints import Endpoint
from gateway.work.tools import Tools
from providers.contract import Adapter, Load

EVERY_S: Final = 5.0
TIMEOUT_S: Final = 4.0
AT_ONCE_MAX: Final = 8


async def look_at_queues(tools: Tools) -> None:
    """Every server that tells, once. One that does not answer leaves its last figure to grow stale."""
    telling = [one for one in tools.snapshot().endpoints.values() if tells(one.adapter)]
    tools.queues.keep(frozenset(one.provider for one in telling))
    turn = asyncio.Semaphore(AT_ONCE_MAX)

    async def look(endpoint: Endpoint) -> None:
        async with turn:
            await _look(tools, endpoint)

    await asyncio.gather(*(look(one) for one in telling))
    metrics.provider_queues(tools.queues.ahead(tools.clock.boot_s()))


async def _look(tools: Tools, endpoint: Endpoint) -> None:
    at_s = tools.clock.boot_s()
    jobs = await jobs_at(tools.driver, endpoint)
    if jobs is not None:
        tools.queues.learn(endpoint.provider, jobs, at_s)


async def jobs_at(driver: Driver, endpoint: Endpoint) -> int | None:
    """How many wait or run there, of whoever asked; None where that is not told."""
    outcome = await driver.load(endpoint, endpoint.adapter.load(), timeout_s=TIMEOUT_S)
    return outcome.jobs if isinstance(outcome, Load) else None


def tells(adapter: Adapter[Any]) -> bool:
    """Whether looking makes a call at all; not one is sent."""
    flow = adapter.load()
    try:
        next(flow)
    except StopIteration:
        return False
    finally:
        flow.close()
    return True
