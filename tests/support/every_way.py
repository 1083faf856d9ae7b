"""Every vendor on every way: a simulated vendor of its own for each row and way of `every_vendor`, all on one event
loop, and the configuration of one gateway in front of them.

async with every_way(clips, port) as stage: ... stage.config, stage.plan, stage.vendors["fal-cancel"] ...
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.support.every_vendor import ROWS, Way
from tests.support.loopback import Loopback
from tests.support.own_tls import CERTIFICATE, server_context
from tests.support.vendor_stand import Stand

WAYS: Final = ("success", "cancel", "failure", "expiry", "webhook")
POLL_S: Final = {"poll_min_s": 0.2, "poll_max_s": 0.5}
NO_POLL_S: Final = {"poll_min_s": 600, "poll_max_s": 600}  # only a callback ends it in time


@dataclass
class Stage:
    """By the name of a provider, which is its public model's too: `row-way`."""

    public_url: str
    config: str = ""
    plan: dict[str, tuple[str, str]] = field(default_factory=dict)  # row and way
    vendors: dict[str, Any] = field(default_factory=dict)

    def way(self, name: str) -> Way:
        row, way = self.plan[name]
        told = getattr(ROWS[row], way)
        assert isinstance(told, Way)
        return told

    def finish(self) -> None:
        """What nobody could stop ends."""
        for name, vendor in self.vendors.items():
            if self.plan[name][1] == "cancel":
                vendor.finish()


@asynccontextmanager
async def every_way(folder: Path, port: int, *, rows: Collection[str] = ROWS) -> AsyncIterator[Stage]:
    """For a gateway that listens on `port`; vendors reach it through TLS, which some of them insist on."""
    providers, models = dict[str, Any](), dict[str, Any]()
    async with AsyncExitStack() as stack:
        stage = Stage(await stack.enter_async_context(tls_before(folder, port)))
        for row, way in ((row, way) for row in ROWS if row in rows for way in WAYS):
            if getattr(ROWS[row], way) is None:
                continue
            name = f"{row}-{way}"
            stage.plan[name] = (row, way)
            providers[name] = await _provider(stack, stage, name, str(folder))
            route = {"route": f"{name}/{ROWS[row].model}", **ROWS[row].route}
            models[name] = {"routes": [route], "nearest": "nearest", "deadline_s": stage.way(name).deadline_s}
        # JSON is YAML, and needs no indenting.
        gateway = {"public_url": stage.public_url}
        stage.config = json.dumps({"gateway": gateway, "providers": providers, "models": models}, indent=1)
        yield stage


async def _provider(stack: AsyncExitStack, stage: Stage, name: str, clips: str) -> dict[str, Any]:
    row, way = ROWS[stage.plan[name][0]], stage.way(name)
    polls = NO_POLL_S if stage.plan[name][1] == "webhook" else POLL_S
    block = {"adapter": row.adapter, **polls, "settings": {**row.settings, **way.settings}}
    if row.vendor is None:
        return block
    hook = f"{stage.public_url}/hooks/{name}"
    options = {
        key: value.replace("{hook}", hook) if isinstance(value, str) else value for key, value in way.options.items()
    }
    at: Any = await stack.enter_async_context(row.vendor(clips=clips, **options))
    at.program(*way.faults)
    if isinstance(at, Stand):
        at.forges = True
    stage.vendors[name] = at
    return {**block, "base_url": at.base_url + row.beside, "api_key": at.api_key}


# --- TLS, as a proxy before the gateway has it --------------------------------------------------------------------


@asynccontextmanager
async def tls_before(folder: Path, port: int) -> AsyncIterator[str]:
    """The `https` address of what listens on a port of this machine, under the certificate of `own_tls`, which lies in
    `folder` as `trusted.pem`."""
    (folder / "trusted.pem").write_text(CERTIFICATE, encoding="ascii")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(_pass(reader, inner_writer), _pass(inner_reader, writer))
        finally:
            inner_writer.close()

    context: ssl.SSLContext = server_context(folder)
    front = Loopback(talk, tls=context)
    await front.listen()
    try:
        yield f"https://127.0.0.1:{front.port}"
    finally:
        await front.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(64 * 1024):
        writer.write(data)
        await writer.drain()
    with suppress(OSError, NotImplementedError):
        writer.write_eof() if writer.can_write_eof() else writer.close()
