"""The heads of the vendors' wire tests: a usual request, and an adapter that talks to its simulated vendor.

create = asking(model="gen4.5", prompt="A paper boat", seconds=2, size=HD)
both = both_ends(runway, adapter)
pair = paired(both)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pytest_asyncio

from providers.contract import Adapter, Spec
from tests.support.house import Simulator
from tests.support.openai_talk import Talk, talking

V = TypeVar("V", bound=Simulator)
Both: TypeAlias = Callable[..., AbstractAsyncContextManager[tuple[V, Talk]]]


def asking(**usual: Any) -> Callable[..., Spec]:
    """Makes requests that are as usual, but for what is said."""
    return lambda **changes: Spec(**{**usual, **changes})


def both_ends(
    vendor: Callable[..., AbstractAsyncContextManager[V]],
    adapter: Callable[[str], Adapter[Any]],
    at: Callable[[V], str] = lambda vendor: vendor.base_url,
) -> Both[V]:
    """Both ends at once: `both(folder of clips, **options of the vendor)`. `at`: where the adapter finds the vendor."""

    @asynccontextmanager
    async def both(folder: Path, **options: Any) -> AsyncIterator[tuple[V, Talk]]:
        async with vendor(clips=str(folder), **options) as v, talking(adapter(v.api_key), at(v)) as t:
            yield v, t

    return both


def paired(both: Both[V]) -> Any:
    """The fixture `pair`: both ends without options."""

    @pytest_asyncio.fixture(name="pair")
    async def pair(tmp_path: Path) -> AsyncIterator[tuple[V, Talk]]:
        async with both(tmp_path) as made:
            yield made

    return pair
