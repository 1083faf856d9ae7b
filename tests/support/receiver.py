"""A receiver of webhooks for tests: it keeps what it was sent and answers as a test likes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from typing import Any, Self

from tests.support.http_desk import Asked, Desk, Say, say


class Receiver(Desk):
    """`then`: what it answers, one after the other, the last one for ever."""

    def __init__(self, *then: Say) -> None:
        self.then = list(then or (say(200),))
        super().__init__(lambda _: self.then.pop(0) if len(self.then) > 1 else self.then[0])

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        return self

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(one.body) for one in self.asked]

    def types(self) -> list[str]:
        return [one["type"] for one in self.events]

    async def until(self, true: Callable[[], object], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.02)

    async def count(self, number: int, seconds: float = 10.0) -> list[Asked]:
        """Once so many came."""
        await self.until(lambda: len(self.asked) >= number, seconds)
        return self.asked


def verified_by(asked: Asked, secrets: Sequence[str]) -> list[bool]:
    """Which of these secrets verify it, as Standard Webhooks says."""
    head = {name: asked.header(f"webhook-{name}") or "" for name in ("id", "timestamp", "signature")}
    signed = f"{head['id']}.{head['timestamp']}.".encode() + asked.body
    found = []
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        mine = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        found.append(f"v1,{mine}" in head["signature"].split(" "))
    return found
