"""A finished clip answers an identical create, where its project wants it: at once, for nothing, never wrongly."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain.assets import asset_name, copy_name
from gateway.domain.budgets import Cap, Window
from gateway.domain.errors import QuotaGone, RateLimited
from gateway.domain.limits import Limits
from gateway.domain.requests import Hint, ask
from gateway.domain.videos import encode_video
from gateway.work import create, read, strays
from gateway.work.caller import identify
from gateway.work.cancel import cancel_video
from gateway.work.delete import delete_video
from providers.contract import AssetKind, Verb
from tests.support.house import House, house, new_caller
from tests.support.pictures import png
from tests.support.redis import RedisServer

DAY_S = 86_400
CONFIG = """
gateway: {lease_s: 20, asset_life_s: 3600}
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
  b: {adapter: openai, base_url: "{b}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {routes: [a/sora-2, b/sora-2], aliases: [sora-2-2025-12-08]}
"""


@pytest.fixture
async def here(empty_redis: RedisServer, tmp_path: Path) -> AsyncIterator[House]:
    """A project that uses clips again for a day."""
    options: dict[str, Any] = {"render_s": 0.05}
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": options, "b": options}) as one:
        await allow(one, DAY_S)
        yield one
        assert await one.tools.store.verify() == []


async def allow(here: House, reuse_s: int | None) -> None:
    await here.tools.store.limit_project(here.caller.project, Limits(reuse_s=reuse_s))
    here.caller = await identify(here.tools, here.caller.key_hash)


async def done(here: House, prompt: str = "a paper boat", **fields: Any) -> dict[str, Any]:
    return await here.until(await here.create(prompt, **fields))


def renders(here: House) -> int:
    return sum(one.counts["renders"] for one in here.vendors.values())


async def clip_of(here: House, video: str) -> bytes:
    _, asset = await read.asset(here.tools, here.caller, video, AssetKind.VIDEO)
    return b"".join([piece async for piece in here.tools.assets.read(asset.name)])


async def test_an_identical_create_is_finished_at_once_and_costs_nothing(here: House) -> None:
    """With an id, metadata, a prompt and files of its own; told in the answer; without an entry in the ledger."""
    first = await done(here, "a  paper\ncafe\u0301", metadata={"owner": "ann"})
    asked = ask(Verb.CREATE, {"prompt": " a paper caf\u00e9 ", "model": "sora-2-2025-12-08", "priority": "batch"}, {})
    made = await create.create_video(here.tools, here.caller, asked, Hint())
    face = json.loads(made.face)
    assert made.reused_from == face["reused_from"] == first["id"]
    assert (face["status"], face["progress"], face["prompt"]) == ("completed", 100, " a paper caf\u00e9 ")
    assert face["id"] != first["id"] and "metadata" not in face and face["model"] == "sora-2-2025-12-08"
    assert face["completed_at"] >= first["completed_at"] and face["expires_at"] - face["completed_at"] == 3_600
    assert await here.face(face["id"]) == face
    assert renders(here) == 1
    assert await here.money(face["id"]) == []
    assert await clip_of(here, face["id"]) == await clip_of(here, first["id"])
    page = await read.page(here.tools, here.caller, after=None, limit=10, descending=True)
    assert [json.loads(one)["id"] for one in page.faces] == [face["id"], first["id"]]


async def test_it_is_off_unless_the_project_wants_it(here: House) -> None:
    """And what was rendered while it was off is not offered later."""
    await allow(here, None)
    await done(here)
    await allow(here, DAY_S)
    assert "reused_from" not in await done(here)
    assert renders(here) == 2
    assert "reused_from" in await done(here)


async def test_a_keys_word_goes_before_its_projects(here: House) -> None:
    await done(here)
    await here.tools.store.limit_key(here.caller.key_id, Limits(reuse_s=0))
    here.caller = await identify(here.tools, here.caller.key_hash)
    assert "reused_from" not in await done(here)


async def test_a_request_may_want_no_part_in_it(here: House) -> None:
    """It is rendered, also when only its resend arrives, and its clip is nobody else's."""
    first = await done(here)
    fresh = await here.until(await here.create(reuse=False, hint=Hint(resend=True)))
    assert fresh["id"] != first["id"]
    assert "reused_from" not in fresh and renders(here) == 2
    assert await here.create(reuse=False, hint=Hint(resend=True)) == fresh["id"]
    assert (await done(here))["reused_from"] == first["id"]


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "another boat"},
        {"seconds": "8"},
        {"size": "1280x720"},
        {"routing": {"only": ["b"]}},
        {"routing": {"except": ["a"]}},
    ],
    ids=str,
)
async def test_whatever_else_would_be_rendered_is_rendered(here: House, other: dict[str, Any]) -> None:
    await done(here)
    assert "reused_from" not in await done(here, **other)
    assert renders(here) == 2
    assert "reused_from" in await done(here, **other)


def picture(field: str, more: bytes = b"") -> dict[str, Any]:
    url = "data:image/png;base64," + base64.b64encode(png(720, 1280) + more).decode()
    return {field: {"image_url": url}}


async def test_an_image_counts_by_its_bytes(here: House) -> None:
    image = partial(picture, "input_reference")

    first = await done(here, **image(b""))
    assert "reused_from" not in await done(here, **image(b"more"))
    assert "reused_from" not in await done(here)
    again = await done(here, **image(b""))
    assert again["reused_from"] == first["id"]
    names = [path.name for path in here.tools.assets.path("x").parent.parent.rglob(f"{again['id']}*")]
    assert len(names) == 3 and not [one for one in names if one.endswith("image")]


async def test_another_project_never_sees_it(here: House) -> None:
    await done(here)
    here.caller = await new_caller(here.tools, "strangers")
    await allow(here, DAY_S)
    assert "reused_from" not in await done(here)
    assert renders(here) == 2


async def test_two_at_once_are_both_answered(here: House) -> None:
    """Neither waits for the other: both may be rendered, and a third is not."""
    both = await asyncio.gather(*(here.create() for _ in range(2)))
    faces = [await here.until(one) for one in both]
    assert [one["status"] for one in faces] == ["completed"] * 2
    many = await asyncio.gather(*(here.create() for _ in range(8)))
    assert len({*both, *many}) == 10
    assert renders(here) == 2
    assert {(await here.face(one))["reused_from"] for one in many} <= set(both)


async def test_repeats_get_the_first_video_and_leave_no_files(here: House) -> None:
    """An Idempotency-Key and an SDK's resend go before any clip."""
    await done(here)
    for first, again in ((Hint(idempotency_key="k"), Hint(idempotency_key="k")), (Hint(), Hint(resend=True))):
        video = await here.create(hint=first)
        files = sorted(here.tools.assets.path("x").parent.parent.rglob("*reused*"))
        assert await here.create(hint=again) == video
        assert sorted(here.tools.assets.path("x").parent.parent.rglob("*reused*")) == files


async def test_deleting_one_leaves_the_other(here: House) -> None:
    """A deleted video's clip answers nobody any more; what it has answered stays whole, and the other way round."""
    first, second, third = [(await done(here))["id"] for _ in range(3)]
    await delete_video(here.tools, here.caller, third)
    await gone(here, copy_name(third, AssetKind.VIDEO))
    assert len(await clip_of(here, first)) > 0
    await delete_video(here.tools, here.caller, first)
    await gone(here, asset_name(first, AssetKind.VIDEO))
    assert len(await clip_of(here, second)) > 0
    assert "reused_from" not in await done(here)


async def gone(here: House, name: str) -> None:
    async with asyncio.timeout(10):
        while await here.tools.assets.size(name) is not None:
            await here.runner_turn()


@pytest.mark.parametrize("changes", [{"expires_ms": 1}, {"completed_ms": 1}, {"assets": ()}], ids=str)
async def test_an_old_clip_is_rendered_anew(here: House, empty_redis: RedisServer, changes: dict[str, Any]) -> None:
    """Expired, older than the project allows now, or swept."""
    first = (await done(here))["id"]
    record = replace(await here.record(first), **changes)
    empty_redis.client.hset(f"{{telecine}}:video:{first}", "rec", encode_video(record))
    assert "reused_from" not in await done(here)


async def test_it_is_forgotten_when_its_time_is_over(here: House, empty_redis: RedisServer) -> None:
    """With the clip itself, or sooner where the project says so."""
    keys: list[bytes] = []
    for reuse_s, most_ms in ((DAY_S, 3_600_000), (60, 60_000)):
        await allow(here, reuse_s)
        await done(here, f"a boat for {reuse_s} seconds")
        (key,) = set(empty_redis.client.keys("{telecine}:clip:*")) - set(keys)
        assert most_ms - 20_000 < empty_redis.client.pttl(key) <= most_ms
        keys.append(key)


@pytest.mark.parametrize("kind", list(AssetKind))
async def test_a_missing_file_means_an_ordinary_render(here: House, kind: AssetKind) -> None:
    """Whatever was copied before it was missed is taken away."""
    first = (await done(here))["id"]
    await here.tools.assets.delete(asset_name(first, kind))
    face = await done(here)
    assert (face["status"], "reused_from" in face) == ("completed", False)
    assert not list(here.tools.assets.path("x").parent.parent.rglob("*reused*"))


async def test_a_hint_that_leads_nowhere_means_an_ordinary_render(here: House, empty_redis: RedisServer) -> None:
    """To no record, to an unreadable one, to a video of another likeness."""
    await done(here)
    (key,) = empty_redis.client.keys("{telecine}:clip:*")
    other = (await done(here, "another boat"))["id"]
    empty_redis.client.hset("{telecine}:video:video_broken", "rec", b"{")
    for lead in ("video_" + "0" * 48, "video_broken", other):
        empty_redis.client.set(key, lead)
        assert "reused_from" not in await done(here)


async def test_limits_hold_and_budgets_do_not_matter(here: House) -> None:
    """Requests per minute count; money is not needed."""
    await done(here)
    await here.tools.store.set_cap(f"project/{here.caller.project}", Window.TOTAL, Cap(1))
    assert "reused_from" in await done(here)
    with pytest.raises(QuotaGone):
        await here.create("another boat")
    await here.tools.store.limit_project(here.caller.project, Limits(reuse_s=DAY_S, rpm=1, in_flight=1))
    here.caller = await identify(here.tools, here.caller.key_hash)
    assert "reused_from" in await done(here)
    with pytest.raises(RateLimited, match="per minute"):
        await here.create()
    await here.tools.store.limit_project(here.caller.project, Limits(reuse_s=DAY_S, in_flight=1))
    here.caller = await identify(here.tools, here.caller.key_hash)
    for _ in range(3):
        assert "reused_from" in await done(here)


async def test_it_can_be_remixed_and_cancelling_it_is_too_late(here: House) -> None:
    """A remix goes to the account that rendered the clip, and names the video that the client named."""
    first = (await done(here))["id"]
    second = (await done(here))["id"]
    remix = await here.make(Verb.REMIX, {"prompt": "at night"}, source_id=second)
    face = await here.until(remix)
    assert (face["status"], face["remixed_from_video_id"]) == ("completed", second)
    source = (await here.record(remix)).request.source
    made = (await here.record(first)).current_attempt
    assert source is not None and (source.account, source.ref) == (made.account, made.ref)
    cancelled = json.loads(await cancel_video(here.tools, here.caller, second))
    assert (cancelled["status"], cancelled["cancel"]["state"], cancelled["cancel"]["may_cost_usd"]) == (
        "completed", "too_late", "0.00",
    )  # fmt: skip


async def test_it_is_swept_and_its_record_retires(here: House, empty_redis: RedisServer) -> None:
    """Like any other, though it never had an attempt."""
    await done(here)
    video = (await done(here))["id"]
    record = replace(await here.record(video), expires_ms=1, sweep_ms=1, repeats_until_ms=1)
    empty_redis.client.hset(f"{{telecine}}:video:{video}", "rec", encode_video(record))
    empty_redis.client.zadd("{telecine}:due", {video: 1})
    async with asyncio.timeout(10):
        while (await here.record(video)).sweep_ms or empty_redis.client.zscore("{telecine}:retained", video) is None:
            await here.runner_turn()
    assert await here.tools.assets.size(copy_name(video, AssetKind.VIDEO)) is None
    await asyncio.sleep(0.01)
    assert await here.tools.store.remove(video, await here.record(video), keep_ms=1)
    assert await here.tools.store.read(video) is None


async def test_a_copy_that_no_video_has_is_a_stray_and_never_a_fresh_one(here: House) -> None:
    """Of a process that died before the admission. A link is as fresh as itself, however old its clip is."""
    first = (await done(here))["id"]
    second = (await done(here))["id"]
    clip = here.tools.assets.path(asset_name(first, AssetKind.VIDEO))
    nobody = copy_name("video_" + "0" * 48, AssetKind.VIDEO)
    then = here.tools.clock.now_ms() / 1_000 - 2 * strays.AGE_S
    os.utime(clip, (then, then))
    await here.tools.assets.link_or_copy(asset_name(first, AssetKind.VIDEO), nobody)
    assert await strays.sweep_strays(here.tools) == 0
    os.utime(clip, (then, then))
    assert await strays.sweep_strays(here.tools) == 1
    assert len(await clip_of(here, first)) == len(await clip_of(here, second)) > 0


async def test_a_storage_that_is_away_refuses_no_create(here: House) -> None:
    """The clip cannot be copied: the video is queued like any other, and finished when the disk is back."""
    await done(here)
    root = here.tools.assets.path("x").parent.parent.parent
    root.rename(root.with_name("gone"))
    video = await here.create()
    root.with_name("gone").rename(root)
    assert "reused_from" not in await here.until(video)
