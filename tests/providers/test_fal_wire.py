"""The fal adapter, the driver and a strict queue over a real wire: both were written from the contract's page, so
agreement here means that both read it alike."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.domain.verdicts import InDoubt, NoAnswer
from gateway.upstream.download import LinkStale
from providers.contract import (
    Accepted,
    Account,
    Broken,
    Cancelled,
    CannotTell,
    Exactly,
    Finished,
    Image,
    Inbound,
    NotReceived,
    Refused,
    Reply,
    Running,
    Size,
    Sought,
    TooLate,
    Unreadable,
    Why,
)
from providers.fal import MODELS, Fal, FalSettings
from tests.support import fal_vendor
from tests.support.both_ends import asking, both_ends, paired
from tests.support.ed25519_signer import Signer
from tests.support.flows import walk
from tests.support.openai_talk import TIMEOUT_S, Talk, talking
from tests.support.pictures import png
from tests.support.vendor_faults import Fault, Point

PIKA = "fal-ai/pika/v2.2"
HD = Size(1280, 720)


create = asking(model=PIKA, prompt="A paper boat", seconds=5, size=HD)


def adapter(api_key: str, **settings: Any) -> Fal:
    return Fal(FalSettings.model_validate(settings), api_key)


both = both_ends(fal_vendor.fal, adapter)
pair = paired(both)
Pair = tuple[fal_vendor.Fal, Talk]


async def test_a_clip_is_made_and_fetched(pair: Pair) -> None:
    """Create, look, fetch: one render, the MP4, and no word that the vendor does not know."""
    v, t = pair
    small = Size(864, 496)
    await v.clips.path(str(small), "4")  # made before anybody waits for it
    ref = await t.accepted(create(model="bytedance/seedance-2.0", seconds=4, size=small, seed=7, audio=True))
    ended = await t.ended(ref)
    assert isinstance(ended, Finished)
    outcome, clip = await t.download(ref, ended.assets[0])
    assert clip[4:8] == b"ftyp", outcome
    assert v.counts["renders"] == v.counts["downloads"] == 1 and v.counts["refused"] == 0


@pytest.mark.parametrize("model", MODELS)
async def test_the_strict_vendor_takes_whatever_is_declared(tmp_path: Path, model: str) -> None:
    """Each length and size of a model, from words and between images, seed, sound and what else it says it can; and
    the clip would have the size that was asked for."""
    async with both(tmp_path, places=10**6) as (v, t):
        able = t.adapter.abilities(model)
        for seconds, size in [(one, able.sizes[0]) for one in able.seconds] + [
            (able.seconds[-1], one) for one in able.sizes
        ]:
            still = Image(png(size.width, size.height), "image/png", size.width, size.height)
            wish = create(
                model=model, seconds=seconds, size=size, audio=False if able.audio is None else None,
                seed=7 if able.seed else None, negative_prompt="blur" if able.negative_prompt else None,
            )  # fmt: skip
            pictured = msgspec.structs.replace(wish, image=still)
            framed = [msgspec.structs.replace(pictured, last_image=still)] if able.last_image else []
            for one in (wish, pictured, *framed):
                ref = await t.accepted(one)
                assert v.requests[str(ref["id"])].size == str(size)
        assert v.counts["refused"] == 0


@pytest.mark.parametrize("model", MODELS)
async def test_the_vendors_own_fields_pass(tmp_path: Path, model: str) -> None:
    """Each one that is declared is one that the vendor knows."""
    values = {"cfg_scale": 0.5, "enable_prompt_expansion": False, "auto_fix": False}
    async with both(tmp_path) as (v, t):
        able = t.adapter.abilities(model)
        extras = {name: values[name] for name in able.extras}
        wish = create(model=model, seconds=able.seconds[0], size=able.sizes[0], extras=extras)
        ref = await t.accepted(msgspec.structs.replace(wish, audio=True if able.audio is None else None))
        assert extras.items() <= v.requests[str(ref["id"])].body.items()


@pytest.mark.parametrize(
    "settings",
    [
        {"webhook_keys": ["no key"]},
        {"webhook_keys": [fal_vendor.SIGNER.jwk_x + "AA"]},
        {"models": {"veo3": {"seconds": [4], "sizes": ["1280x720"]}}},
        {"models": {"../admin/x": {"seconds": [4], "sizes": ["1280x720"]}}},
        *(
            {"models": {"a/b": {"seconds": [4], "sizes": ["1280x720"], "wire": wire}}}
            for wire in (
                {"seconds": "words"},
                {"resolutions": ["720p", "580p"]},
                {"ratios": ["auto"]},
                {"ratios": ["16:0"]},
                {"text": "../../admin"},
                {"image": "a?b=c"},
                {"first": "prompt"},
                {"last": "duration"},
            )
        ),
        {"priority": "high"},
        {"start_timeout_s": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    """Before anything is asked with them."""
    with pytest.raises(ValidationError):
        FalSettings.model_validate(settings)


# --- refusals ----------------------------------------------------------------------------------------------------


def said(status: int, message: str = "Try later", **more: Any) -> Fault:
    return Fault(on="create", do="refuse", status=status, message=message, **more)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (said(422, code="value_error"), Why.INVALID),
        (said(422, code="content_policy_violation"), Why.BLOCKED),
        (said(401), Why.UNAUTHORISED),
        (said(403, "User is locked. Reason: Exhausted balance."), Why.NO_CREDIT),
        (said(403, "Not allowed"), Why.UNAUTHORISED),
        (said(404), Why.INVALID),
        (said(429, retry_after="3"), Why.THROTTLED),
    ],
    ids=lambda value: f"{value.status}-{value.message}" if isinstance(value, Fault) else str(value),
)
async def test_a_refusal_is_of_its_class(pair: Pair, fault: Fault, why: Why) -> None:
    """And made nothing."""
    v, t = pair
    v.program(fault)
    refused = await t.submit(create())
    assert isinstance(refused, Refused) and refused.why is why
    assert v.counts["renders"] == 0


@pytest.mark.parametrize(
    ("fault", "renders"),
    [
        (said(500), 0),
        (said(503, code="runner_scheduling_failure"), 0),
        (said(504, code="request_timeout"), 0),
        (Fault(on="create", do="close", at=Point.AFTER_MAKING, reset=True), 1),
        (Fault(on="create", do="html", status=502, at=Point.AFTER_MAKING), 1),
        (Fault(on="create", do="half"), 1),
        (Fault(on="create", do="empty", at=Point.AFTER_MAKING), 1),
    ],
    ids=lambda value: f"{value.do}-{value.status}" if isinstance(value, Fault) else str(value),
)
async def test_what_proves_nothing_is_in_doubt(pair: Pair, fault: Fault, renders: int) -> None:
    """There is no key and no list."""
    v, t = pair
    v.program(fault)
    assert isinstance(await t.submit(create()), InDoubt)
    assert v.counts["renders"] == renders
    assert isinstance(await t.find(create(), since_ms=0), CannotTell)


async def test_the_account_shows_whether_the_key_is_right(pair: Pair) -> None:
    """At no cost."""
    v, t = pair
    assert isinstance(await t.driver.account(t.endpoint, t.adapter.account(), timeout_s=5), Account)
    async with talking(adapter("id:other"), v.base_url) as stranger:
        refused = await t.driver.account(stranger.endpoint, stranger.adapter.account(), timeout_s=5)
    assert isinstance(refused, Refused) and refused.why is Why.UNAUTHORISED and v.counts["renders"] == 0


# --- states ------------------------------------------------------------------------------------------------------


async def test_a_request_waits_for_a_place(tmp_path: Path) -> None:
    """Above its concurrency the vendor accepts, and queues."""
    async with both(tmp_path, places=1, run_s=0.3) as (v, t):
        await t.accepted(create())
        second = await t.accepted(create())
        assert v.requests[str(second["id"])].status(time.monotonic()) == "IN_QUEUE"
        assert isinstance(await t.poll(second), Running)
        assert isinstance(await t.ended(second), Finished)


def fate(do: str, status: int = 500, code: str | None = None) -> Fault:
    return Fault(on="create", do=do, status=status, code=code)


@pytest.mark.parametrize(
    ("fault", "why", "free"),
    [
        (fate("fail", 422, "content_policy_violation"), Why.BLOCKED, None),
        (fate("fail", 422, "image_too_small"), Why.INVALID, None),
        (fate("fail", 500, "generation_failed"), Why.INTERNAL, True),
        (fate("fail", 500), Why.INTERNAL, None),
        (fate("fail", 504, "startup_timeout"), Why.OVERLOADED, True),
        (fate("complete_empty"), Why.INTERNAL, None),
        (fate("complete_with_error", code="runner_disconnected"), Why.OVERLOADED, None),
    ],
    ids=lambda value: f"{value.do}-{value.code}" if isinstance(value, Fault) else str(value),
)
async def test_a_run_that_is_completed_without_a_clip_is_broken(
    pair: Pair, fault: Fault, why: Why, free: bool | None
) -> None:
    """What is not billed is said to be free; a 500 that names no type is paid, as nobody says whose it is."""
    v, t = pair
    v.program(fault)
    ended = await t.ended(await t.accepted(create()))
    assert isinstance(ended, Broken) and (ended.why, ended.free) == (why, free)


async def test_a_passing_error_says_nothing_of_the_run(pair: Pair) -> None:
    """At the status or at the result: the next look finds the clip."""
    v, t = pair
    v.program(
        Fault(on="retrieve", do="refuse", status=503),
        Fault(on="result", do="refuse", status=503),
        Fault(on="result", do="html", status=502),
        Fault(on="result", do="refuse", status=500),
    )
    ref = await t.accepted(create())
    seen = [type(await t.poll(ref)).__name__ for _ in range(2)]
    assert "Broken" not in seen and "Finished" not in seen
    for _ in range(100):
        if isinstance(await t.poll(ref), Finished):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the clip is never found")


async def test_a_link_that_died_is_stale(tmp_path: Path) -> None:
    """The file's server says 404; looking again gives the link that the vendor has then."""
    async with both(tmp_path, link_s=0.0) as (_, t):
        ref = await t.accepted(create())
        ended = await t.ended(ref)
        assert isinstance((await t.download(ref, ended.assets[0]))[0], LinkStale)


# --- cancel ------------------------------------------------------------------------------------------------------


async def test_what_waits_is_cancelled_for_nothing_and_what_runs_stops_or_does_not(tmp_path: Path) -> None:
    """A race that is lost is not called a cancel."""
    async with both(tmp_path, places=1, run_s=30) as (v, t):
        running, waiting = await t.accepted(create()), await t.accepted(create())
        assert await t.cancel(waiting) == Cancelled(free=True)
        v.options = msgspec.structs.replace(v.options, stops=False)
        racing = await t.cancel(running)
        assert isinstance(racing, Refused) and racing.why is Why.OVERLOADED
        v.options = msgspec.structs.replace(v.options, stops=True)
        assert await t.cancel(running) == Cancelled() == await t.cancel(running)


async def test_a_finished_run_is_not_cancelled(pair: Pair) -> None:
    _, t = pair
    ref = await t.accepted(create())
    await t.ended(ref)
    assert isinstance(await t.cancel(ref), TooLate)


# --- callbacks ---------------------------------------------------------------------------------------------------


def posted(body: bytes, headers: dict[str, str], *, app: str = "fal-ai/pika", at_s: float | None = None) -> Inbound:
    received_ms = int(1000 * (time.time() if at_s is None else at_s))
    return Inbound(path="/hooks/fal/x", query=(("app", app),), headers=headers, body=body, received_ms=received_ms)


async def test_a_callback_is_heard_if_a_known_key_signed_it(pair: Pair) -> None:
    """Not when it is old, changed, of another key, or bare. Without known keys it is heard and not believed."""
    v, _ = pair
    body = v.callback("r-1", "OK", {"video": {"url": "https://a.example/b.mp4"}})
    head, other = v.signature(body, "r-1"), Signer(b"\x02" * 32).jwk_x
    hears = adapter("k", webhook_keys=[other, fal_vendor.SIGNER.jwk_x])
    (notice,), answer = hears.webhook(posted(body, head))
    assert (notice.ref, notice.verified, answer.status) == ({"id": "r-1", "app": "fal-ai/pika"}, True, 200)
    old = v.signature(body, "r-1", at_s=time.time() - 301)
    for deaf, request in (
        (hears, posted(body, old)),
        (hears, posted(body + b" ", head)),
        (hears, posted(body, {**head, "x-fal-webhook-request-id": "r-2"})),
        (hears, posted(body, {**head, "x-fal-webhook-signature": "zz"})),
        (hears, posted(body, {**head, "x-fal-webhook-timestamp": "soon"})),
        (hears, posted(body, {})),
        (adapter("k", webhook_keys=[other]), posted(body, head)),
    ):
        notices, answer = deaf.webhook(request)
        assert (notices, answer.status) == ((), 401)
    (notice,), _ = adapter("k").webhook(posted(body, {}))
    assert not notice.verified


async def test_a_callback_names_the_request_as_the_reply_does(pair: Pair) -> None:
    """So the same job is never taken for two; and its app is looked at before it is bound."""
    v, t = pair
    ref = await t.accepted(create())
    body = v.callback(str(ref["id"]), "OK", {})
    (notice,), _ = t.adapter.webhook(posted(body, {}))
    assert notice.ref == ref

    async def confirmed(ref: Any, **wish: Any) -> Any:
        sought = Sought(key="k", spec=create(**wish), since_ms=0, until_ms=1)
        return await t.driver.find(t.endpoint, t.adapter.confirm(ref, sought), timeout_s=TIMEOUT_S)

    assert await confirmed(ref) == Exactly(ref)
    assert isinstance(await confirmed({**ref, "id": "r-9"}), NotReceived)
    other = confirmed(ref, model="fal-ai/veo3", seconds=4)
    assert not isinstance(await other, Exactly)
    for status in (401, 429, 500, 503):  # fal does not call again: the look is to be repeated
        v.program(Fault(on="retrieve", do="refuse", status=status))
        assert isinstance(await confirmed(ref), NoAnswer), status
    assert await confirmed(ref) == Exactly(ref)


# --- parsers -----------------------------------------------------------------------------------------------------

LEAVES = (
    st.none() | st.text(max_size=5) | st.integers() | st.sampled_from(["content_policy_violation", "startup_timeout"])
)


@given(status=st.sampled_from([400, 403, 422, 429, 499, 500, 503, 504]), typed=LEAVES, head=st.text(max_size=4))
def test_moderation_never_passes_as_anything_else(status: int, typed: object, head: str) -> None:
    """Nor anything else as moderation, whatever else the result says; and a run that ends has a sensible class."""
    bodies = {
        "/status": {"status": "COMPLETED"},
        "": {"detail": [{"loc": ["body", 3], "msg": "no", "type": typed}]},
    }

    def answer(call: Any) -> Reply:
        below = "/status" if call.path.endswith("/status") else ""
        return Reply(200 if below else status, {"x-fal-retryable": head}, msgspec.json.encode(bodies[below]))

    end = walk(adapter("k").poll({"id": "r", "app": "a/b"}), answer).end
    if isinstance(end, Unreadable):  # an integer that JSON cannot say
        return
    moderated = typed == "content_policy_violation"
    assert (isinstance(end, Broken) and end.why is Why.BLOCKED) == moderated
    assert not isinstance(end, Accepted | Finished)
