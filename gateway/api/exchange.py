"""One request and its answer, as handlers see them: headers looked up by name, bytes out.

Handlers are plain functions from an `Exchange` to an `Answer`; only the streaming of files writes by itself. Every
answer begins in `Exchange.begin`, so every answer has the request's id and OpenAI's headers.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from gateway.domain.errors import BadInput, ClientError
from gateway.domain.keys import bearer_digest
from gateway.work.tools import Tools

Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

JSON: Final = (b"content-type", b"application/json")
QUERY_BYTES_MAX: Final = 8_192
QUERY_FIELDS_MAX: Final = 32

DRAIN_BYTES_MAX: Final = 64 * 1024
DRAIN_S_MAX: Final = 0.5
LENGTH_DIGITS_MAX: Final = 16

_CLOSE: Final = (b"connection", b"close")
_VERSION: Final = (b"openai-version", b"2020-10-01")
_BODILESS: Final = frozenset({204, 304})
_CLIENT_IDS: Final = (b"x-client-request-id", b"x-request-id")
_SANE_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")

_encode = msgspec.json.Encoder().encode


class Cut(Exception):
    """An answer that has begun cannot be finished. The server closes the connection, so that no client takes it for
    whole."""


class Answer(Struct, frozen=True):
    """`headers` beside content type and length."""

    body: bytes
    status: int = 200
    headers: tuple[Header, ...] = ()
    content_type: Header = JSON


class Exchange:
    """A request on its way. `endpoint` and `path_params` are set by the router, `status` by the answer's beginning."""

    __slots__ = (
        "_began_s",
        "_headers",
        "_missing",
        "_receive",
        "_send",
        "_unread",
        "endpoint",
        "id",
        "method",
        "path",
        "path_params",
        "scope",
        "status",
        "tools",
        "video",
    )

    def __init__(self, tools: Tools, scope: Any, receive: Receive, send: Send, *, identity: str) -> None:
        self.tools = tools
        self.scope = scope
        self.id = identity
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.path_params: dict[str, str] = {}
        self.endpoint = "other"
        self.status = 0
        self.video: str | None = None  # that it made, for the log
        self._receive = receive
        self._send = send
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        declared = self._headers.get(b"content-length", b"")
        coded = b"transfer-encoding" in self._headers
        self._missing = (
            int(declared) if declared.isdigit() and len(declared) < LENGTH_DIGITS_MAX and not coded else None
        )
        self._unread = declared not in (b"", b"0") or coded
        self._began_s = time.perf_counter()

    # --- the request ---------------------------------------------------------------------------------------------

    async def receive(self) -> Any:
        """The next piece of the body, or `http.disconnect`."""
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._unread = False
        elif self._missing is not None:
            self._missing -= len(message["body"])
            if not self._missing:  # the last byte is here: no need to wait for being told so
                self._unread = False
                return {**message, "more_body": False}
        return message

    def ambiguous(self) -> bool:
        """Whether a proxy before us may see another end of this body than the server does, and so another next request
        on the same connection. A length beside chunks the server ends the connection for, and hides."""
        if b"transfer-encoding" not in self._headers:
            return False
        codings = [value.strip().lower() for name, value in self.scope["headers"] if name == b"transfer-encoding"]
        return codings != [b"chunked"]

    def header(self, name: bytes) -> str | None:
        """A request header by its lower-case name; the last one where it was sent twice."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    def headers(self) -> dict[str, str]:
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._headers.items()}

    def key_hash(self) -> str:
        """The digest of the key that was sent. NoKey or WrongKey."""
        return bearer_digest(self.header(b"authorization"))

    def query(self) -> dict[str, str]:
        """The query's fields, the last of each name."""
        raw: bytes = self.scope.get("query_string", b"")
        if not raw:
            return {}
        try:
            if len(raw) > QUERY_BYTES_MAX:
                raise ValueError
            pairs = parse_qsl(
                raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS_MAX
            )
        except ValueError:
            raise BadInput("The query string cannot be read.", code="invalid_query") from None
        return dict(pairs)

    def client_id(self) -> str | None:
        """The caller's own id of the request, for the log; None where it has none or a strange one."""
        for name in _CLIENT_IDS:
            value = self._headers.get(name)
            if value is not None and _SANE_ID.fullmatch(value):
                return value.decode("ascii")
        return None

    def elapsed_s(self) -> float:
        return time.perf_counter() - self._began_s

    # --- the answer ----------------------------------------------------------------------------------------------

    def common(self) -> tuple[Header, ...]:
        """What every answer carries. A body that nobody read ends the connection, and the client has to know: its next
        request would be lost on it."""
        spent_ms = int(self.elapsed_s() * 1_000)
        close = (_CLOSE,) if self._unread else ()
        spent = (b"openai-processing-ms", b"%d" % spent_ms)
        return (*close, (b"x-request-id", self.id.encode("ascii")), _VERSION, spent)

    async def begin(self, status: int, headers: Sequence[Header]) -> None:
        self.status = status
        await self._send(
            {"type": "http.response.start", "status": status, "headers": [*headers, *self.common()]},
        )

    async def write(self, body: bytes, *, more: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def reply(self, answer: Answer) -> None:
        await self._drain()
        if answer.status in _BODILESS:
            await self.begin(answer.status, answer.headers)
            await self.write(b"")
            return
        length = (b"content-length", b"%d" % len(answer.body))
        await self.begin(answer.status, (answer.content_type, length, *answer.headers))
        await self.write(b"" if self.method == "HEAD" else answer.body)

    async def pass_on(self, message: Any) -> None:
        """What an application inside the frame says, with what every answer of ours carries."""
        if message["type"] == "http.response.start":
            await self._drain()
            self.status = message["status"]
            message = {**message, "headers": [*message["headers"], *self.common()]}
        elif self.method == "HEAD":
            message = {**message, "body": b""}
        await self._send(message)

    def release(self) -> None:
        """Let go of the connection. As long as anything can be asked of it the server keeps it open for a body that is
        still to come, so it must not wait for the garbage collector."""
        self.scope = {}
        self._receive = self._send = _over

    async def _drain(self) -> None:
        """Read the small rest of a body that was refused unread, so that the connection can be used again."""
        if not self._unread or self._missing is None or self._missing > DRAIN_BYTES_MAX:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S_MAX):
                while self._unread:
                    await self.receive()


async def _over(*_: object) -> Any:
    raise RuntimeError("the request is over")


def of_error(error: ClientError) -> Answer:
    """The error in OpenAI's shape, with what an SDK is to make of it."""
    headers: list[Header] = []
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.retry is not None:
        headers.append((b"x-should-retry", b"true" if error.retry else b"false"))
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_s))
        headers.append((b"retry-after-ms", b"%d" % (error.retry_after_s * 1_000)))
    return Answer(_encode(error.body()), error.status, (*headers, *in_bytes(error.headers)))


def in_bytes(headers: Iterable[tuple[str, str]]) -> tuple[Header, ...]:
    return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers)


def of_json(value: Any) -> Answer:
    return Answer(_encode(value))
