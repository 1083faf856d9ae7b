"""The first start prints a key that controls, once, on stdout alone; a later start prints none."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.admin.conftest import CONFIG
from tests.support.gateway import Gateway, until
from tests.support.loopback import Loopback
from tests.support.redis import RedisServer

LOGS_S_MAX = 5.0
KEY = re.compile(r"sk-tc-[\w-]{43}")


def test_the_first_start_prints_a_key_that_controls_and_no_later_one_does(tmp_path: Path) -> None:
    with Gateway(tmp_path, config=CONFIG) as gateway:
        out, err = (tmp_path / name for name in ("serve.out", "serve.err"))
        (secret,) = KEY.findall(out.read_text())
        assert secret not in err.read_text()
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=gateway.url, headers=headers, trust_env=False, verify=False) as client:
            assert client.post("/admin/providers/mock/drain").status_code == 200
            deeds = client.get("/admin/audit", params={"order": "asc"}).json()["data"]
        assert [(one["actor"], one["action"]) for one in deeds[:2]] == [
            ("serve", "project.create"),
            ("serve", "key.create"),
        ]
        assert deeds[1]["after"]["role"] == 100 and secret not in str(deeds)
        gateway.stop()
        gateway.start()
        assert KEY.findall(out.read_text()) == []  # this start's own


def test_who_has_a_key_already_is_given_none(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, config=CONFIG)
    gateway.create_key("mine")
    with gateway:
        assert KEY.findall((tmp_path / "serve.out").read_text()) == []


async def test_a_store_that_is_away_for_the_first_key_alone_is_said_once_the_gateway_runs(
    tmp_path: Path, empty_redis: RedisServer
) -> None:
    """Who waits for the key on stdout is told how to make another; the next start makes one."""
    short = Path(tempfile.mkdtemp(prefix="tc")) / "door"
    gateway = Gateway(tmp_path, config=f"store: {{url: 'unix://{short}'}}\n{CONFIG}")
    out = tmp_path / "serve.out"
    async with shut_for_the_master(gateway, empty_redis, short) as door:
        try:
            await asyncio.to_thread(gateway.start)
            assert KEY.findall(out.read_text()) == []
            assert await asyncio.to_thread(until, lambda: told(gateway), LOGS_S_MAX)
            await asyncio.to_thread(gateway.stop)
            door.clear()
            await asyncio.to_thread(gateway.start)
            assert len(KEY.findall(out.read_text())) == 1
        finally:
            await asyncio.to_thread(gateway.__exit__, None, None, None)


def told(gateway: Gateway) -> bool:
    found = [line for line in gateway.lines() if line["event"] == "first_key_not_shown"]
    return [bool(line["reason"]) and "telecine keys create" in line["todo"] for line in found] == [True]


@asynccontextmanager
async def shut_for_the_master(gateway: Gateway, server: RedisServer, path: Path) -> AsyncIterator[set[str]]:
    """A way to the server that the master is turned away from, and nobody else is, until what is given is emptied."""
    shut = {"shut"}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = writer.get_extra_info("socket")
        peer, _, _ = struct.unpack("3i", wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if shut and peer == gateway.master:
            return
        far_reader, far_writer = await asyncio.open_unix_connection(str(server.socket))
        back = asyncio.create_task(pump(far_reader, writer))
        try:
            await pump(reader, far_writer)
        finally:
            back.cancel()
            far_writer.close()

    loopback = Loopback(talk, unix_socket=str(path))
    await loopback.listen()
    try:
        yield shut
    finally:
        await loopback.close()
        path.unlink(missing_ok=True)
        path.parent.rmdir()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
