"""One sandbox for all tests that do not kill it: it renders at once unless a prompt says otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.sandbox import Sandbox, Talk


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("--queue-seconds", "0", "--render-seconds", "0") as started:
        yield started


@pytest.fixture
async def mock(sandbox: Sandbox) -> AsyncIterator[Talk]:
    async with sandbox.mock() as talk:
        yield talk
