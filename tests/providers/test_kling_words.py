"""What Kling tells us, in the new standard: callbacks and their signatures, bills, states."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from providers.contract import (
    Broken,
    CannotTell,
    Exactly,
    Finished,
    Inbound,
    Reply,
    Running,
    Sought,
    Unreadable,
)
from providers.kling import KlingSettings
from tests.support.flows import walk
from tests.support.kling_talk import SECRET, Pair, adapter, both, create
from tests.support.vendor_stand import standard_webhook


@pytest_asyncio.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with both(tmp_path) as made:
        yield made


# --- callbacks ---------------------------------------------------------------------------------------------------


async def test_a_callbacks_task_is_ours_by_our_id(pair: Pair) -> None:
    """And no other's."""
    _v, t = pair
    ref = await t.accepted(create())
    for key, right in (("key-1", Exactly(ref)), ("key-2", CannotTell("the vendor showed other tasks"))):
        sought = Sought(key=key, spec=create(), since_ms=0, until_ms=1)
        assert await t.driver.find(t.endpoint, t.adapter.confirm(ref, sought), timeout_s=5) == right


async def test_a_signature_is_checked_over_the_raw_body(pair: Pair) -> None:
    """By the vendor's own hand; without a secret nobody is believed."""
    v, t = pair
    ref = await t.accepted(create())
    await t.ended(ref)
    (task,) = v.tasks.values()
    body, at_s = msgspec.json.encode(v._face(task)), 1_795_000_061
    headers = standard_webhook(SECRET, "whk_1", at_s, body)
    request = Inbound(path="/", headers=headers, body=body, received_ms=at_s * 1_000)
    (notice,), answer = adapter("k", webhook_secret=SECRET).webhook(request)
    assert (notice.ref, notice.verified, answer.status) == (ref, True, 200)
    assert isinstance(notice.verdict, Finished)
    torn = msgspec.structs.replace(request, body=body.replace(b"succeeded", b"failed"))
    assert adapter("k", webhook_secret=SECRET).webhook(torn)[0] == ()
    (unsigned,), _ = adapter("k").webhook(request)
    assert not unsigned.verified and unsigned.verdict is None


def test_a_callback_of_a_state_that_nobody_knows_still_names_its_job() -> None:
    """Turned away, it would be no reason to look at the job."""
    body, at_s = msgspec.json.encode({"id": "900", "status": "archiving", "message": ""}), 1_795_000_061
    headers = standard_webhook(SECRET, "whk_1", at_s, body)
    request = Inbound(path="/", headers=headers, body=body, received_ms=at_s * 1_000)
    (notice,), answer = adapter("k", webhook_secret=SECRET).webhook(request)
    assert (notice.ref, notice.verified, notice.verdict, answer.status) == ({"id": "900"}, True, None, 200)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_no base64", "api-key-kling-1", "whsec_YQ"])
def test_a_secret_that_fits_no_signature_is_refused(secret: str) -> None:
    """At the configuration, not at the first callback."""
    with pytest.raises(ValidationError, match="as the console shows it"):
        KlingSettings.model_validate({"webhook_secret": secret})


def test_a_model_without_a_switch_for_sound_is_not_described_as_one_with_it() -> None:
    """It would be paid for as silent, and never be asked for that."""
    told = {"seconds": [5], "sizes": ["1280x720"]}
    for model, audio in (("kling-3.0-turbo", None), ("kling-3.0-turbo", False), ("kling-2.5-turbo", True)):
        with pytest.raises(ValidationError, match=f"{model}: this model knows no switch for sound"):
            KlingSettings.model_validate({"models": {model: {**told, "audio": audio}}})
    KlingSettings.model_validate({"models": {"kling-3.0-turbo": {**told, "audio": True}}})


def test_what_the_vendor_would_refuse_of_an_image_is_declared() -> None:
    """So that it is never planned there: 10 MB in the old standard, and a last one at 1080p alone."""
    able = adapter("k").abilities("kling-v2-1")
    assert (able.image_bytes_max, set(map(str, able.last_image_sizes))) == (10_000_000, {"1920x1080", "1080x1920"})
    assert not adapter("k").abilities("kling-v3").last_image_sizes


async def test_the_vendor_calls_at_every_change(tmp_path: Path) -> None:
    """Whoever does not answer is not called again; the create goes well all the same."""
    async with both(tmp_path, run_s=0.6) as (v, t):
        ref = await t.accepted(create(callback_url=f"{v.base_url}/nowhere"))
        await t.ended(ref)
        async with asyncio.timeout(5):
            while len(v.called) < 3:
                await asyncio.sleep(0.02)
    assert [state for state, _ in v.called] == ["submitted", "processing", "succeeded"]


# --- parsers -----------------------------------------------------------------------------------------------------

ENTRIES = st.fixed_dictionaries(
    {
        "charge_type": st.sampled_from(["unit", "cash"]),
        "currency": st.sampled_from(["USD", "CNY"]),
        "amount": st.decimals(0, 10**6, places=4).map(str) | st.sampled_from(["", "-1", "1e9", "nan", "x", None, True]),
    }
)


@given(entries=st.lists(ENTRIES, max_size=4))
def test_a_bill_is_the_sum_of_its_parts_or_none(entries: list[dict[str, Any]]) -> None:
    """Of one kind, all of them amounts; an odd bill costs no clip."""
    outputs = [{"type": "video", "url": "https://a.example/b.mp4"}]
    task = {"id": "t", "status": "succeeded", "outputs": outputs, "billing": entries}
    body = msgspec.json.encode({"code": 0, "data": [task]})
    end = walk(adapter("k").poll({"id": "t"}), lambda _: Reply(200, {}, body)).end
    assert isinstance(end, Finished)
    kinds = {(one["charge_type"], one["currency"]) if one["charge_type"] == "cash" else ("unit", "") for one in entries}
    plain = all(
        isinstance(one["amount"], str) and one["amount"][:1].isdigit() and "e" not in one["amount"] for one in entries
    )
    if kinds in ({("unit", "")}, {("cash", "USD")}) and plain:
        assert end.charged is not None
        assert Decimal(end.charged.amount) == sum(Decimal(one["amount"]) for one in entries)
    else:
        assert end.charged is None


@given(status=st.text(max_size=12) | st.sampled_from(["SUCCEEDED", "Succeed", "failed", "PROCESSING", "submitted"]))
def test_a_state_is_one_of_the_contracts_or_unreadable(status: str) -> None:
    """In whatever case it is written; nothing that is unknown ends a task."""
    body = msgspec.json.encode({"code": 0, "data": [{"id": "t", "status": status}]})
    end = walk(adapter("k").poll({"id": "t"}), lambda _: Reply(200, {}, body)).end
    known = {"submitted": Running, "processing": Running, "succeeded": Broken, "succeed": Broken, "failed": Broken}
    assert type(end) is known.get(status.lower(), Unreadable)
