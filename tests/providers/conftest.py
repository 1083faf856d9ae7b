"""A strict vendor, and the openai adapter talking to it. These tests run on the loop that serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from tests.support.openai_talk import QUICK, Talk, talk
from tests.support.vendor import Vendor, vendor


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def v(tmp_path: Path) -> AsyncIterator[Vendor]:
    async with vendor(clips=str(tmp_path), **QUICK) as running:
        yield running


@pytest_asyncio.fixture
async def t(v: Vendor) -> AsyncIterator[Talk]:
    async with talk(v.base_url, v.api_key) as talking:
        yield talking
