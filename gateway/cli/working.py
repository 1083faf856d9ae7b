"""What a command does that works as a worker does: with the whole house, not with the store alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.cli.failure import Failure
from gateway.cli.options import Place
from gateway.cli.storing import store_url
from gateway.cli.vendors import sandbox_of
from gateway.domain.errors import ClientError
from gateway.log import journal
from gateway.store.errors import StoreAway, StoreRefused
from gateway.wiring import Parts, Site, opened

T = TypeVar("T")


def with_house(place: Place, use: Callable[[Parts], Awaitable[T]]) -> T:
    """What `use` answers. Only errors are logged meanwhile. Failure with the sentence that a client would be told, or
    where the store cannot be had."""
    journal.set_threshold("error")
    try:
        with store_url(place) as url:
            site = Site(
                config=str(place.config),
                config_text=place.config.read_bytes(),
                data_dir=str(place.data_dir),
                store_url=url,
                sandbox_socket=str(sandbox_of(place)),
            )
            return asyncio.run(_use(site, use))
    except (StoreAway, StoreRefused, ClientError) as error:
        raise Failure(str(error)) from error


async def _use(site: Site, use: Callable[[Parts], Awaitable[T]]) -> T:
    async with opened(site) as parts:
        return await use(parts)
