"""The use cases run on a real store; after every test the books must balance."""

from tests.support.redis import empty_redis, redis_server

__all__ = ["empty_redis", "redis_server"]
