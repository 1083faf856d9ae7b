"""The kling adapter, the driver and a strict vendor over a real wire, in the old standard, with either credential: both
were written from the contract's page, so agreement here means that both read it alike."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.verdicts import InDoubt
from providers.contract import (
    Accepted,
    Account,
    Broken,
    Call,
    CannotTell,
    Charge,
    Exactly,
    Finished,
    Image,
    KeyUsed,
    NotReceived,
    Ref,
    Refused,
    Size,
    Sought,
    Spec,
    Unit,
    Why,
)
from providers.kling.token import token_of
from tests.support.kling_contract import Refusal, check_jwt
from tests.support.kling_old_contract import OLD_OFFERS
from tests.support.kling_talk import Pair, adapter, create, picture
from tests.support.kling_vendor import Kling, kling
from tests.support.openai_talk import Talk, talking
from tests.support.vendor_faults import Fault, Point

MODEL = "kling-v1-6"


def old(**changes: Any) -> Spec:
    return create(**{"model": MODEL, "seconds": 5, **changes})


@asynccontextmanager
async def both(folder: Path, **options: Any) -> AsyncIterator[Pair]:
    """By access key and secret key."""
    async with kling(clips=str(folder), **options) as v:
        keys = adapter(v.options.secret_key, access_key=v.options.access_key)
        async with talking(keys, v.base_url) as t:
            yield v, t


@asynccontextmanager
async def by_api_key(vendor: Kling) -> AsyncIterator[Talk]:
    async with talking(adapter(vendor.api_key), vendor.base_url) as t:
        yield t


@pytest_asyncio.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with both(tmp_path) as made:
        yield made


async def test_a_clip_is_made_and_fetched(pair: Pair) -> None:
    """With either credential: one render, the MP4, and what it took of the pack."""
    v, t = pair
    async with by_api_key(v) as keyed:
        for number, talk in enumerate((t, keyed)):
            ref = await talk.accepted(old(), f"key-{number}")
            assert ref["kind"] == "text2video"
            ended = await talk.ended(ref)
            assert isinstance(ended, Finished) and ended.charged == Charge("2.0", Unit.CREDITS)
            outcome, clip = await talk.download(ref, ended.assets[0])
            assert clip[4:8] == b"ftyp", outcome
    assert v.counts["renders"] == v.counts["downloads"] == 2 and v.counts["refused"] == 0


async def test_the_keys_of_the_old_standard_open_no_other(pair: Pair) -> None:
    """So only its models are offered."""
    v, t = pair
    assert set(t.adapter.models()) == set(OLD_OFFERS)
    with pytest.raises(KeyError):
        t.adapter.abilities("kling-3.0")
    async with by_api_key(v) as keyed:
        assert {"kling-3.0", *OLD_OFFERS} <= set(keyed.adapter.models())


@pytest.mark.parametrize("model", OLD_OFFERS)
async def test_the_strict_vendor_takes_whatever_is_declared(tmp_path: Path, model: str) -> None:
    """Each length and size of a model, from words, from an image, between two where that is declared."""
    async with both(tmp_path, places=10**6, units=1e9) as (v, t):
        able = t.adapter.abilities(model)
        extents = [(one, able.sizes[0]) for one in able.seconds] + [(able.seconds[-1], s) for s in able.sizes]
        for number, (seconds, size) in enumerate(extents):
            negative = "blur" if able.negative_prompt else None
            plain = old(model=model, seconds=seconds, size=size, negative_prompt=negative, callback_url=v.base_url)
            framed = replace(plain, image=picture(size))
            ends = able.last_image and size in (able.last_image_sizes or able.sizes)
            for other, one in enumerate([plain, framed, *([replace(framed, last_image=picture(size))] * ends)]):
                outcome = await t.submit(one, f"key-{number}-{other}")
                assert isinstance(outcome, Accepted), outcome
        assert v.counts["refused"] == 0


OWN_FIELDS: dict[str, Any] = {
    "multi_shot": True, "shot_type": "customize", "element_list": [{"element_id": 7}], "cfg_scale": 0.5,
    "multi_prompt": [{"index": 1, "prompt": "a", "duration": "2"}, {"index": 2, "prompt": "b", "duration": "3"}],
    "camera_control": {"type": "simple", "config": {"zoom": 5}}, "watermark_info": {"enabled": True},
}  # fmt: skip


@pytest.mark.parametrize("model", OLD_OFFERS)
async def test_the_vendors_own_fields_are_taken_where_they_are_declared(pair: Pair, model: str) -> None:
    """All that a model declares, at once."""
    v, t = pair
    able = t.adapter.abilities(model)
    extras = {name: OWN_FIELDS[name] for name in able.extras}
    assert isinstance(await t.submit(old(model=model, size=able.sizes[-1], extras=extras)), Accepted)
    assert v.counts["refused"] == 0


@pytest.mark.parametrize("model", ["kling-v3", "kling-v3-omni", "kling-v2-6", "kling-v2-1-master", "kling-v1-6"])
async def test_prices_are_what_the_vendor_takes(tmp_path: Path, model: str) -> None:
    """At every size, with the sound that is asked for and without."""
    async with both(tmp_path, places=100) as (v, t):
        able = t.adapter.abilities(model)
        for number, size in enumerate(able.sizes):
            for audio in (True, False) if able.audio is None else (able.audio,):
                (line,) = [one for one in able.prices if size in one.sizes and one.audio in (None, audio)]
                ref = await t.accepted(old(model=model, size=size, audio=audio), f"{number}-{audio}")
                ended = await t.ended(ref)
                assert Decimal(ended.charged.amount) == Decimal(line.per_second_credit_billionths * 5) / 10**9
    assert v.counts["refused"] == 0


async def test_what_a_task_does_not_say_is_not_booked(tmp_path: Path) -> None:
    """No unit of a pack was taken: the balance may have paid."""
    for bill in ("usd", "none"):
        async with both(tmp_path, bill=bill) as (_, t):
            ended = await t.ended(await t.accepted(old()))
            assert isinstance(ended, Finished) and ended.charged is None


@pytest.mark.parametrize(("model", "kind"), [("kling-v2-1", "image2video"), ("kling-v3-omni", "omni-video")])
async def test_pictures_begin_and_end_the_clip(pair: Pair, model: str, kind: str) -> None:
    """As bare base64, each where its kind of task has it; the clip has the first one's shape."""
    v, t = pair
    size = Size(1080, 1920)
    ref = await t.accepted(old(model=model, size=size, image=picture(size), last_image=picture(size)))
    (task,) = v.tasks.values()
    assert (ref["kind"], task.order.kind, task.order.shape) == (kind, kind, "9:16")
    if kind == "omni-video":
        assert [one["type"] for one in task.order.body["image_list"]] == ["first_frame", "end_frame"]
    else:
        assert {"image", "image_tail"} <= set(task.order.body)
    assert isinstance(await t.ended(ref), Finished)


async def test_what_the_vendor_cannot_take_is_refused_here(pair: Pair) -> None:
    """Before anything is sent."""
    v, t = pair
    large = Image(b"\x89PNG\r\n\x1a\n" + bytes(10_000_000), "image/png", 1280, 720)
    for spec in (old(image=large), old(image=picture(), last_image=picture()), old(last_image=picture())):
        outcome = await t.submit(spec)
        assert isinstance(outcome, Refused) and outcome.why is Why.INVALID
    assert v.counts["create"] == 0


# --- doubt and states --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("model", [MODEL, "kling-v3-omni"])
async def test_a_lost_answer_is_found_under_either_kind(pair: Pair, framed: bool, model: str) -> None:
    """Who looks knows the model and not whether there was an image."""
    v, t = pair
    plain = old(model=model)
    assert isinstance(await t.find(plain, since_ms=0), NotReceived)
    v.program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
    assert isinstance(await t.submit(replace(plain, image=picture()) if framed else plain), InDoubt)
    found = await t.find(plain, since_ms=0)
    assert isinstance(found, Exactly) and isinstance(await t.ended(found.ref), Finished)
    named = {"id": found.ref["id"]}  # as a callback names it
    for key, right in (("key-1", found), ("key-2", CannotTell("the vendor showed other tasks"))):
        sought = Sought(key=key, spec=plain, since_ms=0, until_ms=1)
        assert await t.driver.find(t.endpoint, t.adapter.confirm(named, sought), timeout_s=5) == right


async def test_an_own_id_that_was_used_leads_to_the_first_task(pair: Pair) -> None:
    """The vendor calls it a bad parameter; it is none."""
    v, t = pair
    ref = await t.accepted(old(image=picture()))
    assert await t.submit(old(image=picture())) == KeyUsed(ref)
    assert v.counts["renders"] == 1


@pytest.mark.parametrize(
    ("fate", "why"),
    [
        (Fault(on="create", do="fail", message="Failure to pass the risk control system"), Why.BLOCKED),
        (Fault(on="create", do="fail", message="generation failed"), Why.INTERNAL),
        (Fault(on="create", do="complete_empty"), Why.INTERNAL),
    ],
    ids=["risk", "failed", "empty"],
)
async def test_a_task_without_a_clip_is_broken(pair: Pair, fate: Fault, why: Why) -> None:
    """Also one that says `succeed`."""
    v, t = pair
    v.program(fate)
    ended = await t.ended(await t.accepted(old()))
    assert isinstance(ended, Broken) and ended.why is why


async def test_a_task_nobody_knows_is_not_found(pair: Pair) -> None:
    """Also under another kind."""
    _, t = pair
    ref = await t.accepted(old())
    strangers: tuple[Ref, ...] = ({"id": "1", "kind": "text2video"}, {**ref, "kind": "image2video"})
    for gone in strangers:
        outcome = await t.poll(gone)
        assert isinstance(outcome, Refused) and outcome.why is Why.NOT_FOUND


async def test_the_vendors_callback_names_the_task(tmp_path: Path) -> None:
    """In the old standard's words."""
    async with both(tmp_path, run_s=0.6) as (v, t):
        ref = await t.accepted(old(callback_url=f"{v.base_url}/nowhere"))
        await t.ended(ref)
        async with asyncio.timeout(5):
            while len(v.called) < 3:
                await asyncio.sleep(0.02)
    assert [state for state, _ in v.called] == ["submitted", "processing", "succeed"]


async def test_the_account_tells_what_its_packs_have_left(pair: Pair) -> None:
    """With these keys as well."""
    _, t = pair
    account = await t.driver.account(t.endpoint, t.adapter.account(), timeout_s=5)
    assert isinstance(account, Account) and account.balance == Charge("10000.0", Unit.CREDITS)


# --- tokens ------------------------------------------------------------------------------------------------------


@given(now_s=st.integers(1_700_000_000, 2_000_000_000), later_s=st.integers(0, 590))
def test_a_token_is_good_for_as_long_as_it_is_used(now_s: int, later_s: int) -> None:
    """For twenty minutes after its last use; within its ten minutes it is the same, so a resend is the same request."""
    token = token_of("access", "secret", now_s * 1_000)
    for at_s in (now_s, now_s + 1_199):
        check_jwt(token, "access", "secret", at_s)
    begun_s = now_s - now_s % 600
    assert token_of("access", "secret", (begun_s + later_s) * 1_000) == token
    assert token_of("access", "secret", (begun_s + 600) * 1_000) != token


@pytest.mark.parametrize(
    ("access_key", "secret_key", "off_s"),
    [("other", "secret", 0), ("access", "other", 0), ("access", "secret", 1_801), ("access", "secret", -700)],
)
def test_a_token_of_another_key_or_time_is_refused(access_key: str, secret_key: str, off_s: int) -> None:
    """By the simulated vendor, whose strictness the other tests lean on."""
    now_s = int(time.time())
    with pytest.raises(Refusal):
        check_jwt(token_of("access", "secret", now_s * 1_000), access_key, secret_key, now_s + off_s)


def test_neither_key_is_sent() -> None:
    """The access key is said inside the token, the secret key nowhere."""
    signed = adapter("secret-key-1", access_key="access-1").sign_at(Call(method="GET", path="/x"), 1_795_000_000_000)
    token = signed.headers["authorization"].removeprefix("Bearer ")
    _, claims, _ = token.split(".")
    said = msgspec.json.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert said == {"iss": "access-1", "exp": 1_794_999_600 + 1_800, "nbf": 1_794_999_600 - 5}
    assert "secret" not in repr(signed)
