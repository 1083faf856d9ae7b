"""Processes and verdicts, as the tests of clips look at them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from gateway.assets.media import Sound
from gateway.domain.mp4 import WrongFile
from providers.contract import Size
from tests.support.processes import children_of

SQUARE = Size(128, 128)


OTHERS: set[int] = set()


def reason(verdict: Sound | WrongFile) -> str:
    assert isinstance(verdict, WrongFile)
    return verdict.reason


def own_children() -> list[int]:
    return [child for child in children_of(os.getpid()) if child not in OTHERS]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)
