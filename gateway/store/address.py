"""Where the store is: `redis://`, `rediss://` and `unix://` URLs, read once."""

from __future__ import annotations

import ssl
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from msgspec import Struct

from gateway.store.errors import StoreRefused

PORT = 6379


class Address(Struct, frozen=True, kw_only=True):
    host: str = ""
    port: int = PORT
    path: str = ""  # of a Unix socket; then there is no host
    database: int = 0
    username: str = ""
    password: str = ""
    tls: bool = False
    ca_file: str = ""  # whose certificates are trusted; empty: the system's
    unverified: bool = False

    def __str__(self) -> str:
        """Fit for a log: no credentials."""
        return self.path or f"{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext | None:
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.unverified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def parse(url: str) -> Address:
    """The address in a URL. StoreRefused, which never repeats the URL: it may hold a password."""
    try:
        return _read(urlsplit(url))
    except ValueError as error:
        raise StoreRefused(f"the store's URL cannot be used: {error}") from None


def _read(url: SplitResult) -> Address:
    if url.scheme not in ("redis", "rediss", "unix"):
        raise ValueError("it begins with redis://, rediss:// or unix://")
    options = dict(parse_qsl(url.query, strict_parsing=True)) if url.query else {}
    over_socket = url.scheme == "unix"
    database = options.pop("db", "") or ("" if over_socket else url.path.strip("/")) or "0"
    if not (database.isascii() and database.isdigit()):
        raise ValueError("the database is a number")
    if url.scheme != "unix" and not url.hostname:
        raise ValueError("it names no host")
    if over_socket and not url.path:
        raise ValueError("it names no socket")
    address = Address(
        host="" if over_socket else url.hostname or "",
        port=url.port or PORT,
        path=unquote(url.path) if over_socket else "",
        database=int(database),
        username=unquote(url.username or ""),
        password=unquote(url.password or ""),
        tls=url.scheme == "rediss",
        ca_file=options.pop("ssl_ca_certs", ""),
        unverified=options.pop("ssl_cert_reqs", "required") == "none",
    )
    if options:
        raise ValueError(f"{min(options)} is not an option of it; db, ssl_ca_certs and ssl_cert_reqs are")
    return address
