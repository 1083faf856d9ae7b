"""A real Valkey for tests: one private server per session, emptied before each test, on a short Unix socket.

`redis_server` and `store` are fixtures: a folder of tests that needs them imports them in its conftest.
"""

from __future__ import annotations

import ctypes
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.store import binary
from gateway.store.store import Store


class RedisServer:
    """Keeps nothing on disk unless `settings` say so. `client` is a hand beside the store's, to look and to meddle."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.socket = folder / "s"
        self._settings = {"appendonly": "no", **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self.client: Any = redis.Redis(
            unix_socket_path=str(self.socket), protocol=2, decode_responses=True, socket_timeout=30,
            retry=Retry(NoBackoff(), 3),  # the default sleeps for seconds where a test has stopped the server
        )  # fmt: skip

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        settings = {
            "port": "0", "unixsocket": str(self.socket), "dir": str(self.folder), "save": "", "loglevel": "warning",
            "enable-debug-command": "yes", "maxmemory-policy": "noeviction", **self._settings,
        }  # fmt: skip
        words = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", value)]
        with (self.folder / "log").open("ab") as output:
            self._process = subprocess.Popen(
                [binary.find(), *words],
                stdout=output,
                stderr=output,
                preexec_fn=_tie_to_parent,  # noqa: PLW1509 - one system call
            )
        weakref.finalize(self, _end, self._process)  # a test that fails before it stops its server leaves none behind
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            for _ in range(500):
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    time.sleep(0.01)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self) -> None:
        """As a power cut would: SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        assert self._process is not None
        self.client.close()
        self._process.terminate()
        self._process.wait(10)


def _tie_to_parent() -> None:
    """A test run that is killed leaves none behind either; elsewhere than on Linux it may."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix="tc"))
    server = RedisServer(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def empty_redis(redis_server: RedisServer) -> RedisServer:
    redis_server.client.flushall()
    redis_server.client.config_set("maxmemory", 0)
    redis_server.client.config_set("maxmemory-policy", "noeviction")
    return redis_server


@pytest.fixture
async def store(empty_redis: RedisServer) -> AsyncIterator[Store]:
    """An open store on an empty server."""
    store = Store(empty_redis.url, patience_s=2.0)
    await store.open()
    yield store
    await store.close()
