"""The whole house below HTTP, for tests of the use cases: real store, real files, real calls to simulated vendors."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from gateway.assets.local import LocalAssets
from gateway.assets.media import Media
from gateway.clock import SystemClock
from gateway.config.load import parse_config
from gateway.domain import ids, keys
from gateway.domain.change import Kind
from gateway.domain.references import Upload
from gateway.domain.requests import Hint, ask
from gateway.domain.videos import Video
from gateway.runner import Runner
from gateway.snapshot import build_snapshot
from gateway.store.store import Store
from gateway.upstream.driver import Driver
from gateway.work import create, read
from gateway.work.bounds import shut_unread
from gateway.work.caller import Caller, identify
from gateway.work.tools import Tools
from providers.contract import Verb
from tests.support.vendor import Vendor, vendor

ENDED = ("completed", "failed")


class Simulator(Protocol):
    """Any vendor that a house can stand in front of."""

    base_url: str

    @property
    def api_key(self) -> str: ...


class House:
    """`vendors` by the provider's name; the runner runs unless it is stopped."""

    def __init__(self, tools: Tools, runner: Runner, caller: Caller, vendors: dict[str, Vendor]) -> None:
        self.tools = tools
        self.runner = runner
        self.caller = caller
        self.vendors = vendors

    async def create(self, prompt: str = "a paper boat", *, hint: Hint | None = None, **fields: Any) -> str:
        return await self.make(Verb.CREATE, {"prompt": prompt, **fields}, hint=hint)

    async def make(
        self,
        verb: Verb,
        fields: dict[str, Any],
        *,
        files: dict[str, Upload] | None = None,
        source_id: str | None = None,
        hint: Hint | None = None,
    ) -> str:
        asked = ask(verb, fields, files or {}, source_id=source_id)
        face = json.loads((await create.create_video(self.tools, self.caller, asked, hint or Hint())).face)
        return str(face["id"])

    async def face(self, video_id: str) -> dict[str, Any]:
        face: dict[str, Any] = json.loads(await read.video_face(self.tools, self.caller.key_hash, video_id))
        return face

    async def record(self, video_id: str) -> Video:
        video = await self.tools.store.read(video_id)
        assert video is not None
        return video

    async def until(self, video_id: str, *status: str, seconds: float = 20.0) -> dict[str, Any]:
        """The face once its status is one of these. Checks on the way that it never goes back."""
        seen: list[str] = []
        async with asyncio.timeout(seconds):
            while True:
                face = await self.face(video_id)
                if not seen or seen[-1] != face["status"]:
                    assert face["status"] not in seen, f"{face['status']} after {seen}"
                    seen.append(face["status"])
                if face["status"] in (status or ENDED):
                    return face
                await asyncio.sleep(0.02)

    async def until_closed(self, video_id: str, *, seconds: float = 20.0) -> Video:
        """The record once no attempt is open any more."""
        async with asyncio.timeout(seconds):
            while (video := await self.record(video_id)).open_attempts:
                await asyncio.sleep(0.02)
        return video

    async def runner_turn(self) -> None:
        """A moment in which the runner may do something."""
        self.tools.due.set()
        await asyncio.sleep(0.05)

    async def money(self, video_id: str) -> list[tuple[str, str, int]]:
        """The video's ledger: (kind, attempt's ordinal, amount), a presumed settle named so."""
        entries, _ = await self.tools.store.ledger_entries()
        return [
            (
                "presumed" if one.presumed else str(one.kind),
                one.attempt.rpartition(".")[2],
                -one.released_micros if one.kind is Kind.VOID else one.amount_micros,
            )
            for one in (entry.posting for entry in entries)
            if one.video == video_id
        ]


@asynccontextmanager
async def house(
    redis_url: str,
    folder: Path,
    config: str,
    *,
    vendors: dict[str, dict[str, Any]],
    others: Mapping[str, AbstractAsyncContextManager[Simulator]] | None = None,
    running: bool = True,
) -> AsyncIterator[House]:
    """`config` may name the vendors' addresses as `{a}` and their key as `{key}`. `others`: vendors that speak other
    contracts than OpenAI's, whom the test keeps at hand itself."""
    async with AsyncExitStack() as stack:
        there = {name: await stack.enter_async_context(vendor(**options)) for name, options in vendors.items()}
        strangers = {name: await stack.enter_async_context(one) for name, one in (others or {}).items()}
        text = config
        every: dict[str, Simulator] = {**there, **strangers}
        for name, one in every.items():
            text = text.replace("{" + name + "}", one.base_url).replace("{key}", one.api_key)
        snapshot = build_snapshot(parse_config("config.yaml", text.encode(), {}), sandbox_socket=None)
        store = Store(redis_url)
        stack.push_async_callback(store.close)
        await store.open()
        await store.limit_providers(snapshot.limits)
        await shut_unread(store, snapshot)
        assets = LocalAssets(folder / "assets")
        await assets.start()
        stack.push_async_callback(assets.close)
        clock, media = SystemClock(), Media()
        stack.push_async_callback(media.close)
        driver = Driver(assets.read, clock, as_public=frozenset())
        stack.push_async_callback(driver.close)
        tools = Tools(
            store=store, driver=driver, assets=assets, media=media, clock=clock, snapshot=lambda: snapshot,
            random=os.urandom, chance=random.random, due=asyncio.Event(),
        )  # fmt: skip
        runner = Runner(tools, name=f"test{os.getpid()}")
        caller = await new_caller(tools, "main")
        if running:
            runner.start()
        try:
            yield House(tools, runner, caller, there)
        finally:
            if running:
                await runner.stop(1.0)


async def new_caller(tools: Tools, name: str) -> Caller:
    """A project with a key of its own."""
    project = await tools.store.create_project(
        keys.Project(id=ids.project_id(os.urandom(12)), name=name, created_ms=tools.clock.now_ms())
    )
    assert isinstance(project, keys.Project)
    secret = keys.new_secret(os.urandom(32))
    key = keys.Key(id=ids.key_id(os.urandom(12)), project=project.id, created_ms=tools.clock.now_ms())
    await tools.store.create_key(key, keys.digest(secret))
    return await identify(tools, keys.digest(secret))
