"""What stands around every handler of /admin: who may come in, the body in its bounds, what a handler works with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, TypeAlias

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import Dependency, ParameterKwarg
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from gateway.api.bodies import small_json
from gateway.api.exchange import Exchange
from gateway.api.frame import EXCHANGE
from gateway.api.videos import bounds_of, caller_of
from gateway.domain.errors import BadInput, Forbidden
from gateway.domain.fields import shown
from gateway.work.caller import Caller
from gateway.work.hand import Hand
from gateway.work.tools import Tools

ADMINISTERS: Final = 10
CONTROLS: Final = 100
ROLE: Final = "role"
"""In a handler's `opt`: who may ask, if not everybody who administers."""
CALLER: Final = "telecine.caller"
_PATH_PARAM: Final = re.compile(r"\{(\w+)")


@dataclass(frozen=True, slots=True)
class Desk:
    """What a handler works with. `caller` may do what the handler does."""

    tools: Tools
    caller: Caller
    exchange: Exchange

    @property
    def hand(self) -> Hand:
        return Hand(self.caller.key_id, self.tools.random, self.tools.clock.now_ms())


AtDesk: TypeAlias = Annotated[Desk, Dependency(skip_validation=True)]


async def desk_of(request: Request[Any, Any, Any]) -> Desk:
    scope: Any = request.scope
    exchange: Exchange = scope[EXCHANGE]
    return Desk(exchange.tools, scope[CALLER], exchange)


async def may(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard: whether the key behind the request has the role, before its body is read; and whether all that it asks
    by is known, for a list without a misspelt filter would be another one. WrongKey, Forbidden, BadInput."""
    scope: Any = connection.scope
    role: int = handler.opt.get(ROLE, ADMINISTERS)
    caller = await caller_of(scope[EXCHANGE])
    require(caller, role)
    scope[CALLER] = caller
    known = _asked_by(handler)
    for name in connection.query_params:
        if name not in known:
            there = f"Known here: {', '.join(sorted(known))}." if known else "This call takes none."
            raise BadInput(f"Unknown parameter: '{shown(name)}'. {there}", param=shown(name), code="unknown_parameter")


@cache
def _asked_by(handler: BaseRouteHandler) -> frozenset[str]:
    """The names of its query's parameters."""
    beside = {"desk", "data", *(name for path in handler.paths for name in _PATH_PARAM.findall(path))}
    names = set()
    for name, field in handler.parsed_fn_signature.parameters.items():
        said = field.kwarg_definition
        if name not in beside and not (isinstance(said, ParameterKwarg) and said.header):
            names.add(said.query if isinstance(said, ParameterKwarg) and said.query else name)
    return frozenset(names)


def require(caller: Caller, role: int) -> None:
    """Forbidden where the caller's role is lower."""
    if caller.role < role:
        word = "administer" if role == ADMINISTERS else "control the gateway"
        raise Forbidden(f"This API key may not {word}. Ask with a key of role {role} or more.")


def framed(app: ASGIApp) -> ASGIApp:
    """A middleware: the endpoint's name for figures and log, and a body that is read whole or refused."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        anything: Any = scope
        exchange: Exchange = anything[EXCHANGE]
        exchange.endpoint = anything["route_handler"].name or "admin"
        bounds = bounds_of(exchange)

        async def whole() -> Any:
            return {"type": "http.request", "body": await small_json(exchange, bounds), "more_body": False}

        await app(scope, whole, send)

    return serve


# --- what the document says of errors ------------------------------------------------------------------------------


class Fault(Struct, frozen=True):
    """`param` is the field or the parameter that is at fault; `code` is for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class Refusal(Struct, frozen=True):
    """Every error, in OpenAI's shape."""

    error: Fault


_WORDS: Final = {
    400: "The request cannot work; the message says what would.",
    401: "No key was given, or it is unknown, revoked or expired.",
    403: "The key's role is too low.",
    404: "There is no such thing.",
    405: "The path knows no such method.",
    409: "It is not as it would have to be for that.",
    412: "Another change came first: read again.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "A limit or a budget does not allow it now.",
    500: "The gateway failed. Tell its operator the x-request-id.",
    503: "The store does not answer. Try again in a moment.",
}
REFUSALS: Final = {
    status: ResponseSpec(Refusal, description=words, generate_examples=False) for status, words in _WORDS.items()
}
