"""`telecine providers try`: the price first, then one clip that is booked like every other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.cli.telecine import objects, telecine
from tests.support.commands import Done
from tests.support.redis import RedisServer
from tests.support.runway_vendor import Runway, runway
from tests.support.vendor_faults import Fault

CONFIG = """
store: {{url: "{store}"}}
gateway: {{deadline_s: 60, lease_s: 5, send_by_s: 2, socket_timeout_s: 1}}
providers:
  films: {{adapter: runway, base_url: "{base_url}", api_key: key_runway, submit_timeout_s: 5, poll_timeout_s: 2,
          poll_min_s: 0.1, poll_max_s: 0.2}}
  idle: {{adapter: runway, base_url: "{base_url}", api_key: key_runway, poll_timeout_s: 2}}
models:
  clip: {{routes: [films/{model}], attempts_max: 1}}
"""


@asynccontextmanager
async def films(server: RedisServer, folder: Path, model: str = "gen4.5") -> AsyncIterator[Runway]:
    async with runway(clips=str(folder)) as vendor:
        config = CONFIG.format(store=server.url, base_url=vendor.base_url, model=model)
        (folder / "config.yaml").write_text(config)
        yield vendor


async def tried(folder: Path, *words: str) -> Done:
    return await asyncio.to_thread(telecine, folder, "providers", "try", *words)


async def test_the_price_is_said_first_and_nothing_is_made_without_a_yes(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    async with films(empty_redis, tmp_path) as vendor:
        done = await tried(tmp_path, "films")
        assert done.status == 1 and "2 s at 1280x720 by films/gen4.5 costs $0.24" in done.err and "--yes" in done.err
        assert vendor.counts["renders"] == 0 and objects(telecine(tmp_path, "projects", "list", "--json").out) == []


async def test_nothing_is_made_that_could_not_be_saved(empty_redis: RedisServer, tmp_path: Path) -> None:
    """A directory that is not there is found out before the vendor is paid."""
    async with films(empty_redis, tmp_path) as vendor:
        done = await tried(tmp_path, "films", "--yes", "--out", "nowhere/boat.mp4")
        assert done.status == 1 and "nothing was made" in done.err and "Traceback" not in done.err
        assert vendor.counts["renders"] == 0


async def test_the_clip_is_made_saved_and_booked(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Twice: the project is there already the second time."""
    async with films(empty_redis, tmp_path) as vendor:
        for count in (1, 2):
            done = await tried(tmp_path, "films", "--yes", "--out", "boat.mp4", "--json")
            assert done.status == 0, done.err
            said = json.loads(done.out)
            assert (said["status"], said["price_usd"], said["cost_usd"]) == ("completed", "0.24", "0.24")
            assert vendor.counts["renders"] == count
        assert (tmp_path / "boat.mp4").read_bytes()[4:8] == b"ftyp"
    told = await asyncio.to_thread(telecine, tmp_path, "usage", "--by", "project", "--json")
    assert "0.48" in told.out
    assert (await asyncio.to_thread(telecine, tmp_path, "ledger", "verify")).status == 0


async def test_a_model_that_needs_an_image_gets_one(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with films(empty_redis, tmp_path, "gen4_turbo") as vendor:
        done = await tried(tmp_path, "films", "--yes")
        assert done.status == 0, done.err
        assert "is ready after" in done.out and "cost $0.25" in done.out
        video = done.out.partition("it is ")[2].partition(";")[0]  # told before the wait, which may be interrupted
        assert f"{video} is ready" in done.out and f"telecine explain {video}" in done.out
        assert vendor.counts["renders"] == 1


async def test_a_clip_that_fails_is_told_with_what_it_cost(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with films(empty_redis, tmp_path) as vendor:
        vendor.program(Fault(on="create", do="fail", code="SAFETY.OUTPUT.VIDEO"))
        done = await tried(tmp_path, "films", "--yes")
        assert done.status == 1 and "failed and cost $" in done.err
    nothing = await tried(tmp_path, "idle", "--yes")
    assert nothing.status == 1 and "has no route" in nothing.err
