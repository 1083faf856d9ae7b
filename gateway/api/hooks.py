"""POST /hooks/<provider>[/<name>]: where vendors call back. No key: the address itself is under our HMAC."""

from __future__ import annotations

from typing import Final

from gateway.api.bodies import raw_body
from gateway.api.exchange import Answer, Exchange, in_bytes
from gateway.work.hooks import known, receive
from providers.contract import Inbound

BODY_BYTES_MAX: Final = 256 * 1024
BODY_S_MAX: Final = 10.0
NAME_CHARS_MAX: Final = 200


async def call(exchange: Exchange) -> Answer:
    """Answered as the vendor wants it. Absent for what is not ours, whatever is wrong with it: its body is not read."""
    params, tools = exchange.path_params, exchange.tools
    provider, name = params["provider"], params.get("name")
    if (name is not None and len(name) > NAME_CHARS_MAX) or await known(tools, provider, name) is None:
        return Answer(b"", 404)
    # Signatures are over bytes, so these are kept as they came.
    async with raw_body(exchange, f"calls of {provider}", BODY_BYTES_MAX, BODY_S_MAX) as body:
        request = Inbound(
            path=exchange.path,
            query=tuple(exchange.query().items()),
            headers=exchange.headers(),
            body=body,
            received_ms=tools.clock.now_ms(),
        )
        answer = await receive(tools, provider, name, request)
    return Answer(answer.body, answer.status, in_bytes(answer.headers.items()))
