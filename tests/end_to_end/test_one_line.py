"""OpenAI's SDK, the gateway, a simulated vendor, an MP4 on disk: the same line of code on every adapter, and on every
way that a video can go there."""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from msgspec import Struct

from gateway.config.load import parse_config
from gateway.snapshot import build_snapshot
from providers.contract import Abilities
from tests.sdk.matrix import PINNED
from tests.support.every_vendor import ROWS, Way
from tests.support.every_way import WAYS, Stage, every_way
from tests.support.gateway import Gateway
from tests.support.own_tls import trusting_context
from tests.support.vendor_stand import Stand

CLIENT = Path(__file__).with_name("one_line_client.py")
RUN_S_MAX = 180.0


class Came(Struct, frozen=True, kw_only=True):
    """What came of one video: as the client saw it, in the ledger, at its vendor (None: the gateway's own) and on
    disk; and what the adapter declares."""

    way: Way
    said: dict[str, Any]
    books: tuple[str, ...]
    vendor: Any
    able: Abilities
    clip: Path

    @property
    def ended(self) -> str:
        return str(self.said["error"] or self.said["status"])


@pytest.mark.timeout(2 * RUN_S_MAX)
async def test_one_line_goes_every_way_at_every_provider(tmp_path: Path) -> None:
    """`client.videos.create(model=…, prompt=…, seconds="4", size="1280x720")`; only the model's name differs. The video
    is made, or cancelled, or fails after it was accepted, or lies behind a link that has died, or is looked at only
    because the vendor called."""
    gateway = Gateway(tmp_path / "gateway", config="", env={"SSL_CERT_FILE": str(tmp_path / "trusted.pem")})
    async with every_way(tmp_path, gateway.port) as stage:
        gateway.config.write_text(stage.config)
        try:
            await asyncio.to_thread(gateway.start)
            key = await asyncio.to_thread(gateway.create_key)
            said = await asked(gateway.base_url, key, tmp_path, stage)
            await nobody_elses_calls_are_heard(stage, said)
            books = await booked(gateway)
        finally:
            await asyncio.to_thread(gateway.__exit__, None, None, None)
    able, wrong = abilities(stage.config), dict[str, list[str]]()
    for name, (_, way) in stage.plan.items():
        came = Came(
            way=stage.way(name), said=said[name], books=books.get(said[name]["id"], ()), vendor=stage.vendors.get(name),
            able=able[name], clip=tmp_path / f"{name}.mp4",
        )  # fmt: skip
        wrong[name] = [*ended_so(came), *CHECKS[way](came)]
    print(table(wrong))
    assert not any(wrong.values()), json.dumps({name: found for name, found in wrong.items() if found}, indent=1)
    callers = {stage.plan[name][0] for name, one in able.items() if one.calls_back}
    assert callers == {row for row, told in ROWS.items() if told.webhook is not None}


async def asked(base_url: str, key: str, folder: Path, stage: Stage) -> dict[str, Any]:
    """What became of each, by an SDK in an environment of its own."""
    sdk = PINNED[0]
    if lacking := sdk.missing():
        pytest.fail(f"{sdk.name}: no environment ({', '.join(lacking)}); `make test` makes it", pytrace=False)
    wishes = json.dumps({name: way == "cancel" for name, (_, way) in stage.plan.items()})
    process = await asyncio.create_subprocess_exec(
        sdk.command[0], str(CLIENT), str(folder), wishes,
        env={**os.environ, "OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": key},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), RUN_S_MAX)
    stage.finish()  # what the vendors would not stop renders to its end
    out, err = await asyncio.wait_for(process.communicate(), RUN_S_MAX)
    assert process.returncode == 0, err.decode()[-2_000:]
    said: dict[str, Any] = json.loads(out)
    return said


async def nobody_elses_calls_are_heard(stage: Stage, said: dict[str, Any]) -> None:
    """An address that carries a video's name under another HMAC than ours is nobody's, at every provider."""
    async with httpx.AsyncClient(verify=trusting_context(), trust_env=False, timeout=20) as stranger:
        for name in stage.plan:
            address = f"{stage.public_url}/hooks/{name}/{said[name]['id']}.1.{'A' * 24}"
            assert (await stranger.post(address, json={"id": "x"})).status_code == 404


async def booked(gateway: Gateway) -> dict[str, tuple[str, ...]]:
    """How every attempt ended in the ledger: what a vendor bills may be looked up after its video has ended."""
    for _ in range(10):
        books = ends(await asyncio.to_thread(gateway.ledger))
        if not any("hold" in one for one in books.values()):
            break
        await asyncio.sleep(1)
    return books


def ends(ledger: list[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """How the attempts of each video ended in the ledger; what is still held is `hold`."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for entry in ledger:
        found[entry["video"]][entry["attempt"]] = "presumed" if entry["presumed"] else entry["kind"]
    return {video: tuple(attempts.values()) for video, attempts in found.items()}


def abilities(config: str) -> dict[str, Abilities]:
    """What the adapters declare, by the provider's name."""
    snapshot = build_snapshot(parse_config("config.yaml", config.encode(), {}), sandbox_socket=None)
    return {route.provider: route.abilities for route in snapshot.routes.values()}


# --- what is not as the row says ---------------------------------------------------------------------------------


def ended_so(came: Came) -> list[str]:
    """The client's answer, the money, how many jobs the vendor was given, and the file."""
    found = [] if came.ended == came.way.ends else [f"{came.ended}, not {came.way.ends}"]
    if came.books != came.way.books:
        found.append(f"the ledger says {came.books}, not {came.way.books}")
    if came.vendor is not None and came.vendor.counts["renders"] != len(came.way.books):
        found.append(f"{came.vendor.counts['renders']} jobs were submitted")
    if came.ended != "completed":
        return found
    with av.open(str(came.clip), "r") as clip:
        right = clip.streams.video and (clip.duration or 0) > 1_000_000
    return found if right else [*found, "no clip"]


def cancelled(came: Came) -> list[str]:
    """The vendor was asked to stop it, where it can; else it was not, and the clip is the client's all the same."""
    stops, state = came.way.ends == "cancelled", (came.said["cancel"] or {}).get("state")
    found = [] if came.able.cancels == stops else [f"the adapter says cancels={came.able.cancels}"]
    if state != ("cancelled" if stops else "cannot"):
        found.append(f"the cancel is {state}")
    if came.vendor is not None and bool(came.vendor.counts.get("delete")) != stops:
        found.append(f"the vendor was asked {came.vendor.counts.get('delete', 0)} times to stop it")
    return found


def expired(came: Came) -> list[str]:
    """A link was dead: the vendor was looked at again, and fetched from again."""
    tries = [2, 2] if came.vendor is None else [came.vendor.counts[verb] for verb in ("retrieve", "content")]
    return [] if min(tries) >= 2 else [f"looked and fetched {tries} times"]


def called(came: Came) -> list[str]:
    """The vendor's call was heard, and a thief's was not. That the video ended shows the rest: no poll was due."""
    if not isinstance(came.vendor, Stand):
        return []
    found = [] if set(came.vendor.answered) == {200} else [f"its calls were answered with {came.vendor.answered}"]
    if set(came.vendor.forged) != ({401} if came.way.settings else set()):
        found.append(f"forged calls were answered with {came.vendor.forged}")
    return found


CHECKS = {"success": lambda _: [], "cancel": cancelled, "failure": lambda _: [], "expiry": expired, "webhook": called}


def table(wrong: dict[str, list[str]]) -> str:
    """`none`: the vendor has no such thing; what our rules say instead was looked for, or that none is declared."""
    lines = ["".join(f"{word:<22}" for word in ("", *WAYS)).rstrip()]
    for row, told in ROWS.items():
        has = {
            "cancel": told.cancel.ends == "cancelled",
            "expiry": told.expiry.ends == "completed",
            "webhook": told.webhook is not None,
        }
        cells = ["WRONG" if wrong.get(f"{row}-{way}") else "ok" if has.get(way, True) else "none" for way in WAYS]
        lines.append("".join(f"{word:<22}" for word in (row, *cells)).rstrip())
    return "\n".join(lines)
