"""/v1/videos and what hangs below it: create, look, list, delete, cancel, remix, edit, extend, and characters."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from gateway.api import following
from gateway.api.bodies import Body, Bounds, Expected, body_of
from gateway.api.exchange import Answer, Exchange, Header, in_bytes, of_json
from gateway.domain.errors import BadInput
from gateway.domain.ids import VIDEO_ID
from gateway.domain.keys import Character
from gateway.domain.limits import headers_of
from gateway.domain.requests import CHARACTER_FIELDS, CHARACTER_FILES, FIELDS, FILES, Asked, Hint, ask, ask_character
from gateway.tracing import spans
from gateway.work import characters, polling, read
from gateway.work.caller import Caller, identify
from gateway.work.cancel import cancel_video
from gateway.work.create import create_video
from gateway.work.delete import delete_video as delete
from gateway.work.tools import Tools
from providers.contract import Verb

LIMIT: Final = 20
LIMIT_MAX: Final = 100
KEY_CHARS_MAX: Final = 255
EXPECTED: Final = {verb: Expected(FIELDS[verb], FILES[verb]) for verb in Verb}
CHARACTER: Final = Expected(CHARACTER_FIELDS, CHARACTER_FILES)


class _Id(Struct):
    id: str


_decode_id: Final = msgspec.json.Decoder(_Id).decode


async def create(exchange: Exchange) -> Answer:
    return await _make(exchange, Verb.CREATE)


async def edit(exchange: Exchange) -> Answer:
    return await _make(exchange, Verb.EDIT)


async def extend(exchange: Exchange) -> Answer:
    return await _make(exchange, Verb.EXTEND)


async def remix(exchange: Exchange) -> Answer:
    return await _make(exchange, Verb.REMIX, source_id=exchange.path_params["video_id"])


async def retrieve(exchange: Exchange) -> Answer:
    tools = exchange.tools
    face = await read.video_face(tools, exchange.key_hash(), exchange.path_params["video_id"])
    if exchange.header(b"prefer") is None:
        return of_video(tools, face)
    face, applied = await following.waited(exchange, face)
    return of_video(tools, face, applied)


async def list_page(exchange: Exchange) -> Answer:
    caller = await caller_of(exchange)
    query = exchange.query()
    limit = _limit(query.get("limit"))
    after = query.get("after") or None
    if after is not None and VIDEO_ID.fullmatch(after) is None:
        raise BadInput("Invalid value: 'after' must be the id of a video.", param="after")
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise BadInput("Invalid value: 'order' must be 'asc' or 'desc'.", param="order")
    if limit == 0:
        return of_json({"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False})
    page = await read.page(exchange.tools, caller, after=after, limit=limit, descending=order == "desc")
    ends = [msgspec.json.encode(_decode_id(page.faces[at]).id) if page.faces else b"null" for at in (0, -1)]
    return Answer(
        b'{"object":"list","data":[%s],"first_id":%s,"last_id":%s,"has_more":%s}'
        % (b",".join(page.faces), *ends, b"true" if page.has_more else b"false")
    )


async def delete_video(exchange: Exchange) -> Answer:
    caller = await caller_of(exchange)
    video_id: str = exchange.path_params["video_id"]
    await delete(exchange.tools, caller, video_id)
    return of_json({"id": video_id, "object": "video.deleted", "deleted": True})


async def cancel(exchange: Exchange) -> Answer:
    """An extra of ours: stop a video, as far as that can be done. A body is not looked at."""
    caller = await caller_of(exchange)
    face = await cancel_video(exchange.tools, caller, exchange.path_params["video_id"])
    return of_video(exchange.tools, face)


async def create_character(exchange: Exchange) -> Answer:
    caller = await caller_of(exchange)
    hint = _hint(exchange)
    async with body_of(exchange, caller.project, CHARACTER, bounds_of(exchange)) as body:
        asked = ask_character(body.fields, body.files)
        return _of_character(await characters.create(exchange.tools, caller, asked, hint))


async def get_character(exchange: Exchange) -> Answer:
    caller = await caller_of(exchange)
    return _of_character(await characters.get(exchange.tools, caller, exchange.path_params["character_id"]))


# --- shared -------------------------------------------------------------------------------------------------------


async def caller_of(exchange: Exchange) -> Caller:
    """Who asks; before a body is read."""
    return await identify(exchange.tools, exchange.key_hash())


def bounds_of(exchange: Exchange) -> Bounds:
    server = exchange.tools.snapshot().settings.server
    return Bounds(server.body_bytes_max, server.json_bytes_max, server.body_timeout_s)


async def asked_in(body: Body, verb: Verb, *, source_id: str | None = None) -> Asked:
    """What a body asks for. BadInput if it cannot be read so."""
    if body.large:  # an image is decoded and digested: nothing that the event loop should wait for
        return await asyncio.to_thread(ask, verb, body.fields, body.files, source_id=source_id)
    return ask(verb, body.fields, body.files, source_id=source_id)


def of_video(tools: Tools, face: bytes, headers: tuple[Header, ...] = ()) -> Answer:
    """A video's public JSON as it stands, and when to ask again while it is not final."""
    again_ms = polling.after_ms(tools, face)
    return Answer(face, 200, headers if again_ms is None else ((b"openai-poll-after-ms", b"%d" % again_ms), *headers))


def adjusted_header(changes: Mapping[str, tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """`x-telecine-adjusted: size=1280x720, seconds=8`: what is rendered; what was asked for stands in the body."""
    told = ", ".join(f"{name}={rendered}" for name, (_, rendered) in changes.items())
    return (("x-telecine-adjusted", told),) if told else ()


async def _make(exchange: Exchange, verb: Verb, *, source_id: str | None = None) -> Answer:
    caller = await identify(exchange.tools, exchange.key_hash(), admits=True)
    hint = _hint(exchange)
    async with body_of(exchange, caller.project, EXPECTED[verb], bounds_of(exchange)) as body:
        asked = await asked_in(body, verb, source_id=source_id)
        with spans.serving("POST /v1/videos", exchange.header(b"traceparent"), {"telecine.request": exchange.id}):
            created = await create_video(exchange.tools, caller, asked, hint)
        exchange.video = _decode_id(created.face).id
        rate = headers_of(created.rate) if created.rate is not None else ()
        reused = () if created.reused_from is None else (("x-telecine-reused", created.reused_from),)
        more = in_bytes((*rate, *adjusted_header(created.adjusted), *reused))
        return of_video(exchange.tools, created.face, more)


def _of_character(character: Character) -> Answer:
    return of_json({"id": character.id, "created_at": character.created_ms // 1_000, "name": character.name})


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= LIMIT_MAX):
        raise BadInput(f"Invalid value: 'limit' must be a whole number from 0 to {LIMIT_MAX}.", param="limit")
    return int(text)


def _hint(exchange: Exchange) -> Hint:
    key = exchange.header(b"idempotency-key")
    if key is not None and not (0 < len(key) <= KEY_CHARS_MAX and key.isascii() and key.isprintable()):
        raise BadInput(
            f"The Idempotency-Key must be 1 to {KEY_CHARS_MAX} printable ASCII characters.", param="Idempotency-Key"
        )
    retries = exchange.header(b"x-stainless-retry-count") or "0"
    return Hint(
        idempotency_key=key,
        resend=retries.isascii() and retries.isdigit() and retries.strip("0") != "",
        read_timeout_s=_seconds(exchange.header(b"x-stainless-read-timeout")),
    )


def _seconds(text: str | None) -> float | None:
    """A header that only widens a window: what makes no sense is ignored."""
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if 0 < seconds < 1e6 else None
