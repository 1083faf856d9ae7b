"""The whole content of a server as plain values, to see what an operation changed and what it left alone."""

from __future__ import annotations

from typing import Any

from tests.support.redis import RedisServer


def everything(server: RedisServer) -> dict[str, Any]:
    client = server.client
    readers = {
        "string": client.get,
        "hash": client.hgetall,
        "list": lambda key: client.lrange(key, 0, -1),
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        "stream": client.xrange,
        "set": client.smembers,
    }
    return {key: readers[client.type(key)](key) for key in sorted(client.scan_iter())}


def counter(server: RedisServer, name: str) -> tuple[int, int]:
    """(held, settled) of a counter."""
    held, settled = server.client.hmget("{telecine}:counters", [f"{name}:held", f"{name}:settled"])
    return int(held or 0), int(settled or 0)


def due_of(server: RedisServer, video_id: str) -> int | None:
    score = server.client.zscore("{telecine}:due", video_id)
    return None if score is None else int(score)


def lease_of(server: RedisServer, video_id: str) -> tuple[str, int, bool] | None:
    """(token, until, mark)."""
    lease = server.client.hget("{telecine}:leases", video_id)
    if lease is None:
        return None
    token, until_ms, mark = lease.rsplit("|", 2)
    return token, int(until_ms), mark == "1"
