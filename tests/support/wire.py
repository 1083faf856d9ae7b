"""A TCP connection to a gateway, for requests that no HTTP client sends: byte by byte, cut short, contradictory."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from types import TracebackType
from typing import Any

READ_S_MAX = 30.0


class Reply:
    """What came back: the first answer's status, headers in lower case, and everything behind them."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        self.status = int(first.split()[1]) if first.startswith(b"HTTP/") else 0  # 0: closed without an answer
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1").strip()
            for name, _, value in (line.partition(b":") for line in lines)
        }

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def refused(self) -> bool:
        """A 4xx or a closed connection: what the parser of HTTP may do before a request exists."""
        return self.status == 0 or 400 <= self.status < 500


class Wire:
    def __init__(self, port: int, key: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=READ_S_MAX)
        self._key = key

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def head(self, method: str, path: str, **headers: object) -> None:
        """The head of an authorised request; underscores in names become hyphens."""
        fields: dict[str, object] = {"host": "gateway", "authorization": f"Bearer {self._key}", "connection": "close"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def send(self, data: bytes) -> bool:
        """False if the other side does not listen any more."""
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def chunk(self, data: bytes) -> bool:
        """One piece of a chunked body; an empty one ends it."""
        return self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def stop_sending(self) -> None:
        with suppress(OSError):  # it may be closed from over there
            self._socket.shutdown(socket.SHUT_WR)

    def reply(self) -> Reply:
        """Everything until the other side closes."""
        data = b""
        try:
            while piece := self._socket.recv(65_536):
                data += piece
        except ConnectionError:
            pass
        return Reply(data)
