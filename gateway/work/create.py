"""Creating: a checked wish becomes a durable video with its first hold, or an error that left nothing behind.

The order matters. Everything that can be refused is refused before a file is stored; files come before the admission,
because a video that was admitted must be able to be sent; a refused admission takes its files away again.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from gateway import metrics
from gateway.domain import failover
from gateway.domain.audit import Deed
from gateway.domain.budgets import Window, budget_of, counter_of, exhausted, name_of, resets_at
from gateway.domain.change import Admission, Change, Repeat
from gateway.domain.errors import ClientError, KeyReused, QuotaGone, Unavailable, WrongKey
from gateway.domain.ids import RANDOM_BYTES, video_id
from gateway.domain.ledger import window_until_ms
from gateway.domain.limits import Limited, Rate, refusal
from gateway.domain.preferences import said_of
from gateway.domain.requests import Asked, Hint
from gateway.domain.reuse import remade
from gateway.domain.tags import class_of, default_tags
from gateway.domain.videos import FINAL, Video, adjusted, encode_public
from gateway.domain.world import Moved, World
from gateway.log import request_id
from gateway.snapshot import Snapshot
from gateway.store.outcomes import Admitted, Capped, KeyGone, Repeated, Reused, WindowPassed
from gateway.tracing import spans
from gateway.work import figures, repeats, reuse
from gateway.work.book import tell_crossed
from gateway.work.caller import Caller
from gateway.work.inputs import Inputs
from gateway.work.lines import refuse_if_full
from gateway.work.telling import check_address, with_messages
from gateway.work.tools import Tools
from gateway.work.trails import tell_created
from gateway.work.weigh import weigh

WINDOW_TRIES = 3
IDEMPOTENCY_LIFE_S = 86_400


class Created(Struct, frozen=True):
    """A video's public JSON, where the limit of requests stands, if there is one, what is rendered otherwise than asked
    for, and whose finished clip it has got."""

    face: bytes
    rate: Rate | None = None
    adjusted: Mapping[str, tuple[str, str]] = {}
    reused_from: str | None = None


class Retry(Struct, frozen=True):
    """The video is made again of another's record, under an id that is known already."""

    of: str
    identity: str
    deed: Deed


async def create_video(
    tools: Tools, caller: Caller, asked: Asked, hint: Hint, *, retry: Retry | None = None
) -> Created:
    """The new video, or the first one when this is a repeat. Raises ClientError."""
    repeat = repeats.repeat_of(caller, asked, hint)
    try:
        return await _create(tools, caller, asked, repeat, retry)
    except ClientError:
        # What the first video was made from may be gone: its source, the picture behind a link, the model.
        first = await repeats.made_before(tools, caller, repeat)
        if first is None:
            raise
        return Created(first)


async def _create(tools: Tools, caller: Caller, asked: Asked, repeat: Repeat, retry: Retry | None) -> Created:
    snapshot = tools.snapshot()
    identity = retry.identity if retry else video_id(tools.clock.now_ms(), tools.random(RANDOM_BYTES))
    async with Inputs(tools, caller.project, identity) as inputs:
        if asked.webhook_url is not None:
            await check_address(tools, snapshot, caller, asked.webhook_url)
        weighed = await weigh(tools, snapshot, caller, asked, inputs)
        model = weighed.model
        found = await reuse.find(tools, caller, asked, weighed, inputs)
        if found is None:
            able = {snapshot.routes[one.route].provider for one in weighed.choices if one.dropped is None}
            refuse_if_full(tools.lines, able, snapshot.settings.gateway.waiting_max)
            await inputs.store(asked, weighed.source)
        now_ms = tools.clock.now_ms()
        video = Video(
            id=identity,
            project=caller.project,
            key_id=caller.key_id,
            request=weighed.request,
            project_class=class_of(caller.owned),
            default_tags=default_tags(caller.owned, weighed.request.metadata),
            created_ms=now_ms,
            deadline_ms=now_ms + weighed.deadline_s * 1_000,
            priority=weighed.priority,
            plan=weighed.choices,
            strategy=weighed.strategy,
            reuse_ms=reuse.life_ms(caller, asked),
            webhook_url=asked.webhook_url,
            request_id=request_id.get() or "",
            trace=spans.carried(),
            retry_of=retry.of if retry else None,
            preferences=said_of(asked.preferences),
        )
        if found is not None:
            video = remade(video, found.first, found.assets, asset_life_s=model.asset_life_s)
        repeat = replace(repeat, key_ttl_s=max(IDEMPOTENCY_LIFE_S, model.deadline_s + model.asset_life_s))
        video = replace(video, repeats_until_ms=repeats.known_until_ms(repeat, video))
        entering = Entering(video, repeat, retry.deed if retry else None)
        inputs.enter()
        new, created = await _admit(tools, snapshot, caller, entering)
        if new:
            inputs.keep()
            tools.due.set()
            tell_created(snapshot, video)
        return created


class Entering(Struct, frozen=True):
    """What is to be let in, and by whose hand."""

    video: Video
    repeat: Repeat
    deed: Deed | None


async def _admit(tools: Tools, snapshot: Snapshot, caller: Caller, entering: Entering) -> tuple[bool, Created]:
    """Is it new, and what is answered. A route that a cap does not allow is skipped."""
    ledger_ms, over_budget, refused = 0, dict[str, str](), list[tuple[Capped, int]]()
    video = entering.video
    reused_from = video.reused_from
    for _ in range(WINDOW_TRIES + len(video.plan)):
        world = replace(tools.world(snapshot, video, ledger_ms=ledger_ms), over_budget=over_budget)
        noted = _with_notes(video, over_budget)
        first = _first_attempt(noted, world) if reused_from is None else Moved(video=noted)
        if first is None:
            raise _exhausted(*refused[0])
        change = Change(
            label="admit",
            video=first.video,
            postings=first.postings,
            window_until_ms=window_until_ms(world.books_ms),
            due_ms=_due_ms(first.video, world),
            over=first.video.state in FINAL,
            deed=entering.deed,
        )
        if reused_from is not None:
            change = await with_messages(tools, snapshot, None, change)
        admission = Admission(change=change, key_hash=caller.key_hash, repeat=entering.repeat)
        match await tools.store.admit(admission):
            case Admitted(rate=rate, crossed=crossed):
                if change.messages:
                    tools.told.set()
                tell_crossed(crossed)
                figures.of_create(snapshot, change)
                told = reused_from.video if reused_from is not None else None
                return True, Created(encode_public(first.video), rate, adjusted(video.request), told)
            case Repeated(earlier):
                return False, Created(await repeats.first_video(tools, earlier))
            case Reused():
                raise KeyReused(
                    "This Idempotency-Key was used for another request. Use a new key for a new video.",
                    param="Idempotency-Key",
                )
            case KeyGone():
                raise WrongKey("Incorrect API key provided. Ask your administrator for a key of this gateway.")
            case Limited() as met:
                metrics.create_refused(met.what)
                raise refusal(met, resets_at(counter_of(name_of(met.scope, Window.DAY), world.books_ms)) or "")
            case Capped() as capped:
                attempt = first.video.current_attempt
                over_budget[attempt.route] = capped.counter
                refused.append((capped, attempt.price_micros))
            case WindowPassed(now_ms):
                ledger_ms = now_ms
    raise Unavailable("The day changed while the video was being admitted. Try again.", retry_after_s=1)


def _due_ms(video: Video, world: World) -> int:
    """Of a new video: when its first attempt is sent, or when the files go that it got."""
    return max(world.now_ms, video.current_attempt.due_ms if video.attempts else video.sweep_ms)


def _exhausted(capped: Capped, price_micros: int) -> QuotaGone:
    metrics.create_refused("budget")
    spent_micros = capped.held_micros + capped.settled_micros
    return QuotaGone(exhausted(capped.counter, capped.cap_micros, spent_micros, price_micros))


def _with_notes(video: Video, over_budget: Mapping[str, str]) -> Video:
    """The plan says which routes a cap did not allow."""
    if not over_budget:
        return video
    notes = {route: f"over the budget {budget_of(counter)}" for route, counter in over_budget.items()}
    choices = (replace(one, skipped=notes.get(one.route)) for one in video.plan)
    return replace(video, plan=tuple(choices))


def _first_attempt(video: Video, world: World) -> Moved | None:
    """None where no route is left that the caps allow."""
    found = failover.next_route(video, world)
    if found is None:
        return None
    return failover.planned(video, found, world)
