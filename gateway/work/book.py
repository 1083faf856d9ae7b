"""Booking news: the decision, its commit, and what to do when the record had moved on.

News that has happened stays true: a stale commit is answered by rereading the record and applying the news to it as it
is now. A store that is away is waited for, because what was learnt from a vendor may be learnt only once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec.structs import replace

from gateway import metrics
from gateway.domain import agenda as todo
from gateway.domain import moves
from gateway.domain.budgets import budget_of, parts_of
from gateway.domain.change import Change, Kind
from gateway.domain.ledger import window_until_ms
from gateway.domain.news import LABELS, Ask, AskAgain, Doubted, Misnamed, News, Took
from gateway.domain.observations import observations_of
from gateway.domain.permits import at_providers
from gateway.domain.videos import FINAL, AttemptState, State, Video
from gateway.domain.world import Moved, World
from gateway.log import log
from gateway.snapshot import Snapshot
from gateway.store.errors import StoreAway
from gateway.store.outcomes import Busy, Capped, CommitOutcome, Committed, Crossed, RefTaken, Stale, WindowPassed
from gateway.work import figures, reuse
from gateway.work.telling import with_messages
from gateway.work.tools import Tools
from gateway.work.trails import trace_moved

Answer = TypeVar("Answer")

TRIES_MAX = 8
STORE_AWAY_S = 120.0  # at least so long it is waited for, and until the video's deadline
STORE_RETRY_S = 0.25


@dataclass(slots=True)
class Job:
    """One video while a runner holds its lease. `token` is None once the lease is given up or lost."""

    video: Video
    token: str | None
    snapshot: Snapshot
    lease_ms: int
    waits: dict[int, int] = field(default_factory=dict)
    busy: Busy | None = None  # why the latest submission was not to be sent
    confirmed: bool = True  # the latest commit is on as many replicas as are waited for
    looked: tuple[tuple[type, int], ...] = ()  # kinds of look and attempts, in this step
    aging: bool = False  # the latest look brought nothing, so no commit has made the lease longer
    reroutes: int = 0  # how often this step has chosen another route for want of room


async def book(tools: Tools, job: Job, news: News) -> bool:
    """Apply news to the record and commit it; `job.video` is the record afterwards. False: nothing was written."""
    ledger_ms, over_budget = 0, dict[str, str]()
    job.busy = None
    for _ in range(TRIES_MAX + len(job.video.plan)):
        world = replace(tools.world(job.snapshot, job.video, ledger_ms=ledger_ms), over_budget=over_budget)
        moved = moves.apply(job.video, news, world)
        if moved.video is job.video:
            return False
        change = change_of(job, moved, news, world)
        change = await with_messages(tools, job.snapshot, job.video, change)
        await reuse.offer(tools, job.video, change.video)
        asked_s = tools.clock.boot_s()
        match await _commit(tools, job, change):
            case Committed(now_ms=now_ms, crossed=crossed, confirmed=confirmed):
                job.confirmed = confirmed
                tools.clock.correct(now_ms, asked_s)
                if change.messages:
                    tools.told.set()
                tell_crossed(crossed)
                tell_moved(job.snapshot, job.video, change, news, now_ms)
                tools.observer.note(observations_of(job.video, change.video, news, now_ms))
                job.video = change.video
                if not change.keep_lease_ms:
                    job.token = None
                return True
            case Stale():
                asked = job.video
                if not await _reread(tools, job, news):
                    return False
                if isinstance(news, Ask | AskAgain) or not knows(job.video, asked, news.attempt):
                    return False  # an intention, not a fact: whoever moved the record decides anew
            case RefTaken(attempt):
                log("ref_taken", level="error", video=job.video.id, by=attempt)
                was = job.video.attempt(news.attempt)
                news = (
                    Misnamed(news.attempt)
                    if was.state is AttemptState.DOUBTFUL and was.named is not None
                    else Doubted(news.attempt, "the vendor named a job that belongs to another attempt")
                )
            case Capped(counter=counter):
                over_budget[change.video.current_attempt.route] = counter
            case WindowPassed(passed_ms):
                ledger_ms = passed_ms
            case Busy() as busy:
                job.busy = busy
                return False
    log("gave_up_booking", level="error", video=job.video.id, news=LABELS[type(news)])
    job.token = None
    return False


async def close(tools: Tools, job: Job) -> None:
    """Nothing is open any more; due again it would only be claimed again. A commit, for it has to be true of the record
    as it is: a store that forgot the end would otherwise never be asked about the video again."""
    change = Change(label="rest", video=replace(job.video, version=job.video.version + 1))
    if isinstance(await _commit(tools, job, change), Committed):
        job.video = change.video


def change_of(job: Job, moved: Moved, news: News, world: World) -> Change:
    """The commit for a move. The lease is kept where the next action is due at once, else given up."""
    video = replace(moved.video, version=job.video.version + 1)
    holds = any(posting.kind is Kind.HOLD for posting in moved.postings)
    keep_ms, due_ms = _next_due(job, video, news, world)
    if keep_ms and job.token is None:
        keep_ms, due_ms = 0, world.now_ms  # for whoever has the lease, or takes it
    return Change(
        label=LABELS[type(news)],
        video=video,
        postings=moved.postings,
        binding=moved.binding,
        window_until_ms=window_until_ms(world.books_ms) if holds else 0,
        due_ms=due_ms,
        keep_lease_ms=keep_ms,
        at=at_providers(job.video, video, news, world.now_ms),
        over=video.state in FINAL and job.video.state not in FINAL,
    )


def _next_due(job: Job, video: Video, news: News, world: World) -> tuple[int, int | None]:
    if isinstance(news, Ask | AskAgain):
        route = world.route_of(video.attempt(news.attempt))
        assert route is not None
        # The lease must outlive the call and the commit of its outcome.
        keep_ms = round(route.submit_timeout_s * 1_000) + job.snapshot.submit_margin_ms
        return keep_ms, world.now_ms + keep_ms
    if news.attempt <= len(video.attempts):
        pause(job, video, news.attempt, world, news=news)
    after = todo.agenda(video, world, job.waits)
    if isinstance(after, todo.Rest):
        return 0, after.due_ms
    return job.lease_ms, world.now_ms + job.lease_ms


# News after which the same attempt is looked at again only after a pause.
_PAUSES = ("lined", "accepted", "doubted", "progressed", "lost", "not_received")


def pause(
    job: Job, video: Video, ordinal: int, world: World, *, news: News | None = None, not_before_ms: int = 0
) -> None:
    """Note when an attempt is to be looked at again after a look that settled nothing."""
    at_once = isinstance(news, Took) and video.state is State.CANCELLING
    if at_once or (news is not None and LABELS[type(news)] not in _PAUSES):
        job.waits.pop(ordinal, None)
        return
    if ordinal > len(video.attempts):
        return  # the store has forgotten that attempt
    attempt = video.attempt(ordinal)
    if attempt.state is not AttemptState.CLOSED:
        job.waits[ordinal] = todo.next_look_ms(video, attempt, world, not_before_ms=not_before_ms)


async def _commit(tools: Tools, job: Job, change: Change) -> CommitOutcome:
    """With one commit id until the store has answered: the same Change applied twice is applied once."""
    commit_id = tools.random(12).hex()
    return await answered(tools, job, lambda: tools.store.commit(change, commit_id=commit_id, token=job.token))


async def answered(tools: Tools, job: Job, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The store's answer, however long it is away, as long as the video can still make use of it."""
    began_s, began_ms = tools.clock.boot_s(), tools.clock.now_ms()
    while True:
        try:
            return await ask()
        except StoreAway:
            left_s = (job.video.deadline_ms - began_ms) / 1_000
            if tools.clock.boot_s() > began_s + max(STORE_AWAY_S, left_s):
                raise
            await asyncio.sleep(STORE_RETRY_S + tools.chance() * STORE_RETRY_S)


async def _reread(tools: Tools, job: Job, news: News) -> bool:
    """The record as it is, if there is one. Who has lost the lease does nothing more; a client may have moved it beside
    the lease."""
    current, token = await answered(tools, job, lambda: tools.store.read_leased(job.video.id))
    if current is None:
        # Only a store that forgot loses a record with open attempts: an operator must look for what the vendor has.
        provider = job.video.attempt(news.attempt).provider
        log("record_gone", level="error", video=job.video.id, provider=provider, news=LABELS[type(news)])
        job.token = None
        return False
    job.video = current
    if job.token is None or token != job.token:
        metrics.lease_lost()
        job.token = None
    return True


def knows(video: Video, asked: Video, ordinal: int) -> bool:
    """Whether the record still has this very attempt: a store that forgot commits may have another in its place."""
    return ordinal <= len(video.attempts) and video.attempt(ordinal).account == asked.attempt(ordinal).account


def tell_crossed(crossed: Iterable[Crossed]) -> None:
    """A log line and a figure for each budget that has reached a part of its cap."""
    for one in crossed:
        name = budget_of(one.counter)
        scope, window = parts_of(name)
        metrics.budget_crossed(scope.partition("/")[0], window, one.percent)
        level = "warning" if one.percent >= 100 else "info"
        facts = {"total_micros": one.total_micros, "cap_micros": one.cap_micros}
        log("budget_threshold", level, budget=name, counter=one.counter, percent=one.percent, **facts)


def tell_moved(snapshot: Snapshot, before: Video, change: Change, news: News, now_ms: int) -> None:
    """One log line, the figures and the spans of a transition."""
    after = change.video
    figures.of_move(snapshot, before, change, news, now_ms)
    _tell_disputes(change)
    trace_moved(before, after, LABELS[type(news)])
    there = 1 <= news.attempt <= len(after.attempts)
    log(
        "moved",
        video=after.id,
        attempt=news.attempt,
        provider=after.attempt(news.attempt).provider if there else None,
        news=LABELS[type(news)],
        before=before.state,
        after=after.state,
        version=after.version,
        created_by=after.request_id or None,
    )


def _tell_disputes(change: Change) -> None:
    for one in change.postings:
        if one.kind is Kind.DISPUTE:
            log(
                "charge_disputed",
                "warning",
                video=one.video,
                attempt=one.attempt,
                provider=one.provider,
                excess_micros=one.amount_micros,
                reason=one.reason,
            )
