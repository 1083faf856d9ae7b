"""Creating: a checked wish becomes a durable video with its first hold, or an error that left nothing behind.

The order matters. Everything that can be refused is refused before a file is stored; files come before the admission,
because a video that was admitted must be able to be sent; a refused admission takes its files away again.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from gateway import metrics
from gateway.domain import allowances, failover, fitting
from gateway.domain.agenda import Rest, agenda
from gateway.domain.assets import source_name
from gateway.domain.budgets import Window, budget_of, counter_of, exhausted, name_of, resets_at
from gateway.domain.change import Admission, Change, Repeat
from gateway.domain.errors import Absent, BadInput, ClientError, KeyReused, QuotaGone, Unavailable, WrongKey
from gateway.domain.fields import shown
from gateway.domain.ids import RANDOM_BYTES, video_id
from gateway.domain.ledger import window_until_ms
from gateway.domain.limits import Limited, Rate, refusal
from gateway.domain.requests import Asked, Hint
from gateway.domain.routing import Model, plan
from gateway.domain.videos import CharacterUse, SourceVideo, State, Video, encode_public, public_seconds
from gateway.domain.world import Moved, World
from gateway.snapshot import Snapshot
from gateway.store.outcomes import Admitted, Capped, KeyGone, Repeated, Reused, WindowPassed
from gateway.work import repeats
from gateway.work.book import tell_crossed
from gateway.work.caller import Caller
from gateway.work.inputs import Inputs
from gateway.work.read import own_video
from gateway.work.tools import Tools
from providers.contract import Verb

WINDOW_TRIES = 3
IDEMPOTENCY_LIFE_S = 86_400


class Created(Struct, frozen=True):
    """A video's public JSON, and where the limit of requests stands, if there is one."""

    face: bytes
    rate: Rate | None = None


async def create_video(tools: Tools, caller: Caller, asked: Asked, hint: Hint) -> Created:
    """The new video, or the first one when this is a repeat. Raises ClientError."""
    repeat = repeats.repeat_of(caller, asked, hint)
    try:
        return await _create(tools, caller, asked, repeat)
    except ClientError:
        # What the first video was made from may be gone: its source, the picture behind a link, the model.
        first = await repeats.made_before(tools, caller, repeat)
        if first is None:
            raise
        return Created(first)


async def _create(tools: Tools, caller: Caller, asked: Asked, repeat: Repeat) -> Created:
    snapshot = tools.snapshot()
    source = await _source_of(tools, caller, asked)
    model = model_of(snapshot, source.request.model if source is not None else asked.model)
    allowances.check_model(caller.owned, model.name, asked.model)
    identity = video_id(tools.clock.now_ms(), tools.random(RANDOM_BYTES))
    async with Inputs(tools, identity) as inputs:
        image = await inputs.measure(asked)
        request = fitting.settle(
            asked,
            model,
            image=image,
            source=await _source_record(inputs, identity, asked, source),
            characters=await _characters(tools, caller, asked),
            named=source.request.model if source is not None else None,
        )
        allowances.check_request(caller.owned, request)
        choices = plan(model, request)
        if all(choice.dropped for choice in choices):
            raise fitting.unservable(request, model, choices)
        choices = allowances.narrowed(caller.owned, choices, snapshot.routes)
        if all(choice.dropped for choice in choices):
            raise allowances.barred(choices)
        await inputs.store(asked, source)
        now_ms = tools.clock.now_ms()
        video = Video(
            id=identity,
            project=caller.project,
            key_id=caller.key_id,
            request=request,
            created_ms=now_ms,
            deadline_ms=now_ms + model.deadline_s * 1_000,
            plan=choices,
        )
        lives_s = max(IDEMPOTENCY_LIFE_S, model.deadline_s + model.asset_life_s)
        new, created = await _admit(tools, snapshot, caller, video, replace(repeat, key_ttl_s=lives_s))
        if new:
            inputs.keep()
            tools.due.set()
        return created


async def _admit(
    tools: Tools, snapshot: Snapshot, caller: Caller, video: Video, repeat: Repeat
) -> tuple[bool, Created]:
    """Is it new, and what is answered. A route that a cap does not allow is skipped."""
    ledger_ms, over_budget, refused = 0, dict[str, str](), list[tuple[Capped, int]]()
    for _ in range(WINDOW_TRIES + len(video.plan)):
        world = replace(tools.world(snapshot, video, ledger_ms=ledger_ms), over_budget=over_budget)
        first = _first_attempt(_with_notes(video, over_budget), world)
        if first is None:
            raise _exhausted(*refused[0])
        change = Change(
            label="admit",
            video=first.video,
            postings=first.postings,
            window_until_ms=window_until_ms(world.books_ms),
            due_ms=world.now_ms,
        )
        admission = Admission(change=change, key_hash=caller.key_hash, repeat=repeat)
        match await tools.store.admit(admission):
            case Admitted(rate=rate, crossed=crossed):
                tell_crossed(crossed)
                return True, Created(encode_public(first.video), rate)
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
    moved = failover.planned(video, found, world)
    assert not isinstance(agenda(moved.video, world, {}), Rest)
    return moved


def model_of(snapshot: Snapshot, name: str) -> Model:
    model = snapshot.model(name)
    if model is None:
        known = ", ".join(f"`{one}`" for one in sorted(snapshot.models))
        raise Absent(
            f"The model `{shown(name)}` does not exist. Available: {known}.", code="model_not_found", param="model"
        )
    return model


async def _source_of(tools: Tools, caller: Caller, asked: Asked) -> Video | None:
    if asked.source_id is None:
        return None
    param = "video_id" if asked.verb is Verb.REMIX else "video.id"
    source = await own_video(tools, caller, asked.source_id, param=param)
    if source.state is not State.COMPLETED or not source.assets:
        raise BadInput(
            "The source video must be completed and not expired. Wait for it, or create it again.",
            param=param,
        )
    return source


async def _source_record(inputs: Inputs, identity: str, asked: Asked, source: Video | None) -> SourceVideo | None:
    if source is None:
        return await inputs.measure_upload(asked.source_upload) if asked.source_upload is not None else None
    clip = source.assets[0]
    rendered = source.current_attempt
    return SourceVideo(
        video=source.id,
        asset=source_name(identity),
        size_bytes=clip.size_bytes,
        account=rendered.account,
        ref=rendered.ref,
        prompt=source.request.prompt,
        seconds=public_seconds(source.request),
        size=source.request.size,
    )


async def _characters(tools: Tools, caller: Caller, asked: Asked) -> tuple[CharacterUse, ...]:
    uses = []
    for identity in asked.characters:
        character = await tools.store.character(identity)
        if character is None or character.project != caller.project:
            raise BadInput(
                f"Character {shown(identity)} was not found.", code="character_not_found", param="characters"
            )
        uses.append(CharacterUse(id=character.id, account=character.account, ref=character.ref))
    return tuple(uses)
