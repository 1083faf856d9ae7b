"""A job is its id: what goes in comes out, of any size, and nothing else is taken for one."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.sandbox.jobs import (
    Character,
    Job,
    Look,
    UnknownJob,
    character_id,
    job_id,
    look,
    order_of,
    read_character,
    read_job,
    shortened,
)
from gateway.sandbox.keyring import keys_of, put_first
from gateway.sandbox.seal import Seal

ID_CHARS_MAX = 1_500
SEAL = Seal((b"k" * 32,))
JOB = Job(
    nonce="0123456789ab",
    model="sora-2-pro",
    verb="create",
    prompt="A paper boat",
    width=1920,
    height=1080,
    seconds=20,
    seed=2**62,
    start_ms=1_795_200_000_000,
    queue_ms=1_000,
    render_ms=10_000,
)


@given(st.text(max_size=32_000))
def test_an_id_carries_the_job(prompt: str) -> None:
    """Whatever the prompt, with everything else set, in at most ID_CHARS_MAX characters that need no escaping."""
    job = replace(
        JOB,
        prompt=shortened(prompt),
        image="a" * 32,
        last_image="c" * 32,
        source="b" * 32,
        source_seconds=100,
        names=("Biscuit " * 10, "Otto " * 16),
        fate={"break": "internal", "charge": "1.25"},
    )
    text = job_id(job, SEAL)
    assert read_job(text, SEAL) == job
    assert len(text) <= ID_CHARS_MAX and text.replace("-", "").replace("_", "").isalnum() and text.isascii()


def test_a_long_prompt_is_cut_between_characters() -> None:
    """The beginning is enough for the picture."""
    assert shortened("ß" * 1_000) == "ß" * 300
    assert shortened("short") == "short"
    assert shortened("\ud800 lone") == "? lone"


@given(
    st.text(max_size=200) | st.binary(max_size=100).map(lambda raw: "mock_" + base64.urlsafe_b64encode(raw).decode())
)
def test_anything_else_is_no_job(text: str) -> None:
    """Rubbish of any kind ends in UnknownJob."""
    for read in (read_job, read_character):
        with pytest.raises(UnknownJob):
            read(text, SEAL)


def test_an_id_that_unfolds_without_end_is_no_job() -> None:
    """A small id cannot fill the memory."""
    bomb = base64.urlsafe_b64encode(zlib.compress(b"\0" * 1_000_000)).decode().rstrip("=")
    with pytest.raises(UnknownJob):
        read_job(f"mock_{bomb}", SEAL)


def test_a_character_is_its_id() -> None:
    """It too outlives the process that made it."""
    character = Character("Biscuit", "c" * 32, "0123")
    assert read_character(character_id(character, SEAL), SEAL) == character
    with pytest.raises(UnknownJob):
        read_job(character_id(character, SEAL), SEAL)


def test_an_id_tells_nobody_else_what_was_asked() -> None:
    """It stands in explanations and listings that show no prompt: without the key nothing of it is read."""
    job = replace(JOB, prompt="aaaa" * 100)
    closed = base64.urlsafe_b64decode(job_id(job, SEAL).removeprefix("mock_") + "==")
    assert closed != zlib.compress(msgspec.msgpack.encode(job), 9)
    for offset in range(len(closed)):
        with pytest.raises(zlib.error):
            zlib.decompress(closed[offset:])
    with pytest.raises(UnknownJob):
        read_job(job_id(job, SEAL), Seal((b"o" * 32,)))


def test_ids_stay_readable_when_keys_change(tmp_path: Path) -> None:
    """A new first key, as replicas share it, takes nothing from the jobs before, nor from ids without a seal."""
    own = keys_of(tmp_path)
    assert keys_of(tmp_path) == own
    before = job_id(JOB, Seal(own))
    put_first(tmp_path, b"s" * 32)
    shared = Seal(keys_of(tmp_path))
    assert read_job(before, shared) == JOB
    assert read_job(job_id(JOB, shared), Seal((b"s" * 32,))) == JOB
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    bare = base64.urlsafe_b64encode(zlib.compress(msgspec.msgpack.encode(JOB), 9)).rstrip(b"=").decode("ascii")
    assert read_job(f"mock_{bare}", shared) == JOB


def at(second: float) -> int:
    return JOB.start_ms + int(second * 1_000)


@pytest.mark.parametrize(
    ("second", "fate", "expected"),
    [
        (-5, {}, Look("queued")),
        (0, {}, Look("queued")),
        (0.999, {}, Look("queued")),
        (1, {}, Look("rendering", 0)),
        (3.5, {}, Look("rendering", 25)),
        (10.999, {}, Look("rendering", 99)),
        (11, {}, Look("completed", 100)),
        (5.9, {"break": "blocked"}, Look("rendering", 49)),
        (6, {"break": "blocked"}, Look("failed", error="blocked")),
        (99, {"break": "blocked"}, Look("failed", error="blocked")),
        (5.9, {"forget": ""}, Look("rendering", 49)),
        (6, {"forget": ""}, None),
    ],
)
def test_how_a_job_stands_follows_from_the_time(second: float, fate: dict[str, str], expected: Look | None) -> None:
    """Queue, progress, the end, and what goes wrong halfway."""
    assert look(replace(JOB, fate=fate), at(second), cancelled=False) == expected


def test_a_cancelled_job_stays_cancelled() -> None:
    """At any time after."""
    assert look(JOB, at(99), cancelled=True) == Look("cancelled")


def test_progress_only_grows() -> None:
    """As a vendor's should."""
    seen = [look(JOB, at(second / 7), cancelled=False) for second in range(100)]
    progress = [each.progress for each in seen if each]
    assert progress == sorted(progress) and progress[-1] == 100


def test_an_order_is_what_was_asked_for() -> None:
    """Or exactly the wrong thing, if that is its fate."""
    order = order_of(replace(JOB, prompt="A [mock:fast] boat", verb="extend", source="b" * 32, source_seconds=8))
    assert (order.caption, order.width, order.height, order.seconds) == ("A boat", 1920, 1080, 20)
    assert order.stitched and order.total_seconds == 28
    wrong = order_of(replace(JOB, fate={"wrong-size": "", "wrong-seconds": ""}))
    assert (wrong.width, wrong.height, wrong.seconds) == (960, 540, 21)
