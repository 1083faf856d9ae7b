"""Which route next: the one place that turns an ended attempt into another attempt, a wait, or the end of the video."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.ids import attempt_key
from gateway.domain.observed import SHUT_LOOK_MS, UNKNOWN
from gateway.domain.retry import backoff_ms
from gateway.domain.routing import Route
from gateway.domain.verdicts import TAXONOMY, AtSubmit
from gateway.domain.videos import (
    ATTEMPTS_MAX,
    Attempt,
    AttemptState,
    Choice,
    State,
    Video,
    VideoError,
    attempt_id,
)
from gateway.domain.world import Moved, World
from providers.contract import Why

# The vendor took these jobs and broke them for reasons that may pass: with no other route left, the same may be asked.
MAY_PASS: Final = frozenset({Why.INTERNAL, Why.OVERLOADED, Why.NOT_FOUND})


class Next(Struct, frozen=True):
    choice: Choice
    route: Route
    not_before_ms: int


def go_on(video: Video, world: World) -> Moved:
    """After an attempt ended or was left: the next attempt with its own hold, or the end of the video."""
    if video.cancel_asked:
        return Moved(video=ended(video, world, State.CANCELLED, CANCELLED))
    found = next_route(video, world)
    if found is None:
        error = OVER_BUDGET if world.over_budget else reason_of(video)
        return Moved(video=ended(video, world, State.FAILED, error))
    return planned(video, found, world)


def planned(video: Video, found: Next, world: World) -> Moved:
    """The video queued with a new attempt on a route, and the hold for it."""
    ordinal = len(video.attempts) + 1
    route = found.route
    attempt = Attempt(
        ordinal=ordinal,
        route=route.name,
        provider=route.provider,
        account=route.account,
        model=route.model,
        key=attempt_key(attempt_id(video.id, ordinal)),
        price_micros=found.choice.price_micros or 0,
        credit_usd_billionths=found.choice.credit_usd_billionths,
        counters=ledger.counters_of(video.key_id, video.project, route.provider, world.books_ms),
        planned_ms=world.now_ms,
        due_ms=found.not_before_ms,
    )
    video = replace(video, state=State.QUEUED, attempts=(*video.attempts, attempt), current=ordinal, collect_failures=0)
    return Moved(video=video, postings=(ledger.hold(video, attempt),))


def next_route(video: Video, world: World) -> Next | None:
    """The kept route of the plan that can be asked soonest, earlier ranks first; None when nothing may be asked."""
    taken = sum(1 for attempt in video.attempts if _reached(attempt))
    if len(video.attempts) >= ATTEMPTS_MAX or taken >= world.model.attempts_max or world.now_ms >= video.deadline_ms:
        return None
    candidates = tuple(_candidates(video, world))
    # A route that failed before is asked again only when none is left that did not.
    for soonest in (
        [one for one, used in candidates if not used],
        [one for one, used in candidates if used],
    ):
        in_time = [one for one in soonest if one.not_before_ms < video.deadline_ms]
        if in_time:
            return min(in_time, key=lambda one: one.not_before_ms)
    return None


def askable(video: Video, world: World) -> tuple[Next, ...]:
    """The routes that a queued video could be sent to now, the unspoilt ones first, each in the plan's order. Its
    planned attempt is among them, and counts as if it had not been made."""
    planned = video.current_attempt
    if video.state is not State.QUEUED or len(video.attempts) >= ATTEMPTS_MAX or world.now_ms >= video.deadline_ms:
        return ()
    before = replace(video, attempts=video.attempts[:-1])
    found = [
        (used, one)
        for one, used in _candidates(before, world)
        if one.not_before_ms <= world.now_ms or one.route.name == planned.route
    ]
    return tuple(one for _, one in sorted(found, key=lambda pair: pair[0]))


def _candidates(video: Video, world: World) -> Iterable[tuple[Next, bool]]:
    for choice in video.plan:
        route = world.routes.get(choice.route)
        if choice.dropped or route is None or route.drained or choice.route in world.over_budget:
            continue
        history = [attempt for attempt in video.attempts if attempt.route == choice.route]
        at = _when(history, route, world)
        if at is not None:
            # Its breaker lets nothing through before; that alone never leaves a video without a route.
            shut_ms = world.observed.get(route.name, UNKNOWN).open_until_ms
            at = max(at, min(shut_ms, world.now_ms + SHUT_LOOK_MS, video.deadline_ms - 1))
            yield Next(choice, route, at), any(_reached(attempt) for attempt in history)


def _when(history: list[Attempt], route: Route, world: World) -> int | None:
    """When a route may be asked (again): now if it never was, None if never more."""
    if not history:
        return world.now_ms
    last = history[-1]
    if last.state is not AttemptState.CLOSED:
        return None  # in doubt there: a second submission to the same route proves nothing and may cost twice
    if last.why is Why.BLOCKED or last.why is Why.INVALID:
        return None
    if not _reached(last) and last.why is not None and TAXONOMY[last.why].at_submit is AtSubmit.NEXT:
        return None
    if _reached(last) and not (last.why in MAY_PASS and route.abilities.failed_jobs_free):
        return None
    pause = world.now_ms + backoff_ms(len(history), jitter=world.jitter)
    return max(pause, last.retry_at_ms)


def _reached(attempt: Attempt) -> bool:
    """The vendor took it, or may have."""
    return attempt.accepted_ms > 0 or attempt.state is AttemptState.DOUBTFUL or attempt.abandoned


# --- ends ---------------------------------------------------------------------------------------------------------

CANCELLED: Final = VideoError("cancelled", "The video was cancelled.")
OUTCOME_UNKNOWN: Final = VideoError(
    "outcome_unknown",
    "The provider never confirmed whether it received the request, and asking again could have been charged twice. "
    "Create a new video to try again.",
)
WAITED: Final = VideoError(
    "deadline_exceeded",
    "Every provider was busy or out of order until the video's deadline, and nothing was made or charged. "
    "Create a new video to try again.",
)
DEADLINE: Final = VideoError(
    "deadline_exceeded", "The video was not finished in time. Create a new video to try again."
)
POISONED: Final = VideoError(
    "gateway_error", "The gateway could not process this video. Tell its operator the video's id."
)
ASSET_FAILED: Final = VideoError(
    "asset_failed", "The clip was rendered but could not be stored in time. Create a new video to try again."
)
OVER_BUDGET: Final = VideoError(
    "insufficient_quota",
    "The provider that had the video failed, and no budget allows another one. Ask your administrator to raise it.",
)
LOST: Final = VideoError("provider_failed", "The provider lost the job. Create a new video to try again.")
MESSAGES: Final = {
    "moderation_blocked": "The provider's content check stopped the video. Change the prompt or the image.",
    "invalid_request": "No provider can render this request. Change the prompt, the image or the parameters.",
    "provider_unavailable": "No provider could take the video in time. Create a new video to try again.",
    "provider_failed": "The provider could not render the video. Create a new video to try again.",
}


def failed_for(why: Why | None) -> VideoError:
    """The public reason for a class."""
    code = TAXONOMY[why].code if why is not None else "provider_unavailable"
    return VideoError(code, MESSAGES[code])


def reason_of(video: Video) -> VideoError:
    """Why nothing is left to try: what the latest attempts say, a render that broke before a refusal."""
    ends = [attempt.why for attempt in reversed(video.attempts) if attempt.why is not None]
    if any(attempt.state is AttemptState.DOUBTFUL for attempt in video.attempts):
        return OUTCOME_UNKNOWN
    if ends and all(why is Why.INVALID for why in ends):
        return failed_for(Why.INVALID)
    told = [why for why in ends if why is not Why.INVALID]
    return failed_for(told[0] if told else None)


def never_sent(video: Video) -> VideoError:
    """Why a video ends whose planned attempt could not be sent in time: what earlier attempts say, if they say anything
    of routes that were asked; that one was left which could not be is no judgement on the request."""
    earlier = video.attempts[:-1]
    if not any(one.accepted_ms or one.why or one.abandoned or one.cost_micros for one in earlier):
        return WAITED
    reason = reason_of(video)
    return failed_for(None) if reason == failed_for(Why.INVALID) else reason


def ended(video: Video, world: World, state: State, error: VideoError | None) -> Video:
    """The video in a final state. Its files, if it has any, are swept when the assets' life is over."""
    has_files = bool(video.assets) or bool(video.request.images) or video.request.source is not None
    return replace(
        video,
        state=state,
        error=error,
        completed_ms=world.now_ms if state is State.COMPLETED else 0,
        progress=100 if state is State.COMPLETED else video.progress,
        sweep_ms=world.now_ms + world.model.asset_life_s * 1_000 if has_files else 0,
        expires_ms=world.now_ms + world.model.asset_life_s * 1_000 if state is State.COMPLETED else 0,
    )
