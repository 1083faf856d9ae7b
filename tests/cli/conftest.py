"""The command line's tests beside a configured store."""

from tests.support.redis import empty_redis, redis_server

__all__ = ["empty_redis", "redis_server"]
