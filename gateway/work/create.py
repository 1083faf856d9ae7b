"""Creating: a checked wish becomes a durable video with its first hold, or an error that left nothing behind.

The order matters. Everything that can be refused is refused before a file is stored; files come before the admission,
because a video that was admitted must be able to be sent; a refused admission takes its files away again.
"""

from __future__ import annotations

from msgspec.structs import replace

from gateway.domain import failover, fitting
from gateway.domain.agenda import Rest, agenda
from gateway.domain.assets import source_name
from gateway.domain.change import Admission, Change, Repeat
from gateway.domain.errors import Absent, BadInput, ClientError, KeyReused, Unavailable, WrongKey
from gateway.domain.fields import shown
from gateway.domain.ids import RANDOM_BYTES, video_id
from gateway.domain.ledger import window_until_ms
from gateway.domain.requests import Asked, Hint
from gateway.domain.routing import Model, plan
from gateway.domain.videos import CharacterUse, SourceVideo, State, Video, encode_public, public_seconds
from gateway.domain.world import Moved, World
from gateway.snapshot import Snapshot
from gateway.store.outcomes import Admitted, KeyGone, Repeated, Reused, WindowPassed
from gateway.work import repeats
from gateway.work.caller import Caller
from gateway.work.inputs import Inputs
from gateway.work.read import own_video
from gateway.work.tools import Tools
from providers.contract import Verb

WINDOW_TRIES = 3
IDEMPOTENCY_LIFE_S = 86_400


async def create_video(tools: Tools, caller: Caller, asked: Asked, hint: Hint) -> bytes:
    """The new video's public JSON, or the first one's when this is a repeat. Raises ClientError."""
    repeat = repeats.repeat_of(caller, asked, hint)
    try:
        return await _create(tools, caller, asked, repeat)
    except ClientError:
        # What the first video was made from may be gone: its source, the picture behind a link, the model.
        first = await repeats.made_before(tools, caller, repeat)
        if first is None:
            raise
        return first


async def _create(tools: Tools, caller: Caller, asked: Asked, repeat: Repeat) -> bytes:
    snapshot = tools.snapshot()
    source = await _source_of(tools, caller, asked)
    model = model_of(snapshot, source.request.model if source is not None else asked.model)
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
        choices = plan(model, request)
        if all(choice.dropped for choice in choices):
            raise fitting.unservable(request, model, choices)
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
        face = await _admit(tools, snapshot, caller, video, replace(repeat, key_ttl_s=lives_s))
        if face is None:
            raise Unavailable("The day changed while the video was being admitted. Try again.", retry_after_s=1)
        admitted, public = face
        if admitted:
            inputs.keep()
            tools.due.set()
        return public


async def _admit(
    tools: Tools, snapshot: Snapshot, caller: Caller, video: Video, repeat: Repeat
) -> tuple[bool, bytes] | None:
    """(is it new, public JSON); None if the ledger's window kept passing."""
    ledger_ms = 0
    for _ in range(WINDOW_TRIES):
        world = tools.world(snapshot, video, ledger_ms=ledger_ms)
        first = _first_attempt(video, world)
        change = Change(
            label="admit",
            video=first.video,
            postings=first.postings,
            window_until_ms=window_until_ms(world.books_ms),
            due_ms=world.now_ms,
        )
        admission = Admission(change=change, key_hash=caller.key_hash, repeat=repeat)
        match await tools.store.admit(admission):
            case Admitted():
                return True, encode_public(first.video)
            case Repeated(earlier):
                return False, await repeats.first_video(tools, earlier)
            case Reused():
                raise KeyReused(
                    "This Idempotency-Key was used for another request. Use a new key for a new video.",
                    param="Idempotency-Key",
                )
            case KeyGone():
                raise WrongKey("Incorrect API key provided. Ask your administrator for a key of this gateway.")
            case WindowPassed(now_ms):
                ledger_ms = now_ms
    return None


def _first_attempt(video: Video, world: World) -> Moved:
    found = failover.next_route(video, world)
    assert found is not None, "a plan with a kept route offers a first attempt"
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
