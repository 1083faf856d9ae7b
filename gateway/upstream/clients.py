"""Which pool of connections a call takes, and who may receive the credential.

Calls that start work have pools of their own: polls of thousands of clips never stand in their way, and they hardly
ever meet a connection that the vendor closes in that very moment, which would leave a paid submission in doubt.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import httpx

from gateway.upstream.addresses import Lookup, Resolver, is_public, look_up
from gateway.upstream.transport import Transport
from providers.contract import Adapter

# Servers close idle connections after 2 to 75 s (Node and uvicorn: 5).
KEEPALIVE_S = 4.0
KEEPALIVE_STARTING_S = 1.0
PORTS = {"http": 80, "https": 443}

Origin: TypeAlias = "tuple[str, str, int]"


@dataclass(frozen=True)
class Endpoint:
    """One provider's account as the driver sees it. Hosts are `name` or `name:port`."""

    provider: str
    base_url: str
    adapter: Adapter[Any]
    unix_socket: str | None = None  # the base URL leads there instead of to its host
    connect_timeout_s: float = 5.0
    allow_private: bool = True  # links that the vendor hands out may lead to private addresses
    own_hosts: tuple[str, ...] = ()  # further hosts of the vendor that may receive the credential

    @cached_property
    def origin(self) -> Origin:
        return origin_of(httpx.URL(self.base_url))

    @cached_property
    def own_origins(self) -> frozenset[Origin]:
        scheme = self.origin[0]
        others = (origin_of(httpx.URL(f"{scheme}://{host}")) for host in self.own_hosts)
        return frozenset({self.origin, *others})


def origin_of(url: httpx.URL) -> Origin:
    # Not `host`: httpx reads it as an international name, and raises for what is none.
    return url.scheme, url.raw_host.decode("ascii").rstrip("."), url.port or PORTS.get(url.scheme, 0)


class Clients:
    """The pools, opened when they are first needed."""

    def __init__(
        self,
        *,
        socket_timeout_s: float,
        connections_per_host: int,
        lookup: Lookup = look_up,
        as_public: frozenset[str] = frozenset(),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`as_public`: addresses that count as public although they are not, so that a test can play the internet."""
        self._socket_timeout_s = socket_timeout_s
        self._connections_per_host = connections_per_host
        self._lookup = lookup
        self._as_public = as_public
        self._tls = tls
        self._resolver: Resolver | None = None
        self._pools: dict[tuple[str, str | None], Transport] = {}

    def of(self, endpoint: Endpoint, url: httpx.URL, *, starts_work: bool = False) -> Transport:
        """The pool for a call to this address on behalf of this provider."""
        origin = origin_of(url)
        if origin == endpoint.origin:
            return self._pool("starting" if starts_work else "asking", endpoint.unix_socket)
        if origin in endpoint.own_origins or endpoint.allow_private:
            return self._pool("starting" if starts_work else "asking", None)
        return self.public()

    def public(self) -> Transport:
        """The pool that reaches public addresses only."""
        return self._pool("public", None)

    def anywhere(self) -> Transport:
        """The pool that reaches any address, for who was allowed to."""
        return self._pool("anywhere", None)

    async def close(self) -> None:
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.aclose()
        if self._resolver is not None:
            await self._resolver.close()
            self._resolver = None

    def _pool(self, kind: str, unix_socket: str | None) -> Transport:
        pool = self._pools.get((kind, unix_socket))
        if pool is None:
            self._resolver = self._resolver or Resolver(self._lookup)
            pool = self._pools[kind, unix_socket] = Transport(
                unix_socket=unix_socket,
                connections_per_host=self._connections_per_host,
                keepalive_s=KEEPALIVE_STARTING_S if kind == "starting" else KEEPALIVE_S,
                socket_timeout_s=self._socket_timeout_s,
                resolver=self._resolver,
                allows=self.allows if kind == "public" else None,
                tls=self._tls,
                watched=kind == "starting",
            )
        return pool

    def allows(self, address: str) -> bool:
        """Whether an address counts as public here."""
        return address in self._as_public or is_public(address)
