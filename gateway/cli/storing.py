"""The store for one short command: the running gateway's, or one of its own for that moment, or the configured one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from gateway.cli.failure import Failure
from gateway.cli.options import Place
from gateway.config.load import load_config
from gateway.config.models import Config
from gateway.store.embedded import borrowed
from gateway.store.errors import BrokenRule, LedgerTrimmed, StoreAway, StoreRefused
from gateway.store.store import Store

T = TypeVar("T")


def with_store(place: Place, use: Callable[[Store], Awaitable[T]], *, begins: bool = False) -> T:
    """What `use` answers. Failure with a sentence when the store cannot be had. `begins`: the command may be the first
    that a new gateway sees; any other finds nothing in a data directory that is not there, and must not make one."""
    settings = load_config(place.config, os.environ).config
    try:
        with _url(settings, place.data_dir, begins=begins) as url:
            return asyncio.run(_use(settings, url, use))
    except (LedgerTrimmed, StoreAway, StoreRefused) as error:
        raise Failure(str(error)) from error
    except BrokenRule as error:
        raise Failure(f"the books do not allow that, and nothing was written: {error}") from error


@contextmanager
def store_url(place: Place, *, begins: bool = False) -> Iterator[str]:
    """Where that store is, for who works with more than it. StoreRefused."""
    with _url(load_config(place.config, os.environ).config, place.data_dir, begins=begins) as url:
        yield url


def providers_of(place: Place) -> frozenset[str]:
    """The names of the providers as they are configured now."""
    return frozenset(load_config(place.config, os.environ).config.providers)


@contextmanager
def _url(settings: Config, data_dir: Path, *, begins: bool) -> Iterator[str]:
    if settings.store.url is not None:
        yield settings.store.url.get_secret_value()
        return
    if not begins and not data_dir.exists():
        raise StoreRefused(
            f"there is no data directory {data_dir}; --data-dir names the gateway's, "
            "and telecine serve or telecine projects create makes one"
        )
    with borrowed(data_dir) as url:
        yield url


async def _use(settings: Config, url: str, use: Callable[[Store], Awaitable[T]]) -> T:
    store = Store(url, name=settings.gateway.name)
    try:
        await store.open()
        return await use(store)
    finally:
        await store.close()
