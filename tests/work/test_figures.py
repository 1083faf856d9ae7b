"""Figures of videos and money: what real lives are counted as, and that their series stay few."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from gateway import metrics
from gateway.domain import ids, keys
from gateway.domain.limits import Limits
from gateway.domain.rulings import correct
from gateway.work import figures
from gateway.work.caller import Caller, identify
from gateway.work.gauges import show_gauges
from gateway.work.rule import rule
from tests.support.house import House, house
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault, Point

CONFIG = """
providers:
  one: {adapter: openai, base_url: "{one}", api_key: "{key}", submit_timeout_s: 1, poll_min_s: 0.1, poll_max_s: 0.2,
        concurrency: 7, rpm: 100, settings: {lists: false}}
  two: {adapter: openai, base_url: "{two}", api_key: "{key}", poll_min_s: 0.1, poll_max_s: 0.2}
models:
  film: {aliases: [movie], routes: [one/sora-2, two/sora-2]}
"""


def figure(name: str, **labels: str) -> float:
    """The sum of the series that have these labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    samples = [one for family in families for one in family.samples if one.name == name]
    return sum(one.value for one in samples if labels.items() <= one.labels.items())


async def test_a_video_that_fails_over_is_counted_at_every_turn(empty_redis: RedisServer, tmp_path: Path) -> None:
    """The first provider refuses, the second renders: states, times, bytes, and dollars by the class of its project;
    under the model's own name, whatever alias was asked for."""
    stored = figure("telecine_asset_bytes_total", way="stored")
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"one": {}, "two": {}}) as here:
        here.caller = await classed(here, "trial")
        here.vendors["one"].program(Fault(on="create", do="refuse", status=401))
        video_id = await here.create(model="movie", seconds="4")
        assert (await here.until(video_id))["status"] == "completed"
        record = await here.until_closed(video_id)
        money = await here.money(video_id)
        # An operator's word is another process's commit: whoever reads the ledger counts it.
        await rule(here.tools.store, f"{video_id}.2", correct(0, "never billed"), random=os.urandom)
        spent = record.current_attempt.cost_micros / 1_000_000
        trial = {"project_class": "trial", "entry": "adjust_down"}
        async with asyncio.timeout(20):
            while round(figure("telecine_ledger_usd_total", **trial), 6) != spent:
                await asyncio.sleep(0.1)
        await show_gauges(here.tools)
    assert record.project_class == "trial" and len(record.attempts) == 2
    for state, provider in (("queued", "one"), ("submitting", "one"), ("queued", "two"), ("completed", "two")):
        assert figure("telecine_videos_total", model="film", state=state, provider=provider) >= 1, state
    assert figure("telecine_failovers_total", provider="one") == 1
    assert figure("telecine_attempts_failed_total", provider="one") == 1
    for name in ("telecine_video_queue_seconds_count", "telecine_video_seconds_count"):
        assert figure(name, model="film") == 1
    assert figure("telecine_video_render_seconds_count", model="film", provider="two") == 1
    assert figure("telecine_asset_bytes_total", way="stored") - stored == sum(one.size_bytes for one in record.assets)
    held = sum(amount for kind, _, amount in money if kind == "hold") / 1_000_000
    assert round(figure("telecine_ledger_usd_total", project_class="trial", entry="hold"), 6) == held
    assert figure("telecine_ledger_seconds_total", project_class="trial", entry="hold") == 8
    assert figure("telecine_ledger_seconds_total", project_class="trial", entry="settle") == 4
    assert figure("telecine_ledger_seconds_total", project_class="trial", entry="void") == 4
    assert figure("telecine_held_usd") == 0
    assert figure("telecine_provider_limit_left", provider="one", limit="concurrency") == 7
    assert figure("telecine_provider_limit_left", provider="one", limit="rpm") == 99
    assert figure("telecine_store_reachable") == figure("telecine_store_fit") == 1
    assert figure("telecine_assets_free_bytes") > 0


async def test_a_doubt_that_is_left_is_an_orphan_or_a_presumed_loss(empty_redis: RedisServer, tmp_path: Path) -> None:
    """Nobody can find out what became of the submission; its whole hold is booked at the deadline."""
    config = CONFIG.replace("movie]", "movie], deadline_s: 2")
    before = figure("telecine_presumed_losses_usd_total", provider="one")
    async with house(empty_redis.url, tmp_path, config, vendors={"one": {}, "two": {}}) as here:
        here.vendors["one"].program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
        video_id = await here.create(model="film", seconds="4")
        assert (await here.until(video_id))["status"] == "failed"
        record = await here.until_closed(video_id)
    assert record.attempts[0].presumed
    assert figure("telecine_doubts_total", provider="one") >= 1
    assert figure("telecine_presumed_losses_total", provider="one") >= 1
    lost = figure("telecine_presumed_losses_usd_total", provider="one") - before
    assert round(lost * 1_000_000) == record.attempts[0].price_micros


async def test_the_queue_shows_how_late_it_is(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"one": {}, "two": {}}, running=False) as here:
        await here.create(model="film")
        await asyncio.sleep(0.3)
        await show_gauges(here.tools)
        assert figure("telecine_videos_due") == 1
        assert 0.2 < figure("telecine_worker_lag_seconds") < 60
        assert figure("telecine_held_usd") > 0


async def test_a_hundred_thousand_videos_of_a_thousand_keys_make_few_series(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """No label grows with videos, keys or projects; of a hundred classes, all but the first are one."""
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"one": {}, "two": {}}) as here:
        video_id = await here.create(model="film")
        await here.until(video_id)
        record = await here.until_closed(video_id)
        found, _ = await here.tools.store.ledger_entries()
    entries = [one.posting for one in found]
    before = series()
    for number in range(100_000):
        key, project = f"key_{number % 1_000}", f"proj_{number % 500}"
        video = replace(
            record, id=f"video_{number}", key_id=key, project=project, project_class=f"class-{number % 100}"
        )
        for posting in entries:
            figures._posted(video, posting)
        metrics.video_moved("film", "one", "completed")
        metrics.video_over("film", "completed", number % 600)
        metrics.video_rendered("film", "one", number % 600)
        metrics.request_ended("videos", "POST", "200", 0.01)
    assert series() - before < 200
    assert series() < 3_000
    assert figure("telecine_ledger_usd_total", project_class="other") > 0


def series() -> int:
    return sum(not line.startswith("#") for line in metrics.exposition().decode().splitlines())


async def classed(here: House, name: str) -> Caller:
    """A caller whose project has this class."""
    tools = here.tools
    project = keys.Project(
        id=ids.project_id(tools.random(12)), name=name, created_ms=0, limits=Limits(project_class=name)
    )
    await tools.store.create_project(project)
    secret = keys.new_secret(tools.random(32))
    key = keys.Key(id=ids.key_id(tools.random(12)), project=project.id, created_ms=0)
    await tools.store.create_key(key, keys.digest(secret))
    return await identify(tools, keys.digest(secret))
