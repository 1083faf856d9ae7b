"""A running gateway with the mock, and operators of each role."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.redis import empty_redis, redis_server, store

__all__ = ["empty_redis", "redis_server", "store"]

CONFIG = """
providers:
  mock: {adapter: mock}
  spare: {adapter: mock}
models:
  sora-2:
    routes: [mock/sora-2, spare/sora-2]
  sora-2-pro:
    routes: [spare/sora-2-pro]
"""


@pytest.fixture(scope="package")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("admin"), config=CONFIG) as running:
        running.telecine("projects", "create", "operators-of-tests")
        yield running


@pytest.fixture(scope="package")
def client(gateway: Gateway) -> Iterator[Callable[[int], httpx.Client]]:
    """A client with a key of this role; one per role."""
    made: dict[int, httpx.Client] = {}

    def of(role: int) -> httpx.Client:
        if role not in made:
            words = ("keys", "create", "--project", "operators-of-tests", "--role", str(role))
            headers = {"Authorization": f"Bearer {gateway.telecine(*words)['key']}"}
            made[role] = httpx.Client(base_url=gateway.url, headers=headers, trust_env=False, verify=False, timeout=20)
        return made[role]

    yield of
    for one in made.values():
        one.close()


@pytest.fixture
def admin(client: Callable[[int], httpx.Client]) -> httpx.Client:
    return client(100)
