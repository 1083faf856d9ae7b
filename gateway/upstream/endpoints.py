"""An account at a vendor as configured: plain facts, so that who only reads a configuration loads no HTTP client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from providers.contract import Adapter


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
