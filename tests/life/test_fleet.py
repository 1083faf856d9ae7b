"""Many videos (ten thousand in `make test-all`) through faulty vendors while workers die and stand still: every
one ends, none is rendered twice unless a policy at risk allowed it and the ledger says so, and the books are right.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.life.fleet import COMMON, CONFIG, faces, make_clips, programme, renders, run
from tests.support.gateway import Gateway
from tests.support.vendor import vendor_process
from tests.support.vendor_control import RemoteVendor

OPTIONS: dict[str, dict[str, Any]] = {
    "a": {"keys": "replay", "lists": False},
    "b": {"lists": True},
    "c": {"lists": False},
    "r": {"lists": False},
    "d": {"keys": "replay", "lists": False},
}
ENDED = ("completed", "failed")


@pytest.mark.parametrize(
    ("count", "deadline_s"),
    [
        pytest.param(150, 60, marks=pytest.mark.timeout(280)),
        pytest.param(10_000, 300, marks=[pytest.mark.slow, pytest.mark.timeout(5_400)]),
    ],
)
async def test_every_video_ends_and_none_is_rendered_twice_unasked(count: int, deadline_s: int, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        vendors: dict[str, RemoteVendor] = {}
        common: dict[str, Any] = {"render_s": 0.3, "fast": True, "clips": str(await make_clips(tmp_path / "clips"))}
        for name, options in OPTIONS.items():
            (tmp_path / name).mkdir()
            there = await stack.enter_async_context(vendor_process(tmp_path / name, **common, **options))
            vendors[name] = there
            if name != "d":
                await there.program(*programme())
        config = CONFIG.format(
            common=COMMON, deadline=deadline_s, **{name: one.base_url for name, one in vendors.items()}
        )
        with Gateway(tmp_path / "gateway", config=config, workers=3) as gateway:
            key = await asyncio.to_thread(gateway.create_key)
            fleet = await run(gateway, key, count, seed=count)
            shown = await _until_ended(gateway, key, patience_s=30)
            await asyncio.sleep(5)  # attempts that are still followed
            made = await renders(vendors)
            entries = await asyncio.to_thread(_entries, gateway)
            assert await asyncio.to_thread(gateway.telecine, "ledger", "verify") == {"differences": []}
            unresolved, failed = _judge(fleet.made, shown, made, entries)
            stories = [await asyncio.to_thread(gateway.telecine, "explain", video) for video in failed[:3]]
        assert fleet.killed and fleet.suspended
        assert set(fleet.made.values()) == set(shown), "an acknowledged video is lost, or one that nobody was told of"
        print(f"{count} videos: {unresolved} left in doubt, {len(failed)} failed otherwise")
        assert len(failed) <= 0.001 * (count - unresolved), json.dumps(stories, indent=1)


async def _until_ended(gateway: Gateway, key: str, patience_s: int) -> dict[str, dict[str, Any]]:
    for _ in range(patience_s):
        shown = await faces(gateway, key)
        open_ones = [one for one in shown.values() if one["status"] not in ENDED]
        if not open_ones:
            return shown
        await asyncio.sleep(1)
    raise AssertionError(f"{len(open_ones)} never ended: {open_ones[:3]}")


def _entries(gateway: Gateway) -> dict[str, list[dict[str, Any]]]:
    """The ledger by video."""
    found = defaultdict(list)
    for entry in gateway.ledger():
        found[entry["video"]].append(entry)
    return found


def _judge(
    ids: dict[str, str],
    shown: dict[str, dict[str, Any]],
    made: dict[str, Counter[str]],
    entries: dict[str, list[dict[str, Any]]],
) -> tuple[int, list[str]]:
    """Renders against attempts that were paid or proven free. How many were left in doubt; those that failed
    otherwise."""
    unresolved, failed = 0, []
    for prompt, video in ids.items():
        face, books, rendered = shown[video], Books(entries[video]), made.get(prompt, Counter())
        assert all(times <= 1 for times in rendered.values()), (prompt, rendered, entries[video])
        assert rendered.total() <= books.paid + books.followed + books.lost, (prompt, rendered, entries[video])
        if face["status"] == "failed" and (books.presumed or books.followed):
            unresolved += 1
        elif face["status"] == "failed":
            failed.append(video)
    return unresolved, failed


class Books:
    """What a video's entries say of its attempts."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        kinds = Counter(one["kind"] for one in entries)
        self.paid = kinds["settle"]
        self.presumed = sum(one["presumed"] for one in entries)
        self.followed = kinds["hold"] - kinds["settle"] - kinds["void"]  # of unknown outcome, and looked for
        # Jobs that the vendor made and lost, or broke for nothing.
        self.lost = sum(
            one["kind"] == "void" and ("lost" in one["reason"] or "broken" in one["reason"]) for one in entries
        )
