"""Wiring: the only place that builds things. One `Parts` per process, opened in its event loop and closed there.

What belongs to the whole gateway (the private store, the mock's vendor) is started by `serve`; a worker is told where.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from msgspec import Struct

from gateway import metrics
from gateway.assets.local import LocalAssets
from gateway.assets.media import Media
from gateway.clock import SystemClock
from gateway.config.load import ConfigFile
from gateway.config.models import Config
from gateway.entropy import Entropy
from gateway.log import log
from gateway.snapshot import Snapshot
from gateway.store.store import Store
from gateway.tracing import spans
from gateway.upstream.driver import Driver
from gateway.upstream.webhooks import Poster
from gateway.work.bounds import shut_unread
from gateway.work.configuring import FILE_REFUSED, Configuring
from gateway.work.following import Follower
from gateway.work.making import Made, Maker, no_check
from gateway.work.tools import Tools


class Site(Struct, frozen=True, kw_only=True):
    """Where a worker finds what the gateway as a whole has."""

    config: str  # the file's name, for complaints
    config_text: bytes  # what `serve` serves by: good here, whatever the store has by now
    started_text: bytes | None = None  # what it was started with, where some of it counts until it ends; None: the same
    config_number: int = 0  # the version that `config_text` is; 0: none
    data_dir: str
    store_url: str
    name: str = ""  # begins every key in the store; "": as the configuration says
    sandbox_socket: str | None = None
    replica: str = ""  # names the gateway that follows the store's configuration; "": a command, which does not


@dataclass(frozen=True, slots=True)
class Parts:
    """What the entrances of one process work with."""

    tools: Tools


@asynccontextmanager
async def opened(site: Site, check: Callable[[ConfigFile], None] = no_check) -> AsyncIterator[Parts]:
    """Everything that the entrances of one process need, open and checked. `check`: of a configuration, what
    only floors above know.

    ConfigError, StoreRefused and StoreAway say why it cannot be.
    """
    maker, first = _first(site, check)
    snapshot = first.snapshot
    async with AsyncExitStack() as stack:
        _trace(snapshot, stack)
        store = await _store(site, snapshot, stack)
        follower = Follower(store, maker, first, site.config_number, partial(_tell, site))
        if site.replica:
            await _follow(follower, stack)
        assets = LocalAssets(assets_root(snapshot.settings, Path(site.data_dir)))
        await assets.start()
        stack.push_async_callback(assets.close)
        clock = SystemClock()
        driver = Driver(
            assets.read,
            clock,
            observe=spans.calls(metrics.upstream),
            socket_timeout_s=snapshot.settings.gateway.socket_timeout_s,
        )
        stack.push_async_callback(driver.close)
        poster = Poster()
        stack.push_async_callback(poster.close)
        media = Media()
        stack.push_async_callback(media.close)
        tools = Tools(
            store=store,
            driver=driver,
            assets=assets,
            media=media,
            clock=clock,
            snapshot=follower.snapshot,
            random=Entropy(),
            chance=random.random,
            due=asyncio.Event(),
            configuring=Configuring(maker, follower, site.replica, Path(site.data_dir) / FILE_REFUSED),
            poster=poster,
        )
        yield Parts(tools)


def _trace(snapshot: Snapshot, stack: AsyncExitStack) -> None:
    """Begins before what is traced, and ends after it."""
    settings = snapshot.settings.tracing
    if settings.endpoint is None:
        return
    spans.start(
        endpoint=settings.endpoint,
        headers={name: value.get_secret_value() for name, value in settings.headers.items()},
        name=snapshot.settings.gateway.name,
        share=settings.share,
        chance=random.random,
        random=Entropy(),
    )
    stack.push_async_callback(asyncio.to_thread, spans.stop)


def assets_root(settings: Config, data_dir: Path) -> Path:
    """Where clips stand."""
    return data_dir / "assets" if settings.assets.dir is None else Path(settings.assets.dir)


async def _store(site: Site, snapshot: Snapshot, stack: AsyncExitStack) -> Store:
    store = Store(
        site.store_url,
        name=site.name or snapshot.settings.gateway.name,
        remember=Path(site.data_dir) / "sequence",
        observe=spans.operations(metrics.store_time),
        wait_replicas=snapshot.settings.store.wait_replicas,
    )
    stack.push_async_callback(store.close)
    fitness = await store.open()
    await shut_unread(store, snapshot)
    for warning in fitness.warnings:
        log("store_warning", level="warning", reason=warning)
    return store


def _first(site: Site, check: Callable[[ConfigFile], None]) -> tuple[Maker, Made]:
    """What texts are read with here, and what is served to begin with. What the gateway was started with, it keeps."""
    reader = Maker(site.config, os.environ, site.sandbox_socket, check)
    if site.started_text in (None, site.config_text):
        made = reader.make(site.config_text)
        return replace(reader, started=made.file.config), made
    maker = replace(reader, started=reader.make(site.started_text or b"").file.config)
    return maker, maker.make(site.config_text)


async def _follow(follower: Follower, stack: AsyncExitStack) -> None:
    """From the version that counts now on. One that cannot be used here leaves what `serve` read."""
    await follower.look()
    following = asyncio.create_task(follower.follow(), name="follow the configuration")

    async def stop() -> None:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    stack.push_async_callback(stop)


def _tell(site: Site, follower: Follower) -> None:
    """The figures of the configuration. The master says by a file of its own whether config.yaml was refused."""
    metrics.config_version(follower.number)
    metrics.config_sound(follower.refused is None and not (Path(site.data_dir) / FILE_REFUSED).exists())
