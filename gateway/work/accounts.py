"""The balances of the vendors' accounts: read now and then by one worker for all, shown by each, and, where the
operator wants that, the bound of what may be held there.

A balance that cannot be read leaves the last one standing: its cap goes on to hold, and its age shows in the metrics.
Until it was read once, nothing is held where it shall be the bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from gateway import metrics
from gateway.domain.accounts import Finding, Standing, asks, cap_micros, figure, finding_of, standing_of
from gateway.domain.budgets import Cap, Window
from gateway.log import log
from gateway.snapshot import Snapshot
from gateway.work.tools import Tools

EVERY_S: Final = 60.0
UNREAD_EVERY_S: Final = 5.0
AT_ONCE_MAX: Final = 8


def any_bounds(tools: Tools) -> bool:
    """Whether a balance bounds what may be held: then it has to be known at once."""
    return any(one.balance == "budget" for one in tools.snapshot().settings.providers.values())


async def watch_unread(tools: Tools) -> None:
    """Accounts that are shut until they are read, `bounds`, are not left so for a minute."""
    if any_bounds(tools) and any(one.unread for one in (await tools.store.standings()).values()):
        await watch_accounts(tools)


async def watch_accounts(tools: Tools) -> None:
    """One look at every account whose balance is older than a moment, and nobody else looks at."""
    snapshot, turn = tools.snapshot(), asyncio.Semaphore(AT_ONCE_MAX)
    known = await tools.store.standings()

    async def look(provider: str) -> None:
        async with turn:
            await _look(tools, snapshot, provider, known.get(provider))

    await asyncio.gather(*(look(provider) for provider in _watched(snapshot)))
    for provider in known.keys() - set(_watched(snapshot)):
        await _let_go(tools, provider, known[provider])
    _show(await tools.store.standings())


def _watched(snapshot: Snapshot) -> list[str]:
    """Those that can be asked for a balance and shall be."""
    settings = snapshot.settings.providers
    return [
        name
        for name, endpoint in snapshot.endpoints.items()
        if settings[name].balance == "budget" or (settings[name].balance == "watch" and endpoint.adapter.tells_balance)
        if asks(endpoint.adapter)
    ]


async def _look(tools: Tools, snapshot: Snapshot, provider: str, last: Standing | None) -> None:
    fresh = last is not None and not last.unread and tools.clock.now_ms() - last.at_ms < EVERY_S * 500
    if fresh or not await tools.store.take_turn(provider):
        return
    settings = snapshot.settings.providers[provider]
    scope = f"provider/{provider}"
    # Before the vendor is asked: what is settled meanwhile may be in its answer already; so it counts twice, not never.
    held_micros, settled_micros = await tools.store.spent_in_all(scope)
    finding = await _asked(tools, snapshot, provider)
    rates = [
        price.credit_usd_billionths
        for route in snapshot.routes.values()
        if route.provider == provider
        for price in route.prices
    ]
    standing = standing_of(finding.balance, rates, tools.clock.now_ms()) if finding.balance is not None else None
    bounds = settings.balance == "budget"
    if standing is None or (bounds and standing.micros is None):
        if finding.problem is not None or bounds:
            reason = finding.problem or "it tells no balance that is worth a known sum"
            log("balance_not_read", level="warning", provider=provider, reason=reason)
        if standing is None:
            return
    if bounds and standing.micros is not None:
        keep_micros = settings.balance_keep or 0
        limit = cap_micros(standing.micros, keep_micros, settled_micros=settled_micros, held_micros=held_micros)
        await tools.store.set_cap(scope, Window.TOTAL, Cap(limit, ()))
    await _put(tools, provider, standing, last, bounds=bounds)


async def _put(tools: Tools, provider: str, standing: Standing, last: Standing | None, *, bounds: bool) -> None:
    if last is not None and last.bounds and not bounds:
        await tools.store.remove_cap(f"provider/{provider}", Window.TOTAL)
    await tools.store.put_standing(provider, standing.that_bounds(bounds))


async def _let_go(tools: Tools, provider: str, last: Standing) -> None:
    """Of an account that is not watched any more."""
    if last.bounds:
        await tools.store.remove_cap(f"provider/{provider}", Window.TOTAL)
    await tools.store.drop_standing(provider)


async def _asked(tools: Tools, snapshot: Snapshot, provider: str) -> Finding:
    endpoint = snapshot.endpoints[provider]
    timeout_s = snapshot.settings.providers[provider].poll_timeout_s
    return finding_of(await tools.driver.account(endpoint, endpoint.adapter.account(), timeout_s=timeout_s))


def _show(standings: Mapping[str, Standing]) -> None:
    read = {provider: standing for provider, standing in standings.items() if not standing.unread}
    metrics.balances_known({provider: standing.unit.value for provider, standing in read.items()})
    for provider, standing in read.items():
        metrics.balance(provider, standing.unit.value, figure(standing), standing.micros, standing.at_ms)
