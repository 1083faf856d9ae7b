"""Is this server fit to keep jobs and money? What must not be is refused; what could lose videos is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from gateway.store.errors import StoreAway
from gateway.store.lane import ErrorReply
from gateway.store.link import Link

VERSION_MIN: Final = (7, 0)
POLICY: Final = "noeviction"


class Fitness(Struct, frozen=True):
    server: str  # "Valkey 9.1.2"
    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    replid: str = ""  # the name of its history
    replid2: str = ""  # the name of the history that it left when it was promoted


async def inspect(link: Link) -> Fitness:
    """Ask the server about itself. Managed servers may keep CONFIG to themselves; INFO says most of it."""
    info = info_lines(await link.command("INFO"))
    try:
        flat = await link.command("CONFIG", "GET", "appendfsync")
    except StoreAway as error:
        if not isinstance(error.__cause__, ErrorReply):
            raise
        flat = []
    return judge(info, flat[1].decode() if flat else None)


def judge(info: Mapping[str, str], appendfsync: str | None) -> Fitness:
    """`info` as the server's INFO says it; `appendfsync` None where nobody may know."""
    product, version = _product(info)
    refusals = []
    if _compatible(info) < VERSION_MIN:
        refusals.append(f"{product} {version} is too old; Redis 7.0, Valkey 7.2 or later is needed")
    policy = info.get("maxmemory_policy", "unknown")
    if policy != POLICY:
        refusals.append(
            f"the server's maxmemory-policy is {policy}, so it may evict what was spent; set it to {POLICY}"
        )
    if info.get("redis_mode", info.get("server_mode", "standalone")) == "cluster":
        refusals.append("the server is part of a Cluster, which this version cannot use; take a stand-alone server")
    if info.get("role", "master") not in ("master", "primary"):
        refusals.append("the server is a replica; connect to its primary")
    return Fitness(
        f"{product} {version}",
        tuple(refusals),
        _persistence(info, appendfsync),
        info.get("master_replid", ""),
        info.get("master_replid2", ""),
    )


def _persistence(info: Mapping[str, str], appendfsync: str | None) -> tuple[str, ...]:
    if info.get("aof_enabled") != "1":
        return ("the store keeps no append-only file: its restart can lose videos and spending (set appendonly yes)",)
    if appendfsync is None:
        return (
            "nobody may read the store's appendfsync: below `always`, a power failure can lose videos and spending",
        )
    if appendfsync != "always":
        return (f"the store's appendfsync is {appendfsync}: a power failure can lose videos (set it to always)",)
    return ()


def _product(info: Mapping[str, str]) -> tuple[str, str]:
    if "valkey_version" in info:
        return "Valkey", info["valkey_version"]
    return "Redis", info.get("redis_version", "of unknown version")


def _compatible(info: Mapping[str, str]) -> tuple[int, ...]:
    """The version of Redis that the server is compatible with."""
    parts = info.get("redis_version", "").split(".")[:2]
    return tuple(int(part) if part.isdigit() else 0 for part in parts)


def info_lines(reply: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in reply.decode("utf-8", "replace").splitlines())
    return {name: value for name, colon, value in pairs if colon}
