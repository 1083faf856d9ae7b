"""What a client can have made of a clip, what it gets for asking twice, and what deleting leaves behind."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from gateway.domain.errors import Absent, BadInput, KeyReused, OutcomeUnknown, Unavailable, WrongKey
from gateway.domain.limits import Limits
from gateway.domain.references import Upload
from gateway.domain.requests import AskedCharacter, Hint, ask_character
from gateway.store.outcomes import Page
from gateway.work import characters, read
from gateway.work.caller import identify
from gateway.work.delete import delete_video
from providers.contract import AssetKind, Verb
from tests.support.clips import make_clip
from tests.support.house import House, house, new_caller
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault, Point

CONFIG = """
gateway: {lease_s: 20}
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1,
      settings: {uploads_sources: true}}
models:
  sora-2: {routes: [a/sora-2], aliases: [sora-2-2025-12-08]}
"""


@pytest.fixture
async def here(empty_redis: RedisServer, tmp_path: Path) -> AsyncIterator[House]:
    options: dict[str, Any] = {"render_s": 0.1, "uploads": True}
    async with house(empty_redis.url, tmp_path, CONFIG, vendors={"a": options}) as one:
        yield one
        assert await one.tools.store.verify() == []


async def done(here: House, **fields: Any) -> str:
    video = await here.create(**fields)
    assert (await here.until(video))["status"] == "completed"
    return video


async def test_an_edit_and_an_extension_start_from_a_finished_clip(here: House) -> None:
    """The extension's seconds are the stitched total; both keep the source's size and the name of its model."""
    source = await done(here, model="sora-2-2025-12-08", size="1280x720")
    edit = await here.make(Verb.EDIT, {"prompt": "at night", "video": {"id": source}})
    assert (await here.until(edit))["status"] == "completed"
    longer = await here.make(Verb.EXTEND, {"prompt": "sails on", "seconds": "4", "video": {"id": source}})
    face = await here.until(longer)
    assert (face["status"], face["seconds"], face["size"], face["model"]) == (
        "completed", "8", "1280x720", "sora-2-2025-12-08",
    )  # fmt: skip


async def test_a_key_revoked_a_moment_ago_makes_and_reads_nothing(here: House) -> None:
    """A create trusts what was known just now, until its commit; whatever only reads asks the store."""
    store, digest = here.tools.store, here.caller.key_hash
    assert await identify(here.tools, digest, admits=True) == here.caller
    await store.revoke_key(here.caller.key_id)
    assert await identify(here.tools, digest, admits=True) == here.caller
    with pytest.raises(WrongKey):
        await here.create()
    assert await store.page(here.caller.project, after=None, limit=1, descending=True) == Page([], False)
    with pytest.raises(WrongKey):
        await identify(here.tools, digest)
    with pytest.raises(WrongKey):
        await identify(here.tools, digest, admits=True)


async def test_every_entry_names_the_model_and_carries_the_tags(here: House) -> None:
    """So that spend can be told apart by them, whatever becomes of the video."""
    video = await done(here, model="sora-2-2025-12-08", metadata={"owner": "ann", "campaign": "spring"})
    entries, _ = await here.tools.store.ledger_entries()
    mine = [entry.posting for entry in entries if entry.posting.video == video]
    assert [(one.kind.value, one.model, one.tags) for one in mine] == [
        (kind, "sora-2-2025-12-08", '{"campaign":"spring","owner":"ann"}') for kind in ("hold", "settle")
    ]


async def test_default_tags_are_pinned_when_a_video_is_admitted(here: House) -> None:
    """Of project and key, below its own metadata; whatever the key says later, the video's entries say the same. A
    remix has those of its own time."""
    store = here.tools.store
    project = Limits(tags={"campaign": "spring", "owner": "films"})
    await store.limit_project(here.caller.project, project)
    await store.limit_key(here.caller.key_id, Limits(tags={"owner": "anna", "team": "red"}))
    here.caller = await identify(here.tools, here.caller.key_hash)
    video = await here.create(metadata={"team": "blue"})
    await store.limit_key(here.caller.key_id, Limits(tags={"owner": "bert"}))
    face = await here.until(video)
    assert (face["status"], face["metadata"]) == ("completed", {"team": "blue"})
    here.caller = await identify(here.tools, here.caller.key_hash)
    edit = await here.make(Verb.EDIT, {"prompt": "at night", "video": {"id": video}})
    assert "metadata" not in await here.until(edit)
    entries, _ = await store.ledger_entries()
    assert [(one.posting.video, one.posting.tags) for one in entries] == [
        *[(video, '{"campaign":"spring","owner":"anna","team":"blue"}')] * 2,
        *[(edit, '{"campaign":"spring","owner":"bert"}')] * 2,
    ]


async def test_an_unfinished_source_is_refused_and_leaves_nothing(here: House) -> None:
    source = await here.create()
    with pytest.raises(BadInput, match="completed"):
        await here.make(Verb.EDIT, {"prompt": "at night", "video": {"id": source}})
    await here.until(source)
    assert len(list(here.tools.assets.path("x").parent.parent.rglob("*source*"))) == 0


async def test_another_projects_video_does_not_exist(here: House) -> None:
    source = await done(here)
    stranger = await new_caller(here.tools, "strangers")
    for attempt in (
        read.video_face(here.tools, stranger.key_hash, source),
        read.asset(here.tools, stranger, source, AssetKind.VIDEO),
        delete_video(here.tools, stranger, source),
    ):
        with pytest.raises(Absent):
            await attempt
    here.caller = stranger
    with pytest.raises(Absent):
        await here.make(Verb.EDIT, {"prompt": "at night", "video": {"id": source}})


async def test_a_resend_gets_the_first_video_and_a_deliberate_copy_its_own(here: House) -> None:
    first = await here.create("a boat")
    assert await here.create("a boat", hint=Hint(resend=True)) == first
    assert await here.create("another boat", hint=Hint(resend=True)) != first
    second = await here.create("a boat")
    assert second != first
    await here.until(first)
    await here.until(second)
    assert here.vendors["a"].counts["renders"] <= 3


async def test_an_original_that_comes_after_its_resend_gets_the_resends_video(here: House) -> None:
    resend = await here.create("a boat", hint=Hint(resend=True))
    assert await here.create("a boat") == resend
    assert await here.create("a boat") != resend


async def test_an_idempotency_key_answers_with_the_first_video_also_when_it_was_deleted(here: House) -> None:
    hint = Hint(idempotency_key="order 7")
    first = await here.create("a boat", hint=hint)
    assert await here.create("a boat", hint=hint) == first
    with pytest.raises(KeyReused):
        await here.create("a ship", hint=hint)
    await here.until(first)
    await delete_video(here.tools, here.caller, first)
    assert await here.create("a boat", hint=hint) == first
    with pytest.raises(Absent):
        await here.face(first)


async def test_deleting_takes_the_files_and_leaves_the_books(here: House) -> None:
    video = await done(here)
    asset = (await here.record(video)).assets[0]
    await delete_video(here.tools, here.caller, video)
    page = await read.page(here.tools, here.caller, after=None, limit=10, descending=True)
    assert page.faces == []
    for _ in range(100):
        if await here.tools.assets.size(asset.name) is None:
            break
        await here.runner_turn()
    assert await here.tools.assets.size(asset.name) is None
    assert [kind for kind, _, _ in await here.money(video)] == ["hold", "settle"]


async def test_a_running_video_cannot_be_deleted(here: House) -> None:
    video = await here.create()
    with pytest.raises(BadInput, match="still being made"):
        await delete_video(here.tools, here.caller, video)


def biscuit(folder: Path, name: str = "Biscuit") -> AskedCharacter:
    """A character from an uploaded clip."""
    clip = folder / "biscuit.mp4"
    if not clip.exists():
        make_clip(clip, 720, 1280, 2)
    data = clip.read_bytes()
    upload = Upload(size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), path=str(clip))
    return ask_character({"name": name}, {"video": upload})


async def test_a_character_belongs_to_its_project_and_can_be_used(here: House, tmp_path: Path) -> None:
    made = await characters.create(here.tools, here.caller, biscuit(tmp_path), Hint())
    assert (await characters.get(here.tools, here.caller, made.id)).name == "Biscuit"
    stranger = await new_caller(here.tools, "strangers")
    with pytest.raises(Absent):
        await characters.get(here.tools, stranger, made.id)
    video = await here.create("Biscuit sleeps", characters=[{"id": made.id}])
    assert (await here.until(video))["status"] == "completed"


async def test_pages_follow_time_and_survive_a_deleted_cursor(here: House) -> None:
    made = [await done(here) for _ in range(3)]
    await delete_video(here.tools, here.caller, made[1])
    page = await read.page(here.tools, here.caller, after=made[1], limit=10, descending=False)
    assert [json.loads(face)["id"] for face in page.faces] == made[2:]


@pytest.mark.parametrize("hint", [Hint(idempotency_key="k"), Hint(resend=True)])
@pytest.mark.parametrize("gone", ["deleted", "expired"])
async def test_a_repeat_is_answered_when_its_source_is_gone(
    here: House, empty_redis: RedisServer, hint: Hint, gone: str
) -> None:
    """The first video was made from it; only a request that was never made needs the source."""
    source = await done(here)
    first = Hint(idempotency_key=hint.idempotency_key)
    edit = await here.make(Verb.EDIT, {"prompt": "at night", "video": {"id": source}}, hint=first)
    if gone == "deleted":
        await delete_video(here.tools, here.caller, source)
    else:
        await here.until_closed(source)
        record = await here.record(source)
        aged = msgspec.json.encode(replace(record, assets=(), expires_ms=1))
        empty_redis.client.hset(f"{{telecine}}:video:{source}", "rec", aged)
    again = await here.make(Verb.EDIT, {"prompt": "at night", "video": {"id": source}}, hint=hint)
    assert again == edit
    with pytest.raises((Absent, BadInput)):
        await here.make(Verb.EDIT, {"prompt": "at noon", "video": {"id": source}}, hint=Hint(resend=True))
    await here.until_closed(edit)


@pytest.mark.parametrize("first", [Hint(idempotency_key="k"), Hint()])
async def test_a_repeated_character_is_the_first_one(here: House, tmp_path: Path, first: Hint) -> None:
    """Also while that is being made: the vendor is asked once. The key stands for one request."""
    asked, again = biscuit(tmp_path), Hint(idempotency_key=first.idempotency_key, resend=True)
    tries = [characters.create(here.tools, here.caller, asked, hint) for hint in (first, again, again)]
    made = await asyncio.gather(*tries)
    assert len({one.id for one in made}) == 1
    assert len(here.vendors["a"].desk.characters) == 1
    if first.idempotency_key:
        with pytest.raises(KeyReused):
            await characters.create(here.tools, here.caller, biscuit(tmp_path, "Crumb"), first)
    else:
        assert (await characters.create(here.tools, here.caller, asked, first)).id != made[0].id


async def test_a_character_in_doubt_is_not_made_again(here: House, tmp_path: Path) -> None:
    """Whoever sends again is told the same; a refusal is forgotten, and the next try is a new one."""
    here.vendors["a"].program(Fault(on="characters", do="close", at=Point.AFTER_MAKING))
    for hint in (Hint(), Hint(resend=True)):
        with pytest.raises(OutcomeUnknown):
            await characters.create(here.tools, here.caller, biscuit(tmp_path), hint)
    assert len(here.vendors["a"].desk.characters) == 1
    here.vendors["a"].program(Fault(on="characters", do="refuse", status=429, code="rate_limit_exceeded"))
    with pytest.raises(Unavailable):
        await characters.create(here.tools, here.caller, biscuit(tmp_path, "Crumb"), Hint())
    made = await characters.create(here.tools, here.caller, biscuit(tmp_path, "Crumb"), Hint(resend=True))
    assert made.name == "Crumb"


async def test_a_ledger_ahead_of_every_clock_stops_nothing(here: House, empty_redis: RedisServer) -> None:
    """Its time never goes back: a server whose clock was wrong once may leave it a day ahead."""
    tomorrow_ms = here.tools.clock.now_ms() + 86_400_000
    empty_redis.client.set("{telecine}:time", tomorrow_ms)
    video = await done(here)
    entries, _ = await here.tools.store.ledger_entries()
    assert all(entry.at_ms >= tomorrow_ms for entry in entries if entry.posting.video == video)
