"""Following a video instead of asking again and again: `Prefer: wait=N` on a look at it, and its events as a stream.

    GET /v1/videos/{id}           with `Prefer: wait=N`: answers once the video has changed, or after N s
    GET /v1/videos/{id}/events    server-sent events: the video at each change, until it is over

Both are bounded in time and in number, and cost neither the store nor a vendor anything per client (`work.watches`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from typing import Final

import msgspec

from gateway.api.exchange import Answer, Cut, Exchange, Header
from gateway.api.prefer import wait_s
from gateway.domain.errors import ClientError, RateLimited, Unavailable
from gateway.domain.keys import admit_key
from gateway.store.errors import StoreAway
from gateway.store.outcomes import Sight
from gateway.work import read
from gateway.work.watches import Follower, Stopping, TooMany

HEARTBEAT_S: Final = 15.0
STALL_S_MAX: Final = 30.0
FIRST_S_MAX: Final = 5.0
AGAIN_MS: Final = 1_000
AGAIN_SPREAD_MS: Final = 2_000
"""Who was sent away comes back after that much: not all at once."""
TOO_MANY_S: Final = 10
STREAM: Final = (b"content-type", b"text/event-stream; charset=utf-8")
HEADERS: Final[tuple[Header, ...]] = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))
ENDED: Final = frozenset({"completed", "failed", "deleted"})
_LAST_ID: Final = re.compile(r"\d{1,15}", re.ASCII)


class _Status(msgspec.Struct):
    status: str


_status_of: Final = msgspec.json.Decoder(_Status).decode


# --- waiting ------------------------------------------------------------------------------------------------------


async def waited(exchange: Exchange, face: bytes) -> tuple[bytes, tuple[Header, ...]]:
    """The video's face after it has changed, or when the preferred time is up, and what is said of the preference. A
    wait that cannot be had is not waited: the client has its answer at once, and polls."""
    server = exchange.tools.snapshot().settings.server
    seconds = wait_s(exchange.header(b"prefer"), int(server.wait_s_max))
    if not seconds or _status_of(face).status in ENDED:
        return face, ()
    exchange.endpoint = "video_wait"
    video_id: str = exchange.path_params["video_id"]
    try:
        with _following(exchange, video_id) as follower:
            async with _while_there(exchange, follower):
                sight = await follower.next(face, seconds)
    except (TooMany, Stopping):
        return face, ()
    if sight is None:
        return face, ((b"preference-applied", b"wait=%d" % seconds),) if not follower.over else ()
    if not sight.face:
        raise read.absent(video_id)
    return sight.face, ((b"preference-applied", b"wait=%d" % seconds),)


# --- events -------------------------------------------------------------------------------------------------------


async def events(exchange: Exchange) -> Answer | None:
    """The video as it is and at each change. Ends after the final event; a client that comes back after that one is
    told not to (204), as EventSource expects."""
    tools, video_id = exchange.tools, exchange.path_params["video_id"]
    server = tools.snapshot().settings.server
    await read.video_face(tools, exchange.key_hash(), video_id)  # whether the client may see it
    if exchange.method == "HEAD":
        return Answer(b"", 200, HEADERS, STREAM)
    try:
        with _following(exchange, video_id) as follower:
            sight = await follower.next(None, FIRST_S_MAX)
            if sight is None:
                raise _no_more()
            last = exchange.header(b"last-event-id") or ""
            known = sight.version if _LAST_ID.fullmatch(last) and int(last) == sight.version else None
            if known is not None and _status(sight) in ENDED:
                return Answer(b"", 204)
            await exchange.begin(200, (STREAM, *HEADERS))
            async with _while_there(exchange, follower):
                await _stream(exchange, follower, sight, told=known is not None, seconds=server.follow_s_max)
    except TooMany as met:
        raise _too_many(met) from None
    except Stopping:
        raise _no_more() from None
    return None


async def _stream(exchange: Exchange, follower: Follower, sight: Sight, *, told: bool, seconds: float) -> None:
    """From here on there is no status to change: a stream that cannot go on ends, and the client comes back."""
    tools, clock = exchange.tools, asyncio.get_running_loop().time
    ends_s = clock() + seconds
    again_ms = AGAIN_MS + round(AGAIN_SPREAD_MS * tools.chance())
    await _write(exchange, b"retry: %d\n\n" % again_ms if told else b"retry: %d\n%s" % (again_ms, event(sight)))
    while _status(sight) not in ENDED and clock() < ends_s:
        new = await follower.next(sight.face, min(HEARTBEAT_S, ends_s - clock()))
        if new is not None:
            sight = new
            await _write(exchange, event(sight))
        elif follower.over or not await _may_still(exchange):
            break
        else:
            await _write(exchange, b": still there\n\n")
    await exchange.write(b"")


def event(sight: Sight) -> bytes:
    """One event. Its id is the version of the video's record: it means the same at every replica."""
    status = _status(sight)
    data = sight.face or b'{"object":"video.deleted","deleted":true}'
    return b"id: %d\nevent: video.%s\ndata: %s\n\n" % (sight.version, status.encode("ascii"), data)


def _status(sight: Sight) -> str:
    return _status_of(sight.face).status if sight.face else "deleted"


async def _may_still(exchange: Exchange) -> bool:
    """Whether the key is still good; asked once per heartbeat and key. While the store is away, nobody is sent away."""
    tools = exchange.tools
    try:
        standing = await tools.store.standing(exchange.key_hash(), age_s=HEARTBEAT_S)
        admit_key(standing, tools.clock.now_ms())
    except StoreAway:
        return True
    except ClientError:
        return False
    return True


# --- shared -------------------------------------------------------------------------------------------------------


def _following(exchange: Exchange, video_id: str) -> AbstractContextManager[Follower]:
    """TooMany; Stopping."""
    tools = exchange.tools
    server = tools.snapshot().settings.server
    bounds = {"most": server.followers_max, "most_of_key": server.followers_per_key_max}
    return tools.watches.follow(tools.store, video_id, exchange.key_hash(), **bounds)


@asynccontextmanager
async def _while_there(exchange: Exchange, follower: Follower) -> AsyncIterator[None]:
    """Cut, as soon as anything is waited for, when the client has hung up."""
    gone = asyncio.create_task(_gone(exchange, follower))
    try:
        yield
        if gone.done():
            raise Cut
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def _gone(exchange: Exchange, follower: Follower) -> None:
    while (await exchange.receive())["type"] != "http.disconnect":
        pass
    follower.leave()


async def _write(exchange: Exchange, piece: bytes) -> None:
    """Cut where nobody takes it."""
    try:
        async with asyncio.timeout(STALL_S_MAX):
            await exchange.write(piece, more=True)
    except TimeoutError:
        raise Cut from None


def _too_many(met: TooMany) -> RateLimited:
    whose = "of this API key" if met.of_key else "at this gateway"
    return RateLimited(
        f"Too many videos are followed {whose}: {met.most}. Poll this one, or follow it when another has ended.",
        code="too_many_followers",
        retry_after_s=TOO_MANY_S,
    )


def _no_more() -> Unavailable:
    return Unavailable("The video cannot be followed here now. Poll it, or try again in a moment.", retry_after_s=1)
