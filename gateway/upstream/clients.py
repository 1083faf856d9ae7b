"""Which pool of connections a call takes, and who may receive the credential.

Calls that start work have pools of their own: polls of thousands of clips never stand in their way, and they hardly
ever meet a connection that the vendor closes in that very moment, which would leave a paid submission in doubt.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import TypeAlias

import httpx

from gateway.upstream.addresses import Lookup, Resolver, is_public, look_up
from gateway.upstream.endpoints import Endpoint
from gateway.upstream.transport import Transport

# Servers close idle connections after 2 to 75 s (Node and uvicorn: 5).
KEEPALIVE_S = 4.0
KEEPALIVE_STARTING_S = 1.0
PORTS = {"http": 80, "https": 443}

Origin: TypeAlias = "tuple[str, str, int]"


def origin_of(url: httpx.URL) -> Origin:
    # Not `host`: httpx reads it as an international name, and raises for what is none.
    return url.scheme, url.raw_host.decode("ascii").rstrip("."), url.port or PORTS.get(url.scheme, 0)


def own_origins(endpoint: Endpoint) -> frozenset[Origin]:
    """Who may receive its credential."""
    return _origins(endpoint.base_url, endpoint.own_hosts)


@lru_cache(maxsize=1_024)
def _origins(base_url: str, own_hosts: tuple[str, ...]) -> frozenset[Origin]:
    base = httpx.URL(base_url)
    return frozenset({origin_of(base), *(origin_of(httpx.URL(f"{base.scheme}://{host}")) for host in own_hosts)})


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
        if origin in _origins(endpoint.base_url, ()):
            return self._pool("starting" if starts_work else "asking", endpoint.unix_socket)
        if origin in own_origins(endpoint) or endpoint.allow_private:
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
