"""One request and its answer, as handlers see them: headers looked up by name, bytes out.

Handlers are plain functions from an `Exchange` to an `Answer`; only streaming of files writes by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from gateway.domain.errors import BadInput, ClientError
from gateway.domain.keys import bearer_digest
from gateway.work.tools import Tools

Message: TypeAlias = "dict[str, Any]"
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]

JSON: Final = (b"content-type", b"application/json")
QUERY_BYTES_MAX: Final = 8_192
QUERY_FIELDS_MAX: Final = 32

_encode = msgspec.json.Encoder().encode


class Answer(Struct, frozen=True):
    """`headers` beside content type and length."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: tuple[bytes, bytes] = JSON


class Exchange:
    """A request on its way."""

    __slots__ = ("_headers", "path_params", "receive", "scope", "send", "tools")

    def __init__(self, tools: Tools, scope: Message, receive: Receive, send: Send) -> None:
        self.tools = tools
        self.scope = scope
        self.receive = receive
        self.send = send
        self.path_params: dict[str, Any] = scope.get("path_params", {})
        self._headers: dict[bytes, bytes] | None = None

    @property
    def method(self) -> str:
        method: str = self.scope["method"]
        return method

    def header(self, name: bytes) -> str | None:
        """A request header by its lower-case name; the last one where it was sent twice."""
        if self._headers is None:
            self._headers = dict(self.scope["headers"])
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    def headers(self) -> dict[str, str]:
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]}

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

    async def reply(self, answer: Answer) -> None:
        await self.send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": [
                    answer.content_type,
                    (b"content-length", b"%d" % len(answer.body)),
                    *answer.headers,
                ],
            }
        )
        body = b"" if self.method == "HEAD" else answer.body
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def of_error(error: ClientError) -> Answer:
    """The error in OpenAI's shape, with what an SDK is to make of it."""
    headers: list[tuple[bytes, bytes]] = []
    if error.retry is not None:
        headers.append((b"x-should-retry", b"true" if error.retry else b"false"))
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after_s))
        headers.append((b"retry-after-ms", b"%d" % (error.retry_after_s * 1_000)))
    return Answer(_encode(error.body()), error.status, tuple(headers))


def of_json(value: Any) -> Answer:
    return Answer(_encode(value))
