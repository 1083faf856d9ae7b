"""The frame around every request: its id, its figures, its log line, and an answer to every error.

Nothing leaves without OpenAI's error shape: what a handler raises, what the router does not know, what nobody foresaw.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from gateway import metrics
from gateway.api.exchange import Answer, Cut, Exchange, of_error
from gateway.assets.store import AssetMissing, StorageAway
from gateway.domain.errors import BadInput, ClientError, Unavailable, WrongMethod
from gateway.domain.ids import request_id as new_request_id
from gateway.log import log, request_id, where
from gateway.store.errors import StoreAway
from gateway.work.tools import Tools

App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
Handler: TypeAlias = Callable[[Exchange], Awaitable[Answer | None]]
"""Returns the answer, or None when it has sent one by itself."""

EXCHANGE: Final = "telecine.exchange"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"})
ID_BYTES: Final = 16
ADMITTING: Final = "admit"  # what the store calls it


class InternalFault(ClientError):
    status = 500
    kind = "server_error"
    code = "internal_error"


class Frame:
    """An ASGI application around another: every request that comes in is an `Exchange` in its scope."""

    def __init__(self, app: App, tools: Tools) -> None:
        self._app = app
        self._tools = tools

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(self._tools, scope, receive, send, identity=new_request_id(self._tools.random(ID_BYTES)))
        scope[EXCHANGE] = exchange
        token = request_id.set(exchange.id)
        try:
            if exchange.ambiguous():
                await exchange.reply(of_error(_ambiguous()))
            else:
                await self._app(scope, exchange.receive, exchange.pass_on)
        finally:
            _tell(exchange)
            request_id.reset(token)
            del scope[EXCHANGE]
            exchange.release()


class Endpoint:
    """One path: its methods, and every error that may be raised below as an answer. HEAD is GET without the body."""

    def __init__(self, name: str, handlers: Mapping[str, Handler]) -> None:
        self.name = name
        self._handlers = dict(handlers)
        if "GET" in self._handlers:
            self._handlers.setdefault("HEAD", self._handlers["GET"])
        self._allowed = ", ".join(sorted(self._handlers))

    async def serve(self, exchange: Exchange) -> None:
        exchange.endpoint = self.name
        handler = self._handlers.get(exchange.method)
        if handler is None:
            await exchange.reply(self._wrong_method(exchange.method))
            return
        try:
            answer = await answered(handler, exchange)
        except Cut:
            return
        if answer is not None:
            await exchange.reply(answer)

    def _wrong_method(self, method: str) -> Answer:
        shown = method if method in METHODS else "This method"
        answer = of_error(WrongMethod(f"{shown} is not allowed here. Allowed: {self._allowed}."))
        return Answer(answer.body, answer.status, ((b"allow", self._allowed.encode("ascii")),))


async def answered(handler: Handler, exchange: Exchange) -> Answer | None:
    """The handler's answer, or its error as one. Cut if an answer has begun already."""
    try:
        return await handler(exchange)
    except ClientError as error:
        return of_error(error)
    except Cut:
        raise
    except Exception as error:
        refused = unforeseen(error)
        if exchange.status:
            raise Cut from error
        return of_error(refused)


def unforeseen(error: Exception) -> ClientError:
    """What a client is told of an error that is not its own; the log is told more."""
    away = isinstance(error, StoreAway | StorageAway | AssetMissing)
    log("store_away" if away else "request_failed", "error", **where(error))
    if isinstance(error, StoreAway) and error.operation == ADMITTING:
        return _unknown()
    return _away() if away else _fault()


def _away() -> Unavailable:
    return Unavailable("The gateway's storage does not answer. Try again in a moment.", retry_after_s=2)


def _unknown() -> Unavailable:
    """SDKs send such a create again by themselves, and it is known for what it is."""
    return Unavailable(
        "The gateway's storage did not answer, so nobody knows whether this video was made. Sent again with the same "
        "Idempotency-Key, or by an SDK's own retry, it is answered with the first video if there is one; in any other "
        "way, look into the list before.",
        code="outcome_unknown",
        retry_after_s=2,
    )


def _ambiguous() -> BadInput:
    return BadInput(
        "Where the body ends is ambiguous: send `Content-Length`, or `Transfer-Encoding: chunked` alone.",
        code="invalid_framing",
    )


def _fault() -> InternalFault:
    return InternalFault("The gateway failed to answer this request. Tell its operator the x-request-id.")


def _tell(exchange: Exchange) -> None:
    method = exchange.method if exchange.method in METHODS else "other"
    seconds = exchange.elapsed_s()
    metrics.request_ended(exchange.endpoint, method, str(exchange.status), seconds)
    log(
        "request",
        method=method,
        endpoint=exchange.endpoint,
        status=exchange.status,
        ms=round(seconds * 1_000, 2),
        client_request=exchange.client_id(),
        **({} if exchange.video is None else {"video": exchange.video}),
    )
