"""POST /hooks/<provider>[/<name>]: where vendors call back. No key: the address itself is under our HMAC."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.api.exchange import Answer, Exchange, in_bytes
from gateway.domain.errors import BadInput, TooLarge
from gateway.work.hooks import receive
from providers.contract import Inbound

BODY_BYTES_MAX: Final = 256 * 1024
BODY_S_MAX: Final = 10.0
NAME_CHARS_MAX: Final = 200


async def call(exchange: Exchange) -> Answer:
    """Answered as the vendor wants it. Absent for what is not ours, whatever is wrong with it."""
    params, tools = exchange.path_params, exchange.tools
    name = params.get("name")
    if name is not None and len(name) > NAME_CHARS_MAX:
        return Answer(b"", 404)
    request = Inbound(
        path=exchange.path,
        query=tuple(exchange.query().items()),
        headers=exchange.headers(),
        body=await _body(exchange),
        received_ms=tools.clock.now_ms(),
    )
    answer = await receive(tools, params["provider"], name, request)
    return Answer(answer.body, answer.status, in_bytes(answer.headers.items()))


async def _body(exchange: Exchange) -> bytes:
    """Signatures are over bytes, so these are kept as they came. BadInput or TooLarge."""
    chunks, size = list[bytes](), 0
    try:
        async with asyncio.timeout(BODY_S_MAX):
            while True:
                message = await exchange.receive()
                if message["type"] != "http.request":
                    raise BadInput("The request ended too early.", code="incomplete_body")
                size += len(message["body"])
                if size > BODY_BYTES_MAX:
                    raise TooLarge(f"A callback has at most {BODY_BYTES_MAX} bytes.")
                chunks.append(message["body"])
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise BadInput("The request's body did not arrive in time.", code="body_timeout") from None
