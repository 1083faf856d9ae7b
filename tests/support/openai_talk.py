"""An adapter and the driver, talking to a simulated vendor: what each verb comes to, over a real wire. `talk` is for
the openai adapter, `talking` for any."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.clock import SystemClock
from gateway.upstream.download import Downloaded
from gateway.upstream.driver import Driver
from gateway.upstream.endpoints import Endpoint
from providers.contract import Accepted, Adapter, Ref, Remote, Running, Size, Sought, Spec
from providers.openai import OpenAI
from providers.openai.settings import OpenAISettings

HD = Size(1280, 720)
TIMEOUT_S = 5.0
QUICK: dict[str, Any] = {"queue_s": 0.0, "render_s": 0.05}
"""A vendor that hardly takes time."""


class Talk:
    def __init__(self, driver: Driver, endpoint: Endpoint, adapter: Adapter[Any]) -> None:
        self.driver = driver
        self.endpoint = endpoint
        self.adapter = adapter

    async def submit(
        self, spec: Spec, key: str = "key-1", *, send: str = "submit", timeout_s: float = TIMEOUT_S
    ) -> Any:
        flow = self.adapter.submit(spec, key)
        send_by = SystemClock().boot_s() + 5
        return await self.driver.submit(self.endpoint, flow, send_by_boot_s=send_by, timeout_s=timeout_s, send=send)

    async def accepted(self, spec: Spec, key: str = "key-1") -> Ref:
        outcome = await self.submit(spec, key)
        assert isinstance(outcome, Accepted), outcome
        return outcome.ref

    async def poll(self, ref: Ref) -> Any:
        return await self.driver.poll(self.endpoint, self.adapter.poll(ref), timeout_s=TIMEOUT_S)

    async def ended(self, ref: Ref) -> Any:
        """The first poll that is no longer running."""
        give_up = time.monotonic() + 10
        while isinstance(outcome := await self.poll(ref), Running):
            assert time.monotonic() < give_up, "the job does not end"
            await asyncio.sleep(0.02)
        return outcome

    async def find(self, spec: Spec, *, since_ms: int) -> Any:
        sought = Sought(key="key-1", spec=spec, since_ms=since_ms, until_ms=since_ms + 5_000)
        return await self.driver.find(self.endpoint, self.adapter.find(sought), timeout_s=TIMEOUT_S)

    async def cancel(self, ref: Ref) -> Any:
        return await self.driver.cancel(self.endpoint, self.adapter.cancel(ref, None), timeout_s=TIMEOUT_S)

    async def download(self, ref: Ref, asset: Remote | None = None) -> tuple[Any, bytes]:
        call = self.adapter.download(ref, asset or Remote())
        taken = bytearray()

        async def sink(chunk: bytes) -> None:
            taken.extend(chunk)

        outcome = await self.driver.download(self.endpoint, call, sink, bytes_max=64 * 1024 * 1024, timeout_s=TIMEOUT_S)
        return outcome, bytes(taken)

    async def clip(self, ref: Ref) -> bytes:
        outcome, data = await self.download(ref)
        assert isinstance(outcome, Downloaded) and not outcome.truncated, outcome
        return data


@asynccontextmanager
async def talk(
    base_url: str, api_key: str | None, *, files: dict[str, bytes] | None = None, **settings: Any
) -> AsyncIterator[Talk]:
    """`files`: our asset store, by name."""
    adapter = OpenAI(OpenAISettings.model_validate(settings), api_key)
    async with talking(adapter, base_url, files=files) as one:
        yield one


@asynccontextmanager
async def talking(
    adapter: Adapter[Any], base_url: str, *, files: dict[str, bytes] | None = None
) -> AsyncIterator[Talk]:
    async def blobs(name: str) -> AsyncIterator[bytes]:
        yield (files or {})[name]

    driver = Driver(blobs, SystemClock())
    try:
        yield Talk(driver, Endpoint("vendor", base_url, adapter), adapter)
    finally:
        await driver.close()


def create(prompt: str = "A paper boat", **changes: Any) -> Spec:
    fields: dict[str, Any] = {"model": "sora-2", "prompt": prompt, "seconds": 4, "size": HD}
    return Spec(**{**fields, **changes})


def now_ms() -> int:
    return time.time_ns() // 1_000_000
