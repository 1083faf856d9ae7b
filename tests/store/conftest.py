"""Every test of the store works on a real server."""

from __future__ import annotations

from tests.support.redis import empty_redis, redis_server, store

__all__ = ["empty_redis", "redis_server", "store"]
