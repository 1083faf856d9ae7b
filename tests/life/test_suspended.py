"""A worker that stands still between its commit and its send, for longer than it may, and then goes on: it must not
send any more, whatever others have made of the video meanwhile.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from tests.life.scenarios import CONFIG, HONOURS, NO_LIST
from tests.support.gateway import Gateway, until
from tests.support.vendor import vendor_process
from tests.support.vendor_control import RemoteVendor

STANDS_S = 3.0  # four times as long as it may send, twice a step's lease
# So patient that nothing but the fence keeps the woken worker from sending, and that its lease lasts.
PATIENT = CONFIG.replace("submit_timeout_s: 1,", "submit_timeout_s: 20,")


class Case(Struct, frozen=True, kw_only=True):
    """What the first vendor can, what the policy says, and what has to come of it."""

    config: str = CONFIG
    settings: str = NO_LIST
    vendor: dict[str, Any] = {}
    doubt: str = "hold"
    meanwhile: tuple[int, int] = (0, 0)  # creates that another worker sends to each vendor before the first wakes
    always: bool = False  # in every run of the tests
    creates: tuple[int, int]  # in the end: the woken worker's for the first vendor is never among them


CASES = {
    "still its own": Case(always=True, config=PATIENT, creates=(0, 1)),
    "in doubt meanwhile": Case(creates=(0, 1)),
    "sent again meanwhile": Case(
        always=True, settings=HONOURS, vendor={"keys": "replay"}, meanwhile=(1, 0), creates=(1, 0)
    ),
    "sent elsewhere meanwhile": Case(doubt="failover", meanwhile=(0, 1), creates=(0, 1)),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if case.always else pytest.mark.slow) for name, case in CASES.items()]
)
async def test_a_worker_that_stood_past_its_time_does_not_send(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with (
        vendor_process(tmp_path / "a", render_s=0.2, **{"lists": False, **case.vendor}) as a,
        vendor_process(tmp_path / "b", render_s=0.2, lists=False) as b,
    ):
        fields = {"deadline": 30, "doubt": case.doubt, "settings": case.settings, "limits": "", "late": ""}
        reached = tmp_path / "reached"
        with Gateway(
            tmp_path / "gateway",
            config=case.config % {**fields, "a": a.base_url, "b": b.base_url},
            workers=2,
            env={"TELECINE_KILL_POINT": "before.send.submit", "TELECINE_KILL_FILE": str(reached)},
        ) as gateway:
            key = await asyncio.to_thread(gateway.create_key)
            async with _client(gateway, key) as client:
                with suppress(httpx.TimeoutException):  # the one that stands may be the one that answers
                    await client.post("/videos", json={"prompt": "a boat", "seconds": "4", "size": "720x1280"})
                assert await asyncio.to_thread(until, reached.exists, 10)
                await asyncio.sleep(STANDS_S)
                await _asked((a, b), case.meanwhile)
                with reached.open("a") as file:
                    file.write("go on\n")
                video = await _ended(client)
            await asyncio.sleep(1)
            assert await asyncio.to_thread(gateway.telecine, "ledger", "verify") == {"differences": []}
            assert (video["status"], (await _creates(a), await _creates(b))) == ("completed", case.creates)


def _client(gateway: Gateway, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=gateway.base_url, headers={"Authorization": f"Bearer {key}"}, timeout=2, trust_env=False, verify=False
    )


async def _ended(client: httpx.AsyncClient) -> dict[str, Any]:
    """The one video, once it has ended."""
    for _ in range(200):
        with suppress(httpx.TimeoutException):
            (video,) = (await client.get("/videos")).json()["data"]
            if video["status"] in ("completed", "failed"):
                assert isinstance(video, dict)
                return video
        await asyncio.sleep(0.2)
    raise AssertionError("it never ended")


async def _asked(vendors: tuple[RemoteVendor, ...], times: tuple[int, ...]) -> None:
    """By the other worker, while the first still stands."""
    for _ in range(200):
        if tuple([await _creates(one) for one in vendors]) == times:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("nobody took over")


async def _creates(vendor: RemoteVendor) -> int:
    """How often work was asked of it, whatever it answered."""
    return sum(one["verb"] == "create" for one in await vendor.requests())
