"""Callbacks of vendors: what comes in is checked, written down or passed on as *due*, and never believed by itself.

An address that carries an attempt's name under our HMAC speaks of that attempt: where its outcome is in doubt, the job
that is named is noted, and the stepper looks at it before it is bound. Everything else makes the video due, at most
once in a while, so that nobody can have a vendor asked as often as they like.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Struct

from gateway.domain import orphans
from gateway.domain.news import Named
from gateway.domain.signing import attempt_of
from gateway.domain.videos import Attempt, AttemptState, Video
from gateway.log import log
from gateway.store.errors import StoreAway
from gateway.upstream.endpoints import Endpoint
from gateway.work.book import Job, book
from gateway.work.tools import Tools
from providers.contract import Answer, Inbound, Notice, Ref

REF_BYTES_MAX: Final = 4_096
NOTICES_MAX: Final = 100
NUDGE_EVERY_S: Final = 1.0
NUDGED_MAX: Final = 10_000

UNKNOWN: Final = Answer(status=404)
_nudged: OrderedDict[str, float] = OrderedDict()
_later: set[asyncio.Task[None]] = set()


class Known(Struct, frozen=True):
    """An address that is ours. `attempt`: the video and the ordinal that it speaks of, if it speaks of one."""

    endpoint: Endpoint
    attempt: tuple[str, int] | None


async def known(tools: Tools, provider: str, name: str | None) -> Known | None:
    """`name`: the last part of the address, under our HMAC; None for an address without. StoreAway."""
    snapshot = tools.snapshot()
    endpoint = snapshot.endpoints.get(provider)
    if endpoint is None or snapshot.settings.gateway.public_url is None:
        return None
    if name is None:
        return Known(endpoint, None)
    attempt = attempt_of(await tools.store.hook_secret(), provider, name)
    return None if attempt is None else Known(endpoint, attempt)


async def receive(tools: Tools, provider: str, name: str | None, request: Inbound) -> Answer:
    """What the vendor hears back. StoreAway: the vendor should call again."""
    address = await known(tools, provider, name)
    if address is None:
        return UNKNOWN
    notices, answer = _read(address.endpoint, request)
    if address.attempt is None:
        for notice in notices:
            await _look_up(tools, address.endpoint, notice)
        return answer
    video_id, ordinal = address.attempt
    video = await tools.store.read(video_id)
    attempt = _open_attempt(video, provider, ordinal)
    if video is not None and attempt is not None:
        await _tell(tools, video, attempt, next((one.ref for one in notices if one.ref is not None), None))
    return answer


def _read(endpoint: Endpoint, request: Inbound) -> tuple[tuple[Notice, ...], Answer]:
    """What a stranger wrote may be anything; a failing adapter must not fail the gateway."""
    try:
        notices, answer = endpoint.adapter.webhook(request)
    except Exception as error:
        log("callback_unreadable", "warning", provider=endpoint.provider, kind=type(error).__name__)
        return (), Answer(status=400)
    return notices[:NOTICES_MAX], answer


def _open_attempt(video: Video | None, provider: str, ordinal: int) -> Attempt | None:
    """None where nothing is left to be learnt: the record is gone, or the attempt is closed or another provider's."""
    if video is None or ordinal > len(video.attempts):
        return None
    attempt = video.attempt(ordinal)
    return attempt if attempt.state is not AttemptState.CLOSED and attempt.provider == provider else None


async def _tell(tools: Tools, video: Video, attempt: Attempt, ref: Ref | None) -> None:
    small = ref is not None and len(msgspec.json.encode(ref)) <= REF_BYTES_MAX
    if ref is not None and small and attempt.ref is None and attempt.named is None:
        snapshot = tools.snapshot()
        job = Job(video, None, snapshot, lease_ms=snapshot.lease_ms)
        if await book(tools, job, Named(attempt.ordinal, ref)):
            tools.due.set()
            return
    await _nudge(tools, video.id)


async def _look_up(tools: Tools, endpoint: Endpoint, notice: Notice) -> None:
    """An address that names no attempt: only a job that is bound already is known by its ref."""
    if notice.ref is None or len(msgspec.json.encode(notice.ref)) > REF_BYTES_MAX:
        return
    accounts = {one.account for one in tools.snapshot().routes.values() if one.provider == endpoint.provider}
    for account in accounts:
        attempt = await tools.store.attempt_of_ref(account, orphans.digest_of(notice.ref))
        if attempt is not None:
            await _nudge(tools, attempt.rpartition(".")[0])


async def _nudge(tools: Tools, video_id: str) -> None:
    """Due now; as each time costs the vendor a poll, not before a while after the last time. Whatever is called in that
    while is known to the look that ends it, and only to that: another may have begun before."""
    now_s = tools.clock.boot_s()
    last_s = _nudged.get(video_id, now_s - NUDGE_EVERY_S)
    if last_s > now_s:
        return  # that look is still to come
    at_s = _nudged[video_id] = max(now_s, last_s + NUDGE_EVERY_S)
    _nudged.move_to_end(video_id)
    while len(_nudged) > NUDGED_MAX:
        _nudged.popitem(last=False)
    if at_s == now_s:
        await _wake(tools, video_id)
    elif len(_later) < NUDGED_MAX:
        task = asyncio.create_task(_wake_in(at_s - now_s, tools, video_id))
        _later.add(task)
        task.add_done_callback(_later.discard)


async def _wake_in(seconds: float, tools: Tools, video_id: str) -> None:
    """Not by the store's due time: a look that is made for another reason meanwhile would take its place."""
    await asyncio.sleep(seconds)
    with suppress(StoreAway):  # polling finds it, too
        await _wake(tools, video_id)


async def _wake(tools: Tools, video_id: str) -> None:
    if await tools.store.make_due(video_id):
        tools.due.set()
