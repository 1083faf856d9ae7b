"""Chores: what every worker does now and then beside its steps, whoever asks for what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from gateway import metrics
from gateway.domain import doubts
from gateway.log import log, where
from gateway.store.errors import StoreAway
from gateway.work import accounts, folders, gauges, queueing
from gateway.work.retire import retire
from gateway.work.strays import sweep_strays
from gateway.work.tools import Tools
from gateway.work.trim import trim

STRAYS_EVERY_S: Final = 3_600.0
RETENTION_EVERY_S: Final = 300.0
DOUBTS_EVERY_S: Final = 30.0


class Chore(Struct, frozen=True):
    name: str
    work: Callable[[Tools], Awaitable[object]]
    trouble: str  # the event of its failures
    every_s: float
    at_once: bool = False  # the first time, too


def chores(tools: Tools, *, strays_every_s: float, retention_every_s: float) -> tuple[Chore, ...]:
    return (
        Chore("strays", sweep_strays, "strays_failed", strays_every_s),
        Chore("retention", _retain, "retention_failed", retention_every_s),
        Chore("doubts", _count_doubts, "doubts_not_counted", DOUBTS_EVERY_S),
        Chore("gauges", gauges.show_gauges, "gauges_not_set", gauges.EVERY_S, at_once=True),
        Chore("queues", queueing.look_at_queues, "queues_not_read", queueing.EVERY_S),
        Chore("folders", folders.note_folder, "folder_not_noted", folders.EVERY_S, at_once=True),
        Chore("accounts", accounts.watch_accounts, "accounts_not_read", accounts.EVERY_S, accounts.any_bounds(tools)),
        Chore("unread", accounts.watch_unread, "accounts_not_read", accounts.UNREAD_EVERY_S),
    )


async def again_and_again(tools: Tools, chore: Chore) -> None:
    """Each worker at its own pace, so that they seldom meet. What fails is told, and tried when its time comes."""
    pause_s = 0.0 if chore.at_once else _about(tools, chore.every_s)
    while True:
        await asyncio.sleep(pause_s)
        try:
            await chore.work(tools)
        except StoreAway as error:
            log("store_away", level="error", operation=error.operation, reason=str(error))
        except Exception as error:
            log(chore.trouble, level="error", **where(error))
        pause_s = _about(tools, chore.every_s)


def _about(tools: Tools, every_s: float) -> float:
    return every_s * (0.5 + tools.chance())


async def _retain(tools: Tools) -> None:
    await retire(tools)
    await trim(tools)


async def _count_doubts(tools: Tools) -> None:
    """What one worker counted is everybody's figure."""
    found = await tools.store.doubtful()
    metrics.doubts_open(sum(len(doubts.of_video(video)) for video in found.videos))
