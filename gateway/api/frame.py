"""The frame around every request: its id, its headers, its figures, its log line, and the answer to every error.

Nothing leaves without OpenAI's error shape: what a handler raises, what the router does not know, what nobody foresaw.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from gateway import metrics
from gateway.api.exchange import Answer, Exchange, Message, Send, of_error
from gateway.assets.store import StorageAway
from gateway.domain.errors import ClientError, Unavailable, WrongMethod
from gateway.domain.ids import request_id as new_request_id
from gateway.log import log, request_id
from gateway.store.errors import StoreAway
from gateway.work.tools import Tools

App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
Handler: TypeAlias = Callable[[Exchange], Awaitable[Answer | None]]
"""Returns the answer, or None when it has sent one by itself."""

METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"})
_VERSION: Final = (b"openai-version", b"2020-10-01")


class InternalFault(ClientError):
    status = 500
    kind = "server_error"
    code = "internal_error"


class Frame:
    """An ASGI application around another. Counts what is open, so that a stop can say what it cut."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.open = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        identity = new_request_id(os.urandom(16))
        token = request_id.set(identity)
        status = 0
        started = identity.encode("ascii")

        async def framed(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                spent_ms = int((time.perf_counter() - began_s) * 1_000)
                extra = ((b"x-request-id", started), _VERSION, (b"openai-processing-ms", b"%d" % spent_ms))
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        self.open += 1
        try:
            await self._app(scope, receive, framed)
        except asyncio.CancelledError:
            metrics.requests_cut()
            raise
        except Exception as error:
            # The router itself stumbled over what a client sent, or the client went away in the middle of an answer.
            log("request_failed", "error", error=type(error).__name__)
            if not status:
                await _answer(framed, of_error(_fault()))
        finally:
            self.open -= 1
            _tell(scope, status, time.perf_counter() - began_s)
            request_id.reset(token)


def guarded(handlers: dict[str, Handler], tools: Tools, endpoint: str) -> App:
    """One path: its methods, and every error that may be raised below as an answer."""
    allowed = ", ".join(sorted({*handlers, "HEAD"} if "GET" in handlers else handlers)).encode("ascii")

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        scope["telecine.endpoint"] = endpoint
        method = scope["method"]
        handler = handlers.get("GET" if method == "HEAD" and "HEAD" not in handlers else method)
        if handler is None:
            error = _wrong_method(method, allowed.decode("ascii"))
            answer = of_error(error)
            await _answer(send, Answer(answer.body, answer.status, ((b"allow", allowed),)))
            return
        exchange = Exchange(tools, scope, receive, send)
        answered = await _asked(handler, exchange)
        if answered is not None:
            await exchange.reply(answered)

    return serve


async def _asked(handler: Handler, exchange: Exchange) -> Answer | None:
    try:
        return await handler(exchange)
    except ClientError as error:
        return of_error(error)
    except (StoreAway, StorageAway) as error:
        log("store_away", "error", reason=type(error).__name__)
        return of_error(Unavailable("The gateway's storage does not answer. Try again in a moment.", retry_after_s=2))


def _wrong_method(method: str, allowed: str) -> ClientError:
    shown = method if method in METHODS else "This method"
    return WrongMethod(f"{shown} is not allowed here. Allowed: {allowed}.")


def _fault() -> InternalFault:
    return InternalFault("The gateway failed to answer this request. Tell its operator the x-request-id.")


async def _answer(send: Send, answer: Answer) -> None:
    headers = [answer.content_type, (b"content-length", b"%d" % len(answer.body)), *answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


def _tell(scope: Message, status: int, seconds: float) -> None:
    endpoint = scope.get("telecine.endpoint", "other")
    method = scope["method"] if scope["method"] in METHODS else "other"
    metrics.request_ended(endpoint, method, str(status), seconds)
    log("request", method=method, endpoint=endpoint, status=status, ms=round(seconds * 1_000, 2))
