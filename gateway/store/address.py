"""Where the store is: `redis://`, `rediss://` and `unix://` URLs, read once, by the client library."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from msgspec import Struct
from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.exceptions import RedisError

from gateway.store.errors import StoreRefused

PORT: Final = 6379
# The library takes every parameter of its own as an option; the others would change what a lane promises.
OPTIONS: Final = frozenset({"db", "ssl_ca_certs", "ssl_cert_reqs"})


class Address(Struct, frozen=True):
    place: str
    settings: dict[str, Any]  # as the library's connections take them

    def __str__(self) -> str:
        """Fit for a log: no credentials."""
        return self.place

    __repr__ = __str__

    def connection(self, timeout_s: float) -> AbstractConnection:
        """One that is not made yet. It does not introduce itself, ask for the server's health or repeat anything;
        `timeout_s` bounds reaching the server. Whoever waits for an answer bounds that."""
        settings = dict(self.settings)
        kind = settings.pop("connection_class", Connection)
        made: AbstractConnection = kind(
            **settings, protocol=2, driver_info=None, socket_timeout=None, socket_connect_timeout=timeout_s
        )
        return made


def of_socket(path: str | Path) -> str:
    """The URL of a Unix socket, whatever characters its path has."""
    return f"unix://{quote(str(path))}"


def parse(url: str) -> Address:
    """The address in a URL. StoreRefused, which never repeats any of the URL: it may hold a password."""
    try:
        settings: dict[str, Any] = dict(parse_url(url))
        query, path = urlsplit(url).query, urlsplit(url).path
        options = dict(parse_qsl(query, strict_parsing=True)) if query else {}
        wrong = _overlooked(url, settings, options, path)
        address = Address(_place(settings), settings)
        if not wrong:
            address.connection(1.0)  # says whether it can be made of that
    except (ValueError, RedisError):  # the library's words for it quote the URL
        wrong = "write redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH"
    if wrong:
        raise StoreRefused(f"the store's URL cannot be used: {wrong}")
    return address


def _overlooked(url: str, settings: dict[str, Any], options: dict[str, str], path: str) -> str:
    """What the library would not mind."""
    database = "" if "path" in settings else path.strip("/")
    if any(character.isspace() for character in url):
        return "it has a space or a line's end"
    if not options.keys() <= OPTIONS:
        return f"its options are {', '.join(sorted(OPTIONS))}"
    if not (settings.get("host") or settings.get("path")):
        return "it names no host or socket"
    if settings.get("db", 0) < 0 or (database and not (database.isascii() and database.isdigit())):
        return "the database is a number"
    return ""


def _place(settings: dict[str, Any]) -> str:
    return settings.get("path") or f"{settings.get('host')}:{settings.get('port', PORT)}"
