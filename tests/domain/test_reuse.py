"""Which requests are identical, whose word decides, and what a video is that got another's clip."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.cli.explain import lines
from gateway.cli.videos import told
from gateway.domain import agenda as todo
from gateway.domain import moves, reuse
from gateway.domain.assets import MEDIA_TYPES, asset_name, copy_name, every_name, owner_of_input
from gateway.domain.explain import explain
from gateway.domain.limits import Limits, Owned
from gateway.domain.news import CancelAsked, GiveUp, Poisoned, Took
from gateway.domain.orphans import bindings
from gateway.domain.videos import (
    CharacterUse,
    Choice,
    Origin,
    Request,
    SourceVideo,
    State,
    StoredAsset,
    StoredImage,
    Video,
    decode_video,
    encode_video,
    public_video,
)
from providers.contract import AssetKind, Size, Verb
from tests.support.videos import T0, admitted, model, route, world

MODEL = model(route("a"), route("b"))
DAY_MS = 86_400_000
PLAN = (Choice(route="a/m", price_micros=1), Choice(route="b/m", price_micros=2), Choice(route="c/m", dropped="x"))
ASKED = Request(model="sora-2", prompt="a paper boat", seconds=4, size=Size(720, 1280))
PICTURE = StoredImage(name="n", media_type="image/png", width=720, height=1280, size_bytes=9, sha256="aa")
CLIP = SourceVideo(video="video_1", asset="n", size_bytes=9, seconds=4, size=Size(720, 1280))
BISCUIT = CharacterUse(id="char_1", account="a", ref={})

OTHERS: dict[str, Any] = {
    "prompt": ["a paper ship", "A paper boat", "apaper boat"],
    "verb": [Verb.EDIT],
    "seconds": [8],
    "size": [Size(1280, 720)],
    "seed": [0, 1],
    "negative_prompt": ["rain", "snow"],
    "audio": [True, False],
    "image": [PICTURE, replace(PICTURE, sha256="bb")],
    "last_image": [PICTURE, replace(PICTURE, sha256="bb")],
    "source": [CLIP, replace(CLIP, video="video_2"), replace(CLIP, video=None, sha256="cc")],
    "characters": [(BISCUIT,), (replace(BISCUIT, id="char_2"),)],
}
SAME: dict[str, Any] = {
    "model": "sora-2-2025-12-08",
    "prompt": "  a\tpaper\n\nboat ",
    "metadata": {"owner": "ann"},
    "asked_size": Size(721, 1280),
    "asked_seconds": 5,
}


def like(request: Request = ASKED, plan: tuple[Choice, ...] = PLAN, project: str = "proj_1") -> str:
    return reuse.likeness(project, request, plan)


def finished() -> Video:
    """A video that was rendered and may be used again for a day."""
    video = admitted(MODEL).video
    clip = StoredAsset(kind=AssetKind.VIDEO, name="n", media_type="video/mp4", size_bytes=9, etag="e")
    return replace(
        video, state=State.COMPLETED, completed_ms=T0, expires_ms=T0 + DAY_MS, assets=(clip,), reuse_ms=DAY_MS
    )


def copied() -> Video:
    """A video that got that one's clip."""
    wanted = replace(admitted(MODEL).video, id="video_" + "9" * 48, attempts=(), created_ms=T0 + 5_000)
    return reuse.remade(wanted, finished(), finished().assets, asset_life_s=60)


def test_every_difference_in_what_would_be_rendered_counts() -> None:
    requests = [ASKED, *(replace(ASKED, **{name: one}) for name, values in OTHERS.items() for one in values)]
    found = [like(one) for one in requests] + [like(project="proj_2"), like(plan=PLAN[:1])]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", list(SAME))
def test_what_makes_no_difference_does_not(name: str) -> None:
    assert like(replace(ASKED, **{name: SAME[name]})) == like()


def test_only_the_kept_routes_count_and_not_their_order() -> None:
    reranked = (replace(PLAN[1], score=0.5), PLAN[0])
    assert like(plan=reranked) == like()


@given(st.text())
def test_a_prompt_is_as_plain_however_it_is_composed(text: str) -> None:
    """And plain text stays as it is."""
    plain = reuse.plain(text)
    assert plain == reuse.plain(plain) == reuse.plain(unicodedata.normalize("NFD", text)) == reuse.plain(f"\n{text} ")


@pytest.mark.parametrize(
    ("of_key", "of_project", "wanted", "life_ms"),
    [
        (None, None, True, 0),
        (None, 60, True, 60_000),
        (None, 60, False, 0),
        (0, 60, True, 0),
        (10, 60, True, 10_000),
        (10, None, True, 10_000),
    ],
)
def test_the_key_decides_before_the_project(
    of_key: int | None, of_project: int | None, wanted: bool, life_ms: int
) -> None:
    owned = [Owned("this API key", Limits(reuse_s=of_key)), Owned("this project", Limits(reuse_s=of_project))]
    assert reuse.life_ms(owned, wanted=wanted) == life_ms


@pytest.mark.parametrize(
    ("changes", "serves"),
    [
        ({}, True),
        ({"deleted": True}, False),
        ({"assets": ()}, False),
        ({"state": State.FAILED}, False),
        ({"state": State.COLLECTING}, False),
        ({"reuse_ms": 0}, False),
        ({"project": "proj_2"}, False),
        ({"expires_ms": T0 + 1_000}, False),
        ({"completed_ms": T0 - 60_000}, False),
        ({"request": replace(ASKED, prompt="another")}, False),
    ],
)
def test_a_clip_serves_while_all_of_it_is_true(changes: dict[str, Any], serves: bool) -> None:
    first = finished()
    found = reuse.may_serve(
        replace(first, **changes), "proj_1", reuse.likeness_of(first), life_ms=60_000, now_ms=T0 + 1_000
    )
    assert found is serves


def test_the_new_video_is_finished_without_an_attempt() -> None:
    """It names whose clip it has, keeps the vendor's job for a remix, and can be told as any other."""
    video, first = copied(), finished()
    assert decode_video(encode_video(video)) == video
    assert video.reused_from == Origin(video=first.id, account=first.current_attempt.account)
    face = public_video(replace(video, cancel_ms=T0))
    assert (face["status"], face["reused_from"], face["completed_at"], face["expires_at"]) == (
        "completed", first.id, T0 // 1000 + 5, T0 // 1000 + 65,
    )  # fmt: skip
    assert face["cancel"] == {
        "state": "too_late", "asked_at": T0 // 1000, "confirmed": False, "cost_usd": "0.00", "may_cost_usd": "0.00",
    }  # fmt: skip
    found = explain(video)
    assert (found["reused_from"], found["plan"], found["attempts"]) == (first.id, [], [])
    shown = lines(found | {"entries_complete": True})
    assert f"  reused_from: {first.id}" in shown
    assert f"  the clip of {first.id}, used again" in told(video)
    assert bindings(video) == ()


def test_nothing_moves_it_but_the_sweep() -> None:
    """News of an attempt that it never had changes nothing."""
    video = copied()
    for news in (CancelAsked(1), Took(1, {"id": "v"}), GiveUp(1), Poisoned(1)):
        assert moves.apply(video, news, world(MODEL)).video is video
    assert todo.agenda(video, world(MODEL, T0 + 6_000), {}) == todo.Rest(video.sweep_ms)
    assert todo.agenda(video, world(MODEL, video.sweep_ms), {}) == todo.Sweep()


def test_a_copy_is_named_apart_and_swept_with_the_rest() -> None:
    """A clip that was rendered never looks like what is stored before an admission."""
    for kind in MEDIA_TYPES:
        copy = copy_name("video_1", kind)
        assert copy in every_name("video_1") and asset_name("video_1", kind) in every_name("video_1")
        assert owner_of_input(copy) == "video_1"
        assert owner_of_input(asset_name("video_1", kind)) is None
