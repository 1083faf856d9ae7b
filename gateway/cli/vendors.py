"""The vendors of a configuration, as commands that call them need them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.cli.failure import Failure
from gateway.cli.options import Place
from gateway.clock import SystemClock
from gateway.config.load import load_config
from gateway.config.rules import did_you_mean
from gateway.snapshot import Snapshot, build_snapshot
from gateway.store.datadir import socket_of
from gateway.upstream.driver import Driver
from gateway.upstream.endpoints import Endpoint


def snapshot_of(place: Place) -> Snapshot:
    """The configuration made real, with the mock's vendor where the running gateway has it."""
    return build_snapshot(load_config(place.config, os.environ), sandbox_socket=str(sandbox_of(place)))


def sandbox_of(place: Place) -> Path:
    """Where the mock's vendor listens while the gateway runs."""
    return socket_of(place.data_dir.absolute() / "sandbox", "sandbox.sock")


def endpoint_of(snapshot: Snapshot, name: str) -> Endpoint:
    """Failure if no provider is called so, or it is the mock's and no gateway runs."""
    endpoint = snapshot.endpoints.get(name)
    if endpoint is None:
        raise Failure(f'no provider is called "{name}"{did_you_mean(name, snapshot.endpoints)}')
    if endpoint.unix_socket is not None and not Path(endpoint.unix_socket).exists():
        raise Failure(f"{name} is the sandbox, which runs with the gateway: start it with telecine serve")
    return endpoint


@asynccontextmanager
async def a_driver() -> AsyncIterator[Driver]:
    """For calls that make nothing."""
    driver = Driver(_no_files, SystemClock())
    try:
        yield driver
    finally:
        await driver.close()


async def _no_files(name: str) -> AsyncIterator[bytes]:
    """A look at an account or a queue sends none."""
    for nothing in list[bytes]():
        yield nothing
