"""The mock end to end: the adapter, the real driver and the real vendor, through every fate that can be ordered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from gateway.domain.verdicts import InDoubt, NoAnswer
from gateway.sandbox.fates import DIRECTIVES
from gateway.upstream.download import Downloaded, LinkStale
from providers.contract import (
    Accepted,
    Account,
    Broken,
    Cancelled,
    CannotTell,
    CharacterSpec,
    Charge,
    Exactly,
    Finished,
    KeyUsed,
    NotReceived,
    Probably,
    Refused,
    Running,
    Size,
    Source,
    TooLate,
    Verb,
    Why,
)
from tests.support.sandbox import Sandbox, Talk, refused, spec
from tests.support.watching import watch

SHORT_S = 0.5


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("--queue-seconds", "0", "--render-seconds", "0") as started:
        yield started


@pytest.fixture
async def mock(sandbox: Sandbox) -> AsyncIterator[Talk]:
    async with sandbox.mock() as talk:
        yield talk


# --- each directive -----------------------------------------------------------------------------------------------


async def fast(mock: Talk) -> None:
    ref = await mock.accepted("boat [mock:fast]")
    assert isinstance(await mock.end(ref), Finished)


async def time(mock: Talk) -> None:
    ref = await mock.accepted("boat [mock:time=2]")
    seen = [await mock.poll(ref)]
    await asyncio.sleep(1)
    seen.append(await mock.poll(ref))
    first, second = [each.progress for each in seen if isinstance(each, Running)]
    assert first is not None and second is not None and first < 45 < second < 100
    assert isinstance(await mock.end(ref), Finished)


async def slow(mock: Talk) -> None:
    ref = await mock.accepted("boat [mock:slow]")
    await asyncio.sleep(0.1)
    assert await mock.poll(ref) == Running(0)


async def queue(mock: Talk) -> None:
    ref = await mock.accepted("boat [mock:queue=30,time=0]")
    assert await mock.poll(ref) == Running(0)


async def refuse(mock: Talk) -> None:
    for why in Why:
        outcome = await mock.submit(f"boat [mock:refuse={why}]")
        if why in (Why.INTERNAL, Why.UNREADABLE):
            assert isinstance(outcome, InDoubt), "proves nothing"
        else:
            assert refused(outcome).why is why
        assert await mock.find("boat", "no-such-key", 0) == NotReceived()


async def block(mock: Talk) -> None:
    assert refused(await mock.submit("boat [mock:block]")).why is Why.BLOCKED
    ref = await mock.accepted("boat [mock:block=halfway,time=0.2]")
    assert isinstance(await mock.poll(ref), Running)
    assert await mock.end(ref) == Broken(why=Why.BLOCKED, message="the content check stopped this", free=True)


async def breaks(mock: Talk) -> None:
    for why in Why:
        end = await mock.end(await mock.accepted(f"boat [mock:break={why}]"))
        if why is Why.UNREADABLE:
            assert isinstance(end, NoAnswer) and end.why is why
        else:
            assert isinstance(end, Broken) and end.why is why and end.free


async def throttle(mock: Talk) -> None:
    for _ in range(2):
        refusal = refused(await mock.submit("boat [mock:throttle=2]"))
        assert refusal.why is Why.THROTTLED and refusal.retry_after_s == 1
    assert isinstance(await mock.submit("boat [mock:throttle=2]"), Accepted)
    assert isinstance(await mock.submit("boat [mock:throttle=2]"), Refused), "the next video is throttled anew"


async def lost_request(mock: Talk) -> None:
    await doubted_and_not_received(mock, "boat [mock:lose-request]")


async def hang_before(mock: Talk) -> None:
    await doubted_and_not_received(mock, "boat [mock:hang-before]")


async def doubted_and_not_received(mock: Talk, prompt: str) -> None:
    since_ms, key = mock.now_ms(), f"key of {prompt}"
    assert isinstance(await mock.submit(prompt, key=key, timeout_s=SHORT_S), InDoubt)
    assert await mock.find(prompt, key, since_ms) == NotReceived()
    assert isinstance(await mock.submit(prompt, key=key, send="resend"), Accepted)


async def lost_reply(mock: Talk) -> None:
    await doubted_and_made(mock, "boat [mock:lose-reply]")


async def hang(mock: Talk) -> None:
    await doubted_and_made(mock, "boat [mock:hang]")


async def error_after(mock: Talk) -> None:
    await doubted_and_made(mock, "boat [mock:error-after]")


async def garble(mock: Talk) -> None:
    await doubted_and_made(mock, "boat [mock:garble]")


async def doubted_and_made(mock: Talk, prompt: str) -> None:
    since_ms, key = mock.now_ms(), f"key of {prompt}"
    assert isinstance(await mock.submit(prompt, key=key, timeout_s=SHORT_S), InDoubt)
    found = await mock.find(prompt, key, since_ms)
    assert isinstance(found, Exactly)
    assert await mock.submit(prompt, key=key, send="resend") == Accepted(found.ref), "the same job, answered now"
    assert isinstance(await mock.end(found.ref), Finished)


async def key_used(mock: Talk) -> None:
    prompt = "boat [mock:key-used]"
    ref = await mock.accepted(prompt, key="used")
    assert await mock.submit(prompt, key="used", send="resend") == KeyUsed(ref)


async def flaky(mock: Talk) -> None:
    ref = await mock.accepted("boat [mock:flaky=2]")
    for _ in range(2):
        assert refused(await mock.poll(ref)).why is Why.OVERLOADED
    assert isinstance(await mock.end(ref), Finished)


async def forget(mock: Talk) -> None:
    ref = await mock.accepted("boat [mock:forget,time=0.4]")
    assert isinstance(await mock.poll(ref), Running)
    assert refused(await mock.end(ref)).why is Why.NOT_FOUND


async def silent_finish(mock: Talk) -> None:
    end = await mock.end(await mock.accepted("boat [mock:silent-finish]"))
    assert end == Broken(why=Why.INTERNAL, message="completed without a file")


async def stale_link(mock: Talk) -> None:
    ref = await mock.accepted("boat [mock:stale-link]")
    first = await mock.finished(ref)
    assert await mock.finished(ref) == first, "nobody has tried it yet"
    assert (await mock.download(ref, first))[0] == LinkStale(410)
    second = await mock.finished(ref)
    assert second != first
    outcome, body = await mock.download(ref, second)
    assert isinstance(outcome, Downloaded) and watch(body).seconds == 1


async def cut(mock: Talk) -> None:
    ref = await mock.accepted("boat [mock:cut=2]")
    finished = await mock.finished(ref)
    for _ in range(2):
        outcome, _ = await mock.download(ref, finished)
        assert isinstance(outcome, Downloaded) and outcome.truncated
    outcome, body = await mock.download(ref, finished)
    assert isinstance(outcome, Downloaded) and not outcome.truncated
    assert watch(body).seconds == 1


async def truncate(mock: Talk) -> None:
    whole, half = await mock.clip("boat [mock:fast]"), await mock.clip("boat [mock:truncate]")
    assert half[:1_000] != b"" and len(half) < 0.7 * len(whole)
    assert int.from_bytes(half[:4], "big") < len(half), "it begins like a clip"


async def garbage(mock: Talk) -> None:
    assert (await mock.clip("boat [mock:garbage]")).startswith(b"<html>")


async def wrong_size(mock: Talk) -> None:
    seen = watch(await mock.clip("boat [mock:wrong-size]"))
    assert (seen.width, seen.height, seen.seconds) == (64, 64, 1)


async def wrong_seconds(mock: Talk) -> None:
    seen = watch(await mock.clip("boat [mock:wrong-seconds]"))
    assert (seen.width, seen.height, seen.seconds) == (128, 128, 2)


async def charge(mock: Talk) -> None:
    finished = await mock.finished(await mock.accepted("boat [mock:charge=1.25]"))
    assert finished.charged == Charge("1.25")
    broken = await mock.end(await mock.accepted("boat [mock:charge=0.5,break]"))
    assert isinstance(broken, Broken)
    assert (broken.charged, broken.free) == (Charge("0.5"), False)


FATES: dict[str, Callable[[Talk], Awaitable[None]]] = {
    "fast": fast,
    "time": time,
    "slow": slow,
    "queue": queue,
    "refuse": refuse,
    "block": block,
    "break": breaks,
    "throttle": throttle,
    "lose-request": lost_request,
    "hang-before": hang_before,
    "lose-reply": lost_reply,
    "hang": hang,
    "error-after": error_after,
    "garble": garble,
    "key-used": key_used,
    "flaky": flaky,
    "forget": forget,
    "silent-finish": silent_finish,
    "stale-link": stale_link,
    "cut": cut,
    "truncate": truncate,
    "garbage": garbage,
    "wrong-size": wrong_size,
    "wrong-seconds": wrong_seconds,
    "charge": charge,
}


@pytest.mark.parametrize("directive", FATES)
async def test_a_directive_does_what_it_says(mock: Talk, directive: str) -> None:
    """Seen through the driver, as the gateway sees it."""
    await FATES[directive](mock)


def test_every_directive_is_tested() -> None:
    """A new one needs a line above."""
    assert list(FATES) == list(DIRECTIVES)


# --- the rest of the contract --------------------------------------------------------------------------------------


async def test_a_wrong_directive_is_refused_with_the_right_ones(mock: Talk) -> None:
    """A developer who mistypes reads what there is."""
    refusal = refused(await mock.submit("boat [mock:brek]"))
    assert refusal.why is Why.INVALID and "'brek'" in refusal.message and "break" in refusal.message


async def test_the_same_key_makes_one_job(mock: Talk) -> None:
    """However often it is sent, also at once; with another request it is refused, and nothing is made."""
    outcomes = await asyncio.gather(*(mock.submit("boat", key="one") for _ in range(8)))
    assert len({str(outcome) for outcome in outcomes}) == 1
    assert isinstance(outcomes[0], Accepted)
    assert await mock.submit("another boat", key="one") == KeyUsed()


async def test_different_keys_make_different_jobs(mock: Talk) -> None:
    """Also within one millisecond."""
    refs = await asyncio.gather(*(mock.accepted("boat") for _ in range(8)))
    assert len({str(ref) for ref in refs}) == 8


async def test_a_vendor_without_keys_makes_a_job_each_time(sandbox: Sandbox) -> None:
    """And its list shows likenesses only: never exactly this."""
    async with sandbox.mock(honours_keys=False) as mock:
        since_ms = mock.now_ms()
        assert not mock.adapter.abilities("sora-2").resend_safe_s
        refs = [await mock.accepted("keyless boat", key="one") for _ in range(2)]
        assert refs[0] != refs[1]
        assert await mock.find("keyless boat", "one", since_ms) == Probably(tuple(refs))
        assert await mock.find("keyless ship", "one", since_ms) == NotReceived()


async def test_a_vendor_without_a_list_cannot_tell(sandbox: Sandbox) -> None:
    """The case that only a policy can decide."""
    async with sandbox.mock(honours_keys=False, can_find=False) as mock:
        able = mock.adapter.abilities("sora-2")
        assert (able.finds, able.visible_after_s, able.resend_safe_s) == (False, None, None)
        assert isinstance(await mock.find("boat", "one", 0), CannotTell)


async def test_a_long_list_is_read_to_its_end(sandbox: Sandbox) -> None:
    """More jobs than one page holds."""
    async with sandbox.mock(honours_keys=False) as mock:
        since_ms = mock.now_ms()
        await asyncio.gather(*(mock.accepted(f"fleet {n} [mock:slow]") for n in range(230)))
        last = await mock.accepted("the last boat [mock:slow]")
        assert await mock.find("the last boat [mock:slow]", "", since_ms) == Probably((last,))


async def test_a_cancel_is_honest(mock: Talk) -> None:
    """In time it costs nothing and stays; too late says so and leaves the clip alone."""
    ref = await mock.accepted("boat [mock:slow]")
    assert await mock.cancel(ref) == await mock.cancel(ref) == Cancelled(free=True)
    assert await mock.end(ref) == Broken(why=Why.INTERNAL, message="the job was cancelled", free=True)
    done = await mock.accepted("boat [mock:fast]")
    finished = await mock.finished(done)
    assert await mock.cancel(done) == TooLate()
    assert await mock.finished(done) == finished
    broken = await mock.accepted("boat [mock:break]")
    assert await mock.cancel(broken) == TooLate()


async def test_a_directive_for_another_route_changes_nothing(sandbox: Sandbox) -> None:
    """So one prompt can break the first route and succeed on the second."""
    prompt = "boat [mock@first:refuse=overloaded]"
    async with sandbox.mock(name="first") as first, sandbox.mock(name="second") as second:
        refusal = refused(await first.submit(prompt))
        assert refusal.why is Why.OVERLOADED and refusal.retry_after_s == 1
        assert isinstance(await second.submit(prompt), Accepted)


async def test_settings_decide_where_the_prompt_says_nothing(sandbox: Sandbox) -> None:
    """Times and fate of one provider; the prompt wins."""
    async with sandbox.mock(queue_s=0, render_s=60, fate="charge=2.5:1 break:0") as mock:
        assert isinstance(await mock.poll(await mock.accepted("boat")), Running)
        finished = await mock.finished(await mock.accepted("boat [mock:fast]"))
        assert finished.charged == Charge("2.5")
    async with sandbox.mock(fate="brek:1") as mock:
        assert refused(await mock.submit("boat")).why is Why.INVALID


async def test_a_probability_is_kept(sandbox: Sandbox) -> None:
    """Roughly, and by key: the same key has the same fate."""
    async with sandbox.mock(fate="refuse=blocked:0.3") as mock:
        outcomes = [await mock.submit("boat [mock:slow]", key=f"roll {n}") for n in range(60)]
        again = [await mock.submit("boat [mock:slow]", key=f"roll {n}") for n in range(60)]
    assert [type(each) for each in outcomes] == [type(each) for each in again]
    assert 6 <= sum(isinstance(each, Refused) for each in outcomes) <= 32


async def test_a_character_plays_in_a_clip(mock: Talk) -> None:
    """Made from a clip, named in the next one."""
    made = await mock.character(CharacterSpec("mock-video", "Biscuit", mock.blob(b"a clip of Biscuit")))
    assert isinstance(made, Accepted)
    plain = await mock.clip(spec("A dog"))
    assert await mock.clip(spec("A dog", characters=(made.ref,))) != plain
    bad = {"id": "mockchar_none"}
    assert refused(await mock.submit(spec("A dog", characters=(bad,)))).why is Why.INVALID
    assert refused(await mock.character(CharacterSpec("mock-video", "", mock.blob(b"x")))).why is Why.INVALID


async def test_a_source_that_is_no_clip_breaks_the_job(mock: Talk) -> None:
    """Accepted first, then invalid, as many vendors do."""
    source = Source(asset=mock.blob(b"not a clip" * 100), seconds=1, size=Size(128, 128))
    ref = await mock.accepted(spec("boat", verb=Verb.EDIT, source=source))
    end = await mock.end(ref)
    assert isinstance(end, Broken) and end.why is Why.INVALID


async def test_the_account_has_a_balance(mock: Talk) -> None:
    """And names its models."""
    account = await mock.account()
    assert account == Account(balance=Charge("1000.00"), models=mock.adapter.models())


async def test_an_unknown_model_is_not_found(mock: Talk) -> None:
    """As a vendor would say to a configuration that is out of date."""
    assert refused(await mock.submit(spec("boat", model="sora-9"))).why is Why.NOT_FOUND


async def test_an_account_without_a_key_works(sandbox: Sandbox) -> None:
    """The shipped configuration needs no secret."""
    async with sandbox.mock(api_key=None) as mock:
        assert isinstance(await mock.account(), Account)
