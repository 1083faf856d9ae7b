"""Wiring: the only place that builds things. One `Parts` per process, opened in its event loop and closed there.

What belongs to the whole gateway (the private store, the mock's vendor) is started by `serve`; a worker is told where.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from gateway import metrics
from gateway.assets.local import LocalAssets
from gateway.assets.media import Media
from gateway.clock import SystemClock
from gateway.config.load import parse_config
from gateway.log import log
from gateway.snapshot import Snapshot, build_snapshot
from gateway.store.store import Store
from gateway.upstream.driver import Driver
from gateway.work.tools import Tools


class Site(Struct, frozen=True, kw_only=True):
    """Where a worker finds what the gateway as a whole has."""

    config: str  # the file's name, for complaints
    config_text: bytes  # as `serve` read and checked it: a worker that starts later must not read another one
    data_dir: str
    store_url: str
    sandbox_socket: str | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What the entrances of one process work with."""

    tools: Tools
    snapshot: Snapshot


@asynccontextmanager
async def opened(site: Site) -> AsyncIterator[Parts]:
    """Everything that the entrances of one process need, open and checked.

    ConfigError, StoreRefused and StoreAway say why it cannot be.
    """
    snapshot = build_snapshot(
        parse_config(site.config, site.config_text, os.environ), sandbox_socket=site.sandbox_socket
    )
    async with AsyncExitStack() as stack:
        store = await _store(site, snapshot, stack)
        assets = LocalAssets(Path(site.data_dir) / "assets")
        await assets.start()
        stack.push_async_callback(assets.close)
        clock = SystemClock()
        driver = Driver(
            assets.read,
            clock,
            observe=metrics.upstream,
            socket_timeout_s=snapshot.settings.gateway.socket_timeout_s,
        )
        stack.push_async_callback(driver.close)
        media = Media()
        stack.push_async_callback(media.close)
        tools = Tools(
            store=store,
            driver=driver,
            assets=assets,
            media=media,
            clock=clock,
            snapshot=lambda: snapshot,
            random=os.urandom,
            chance=random.random,
            due=asyncio.Event(),
        )
        yield Parts(tools, snapshot)


async def _store(site: Site, snapshot: Snapshot, stack: AsyncExitStack) -> Store:
    store = Store(
        site.store_url,
        name=snapshot.settings.gateway.name,
        remember=Path(site.data_dir) / "sequence",
        observe=metrics.store_time,
    )
    stack.push_async_callback(store.close)
    fitness = await store.open()
    await store.limit_providers(snapshot.limits)
    for warning in fitness.warnings:
        log("store_warning", level="warning", reason=warning)
    return store
