"""What a wish comes to: the request that it settles on, and the plan with the price of every route that can serve it.

Everything that a create refuses for what it asks is refused here, and nothing is stored or held: a quote ends here.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from gateway.domain import allowances, draining, fitting, preferences
from gateway.domain.assets import source_name
from gateway.domain.errors import Absent, BadInput
from gateway.domain.fields import shown
from gateway.domain.ledger import utc_day
from gateway.domain.observed import with_ahead
from gateway.domain.priorities import settled_priority
from gateway.domain.requests import Asked
from gateway.domain.routing import Model, ranked, sift
from gateway.domain.strategies import Strategy
from gateway.domain.videos import CharacterUse, Choice, Request, SourceVideo, State, Video, public_seconds
from gateway.snapshot import Snapshot
from gateway.work.caller import Caller
from gateway.work.inputs import Inputs
from gateway.work.read import own_video
from gateway.work.tools import Tools
from providers.contract import Verb


class Weighed(Struct, frozen=True, kw_only=True):
    model: Model
    request: Request
    day: str  # YYYY-MM-DD in UTC: whose prices the plan has
    choices: tuple[Choice, ...]  # at least one is kept
    source: Video | None
    deadline_s: int
    strategy: Strategy
    priority: int


async def weigh(tools: Tools, snapshot: Snapshot, caller: Caller, asked: Asked, inputs: Inputs) -> Weighed:
    """ClientError for what cannot be made, or not for this caller."""
    source = await _source_of(tools, caller, asked)
    model = model_of(snapshot, source.request.model if source is not None else asked.model)
    allowances.check_model(caller.owned, model.name, asked.model)
    allowances.check_routing(caller.owned, asked.preferences)
    deadline_s = preferences.deadline_s(asked.preferences, model)
    wanted = preferences.within(asked.preferences, model)
    image, last_image = await inputs.measure(asked)
    request = fitting.settle(
        asked,
        wanted,
        image=image,
        last_image=last_image,
        source=await _source_record(inputs, asked, source),
        characters=await _characters(tools, caller, asked),
        named=source.request.model if source is not None else None,
    )
    allowances.check_request(caller.owned, request)
    now_ms = tools.clock.now_ms()
    ahead = tools.queues.ahead(tools.clock.boot_s())
    day, observed = utc_day(now_ms), with_ahead(tools.observer.observed, _providers(snapshot), ahead)
    choices = sift(model, request, day)
    if all(choice.dropped for choice in choices):
        raise fitting.unservable(request, model, choices)
    choices = draining.without(choices, snapshot.routes, observed)
    if all(choice.dropped for choice in choices):
        raise draining.nobody(model)
    choices = preferences.held_to(asked.preferences, choices, model, request, observed)
    if all(choice.dropped for choice in choices):
        raise preferences.unmet(asked.preferences, choices, model)
    choices = allowances.narrowed(caller.owned, choices, snapshot.routes)
    if all(choice.dropped for choice in choices):
        raise allowances.barred(choices)
    policy = preferences.policy_of(asked.preferences, model)
    return Weighed(
        model=model,
        request=request,
        day=day,
        choices=ranked(choices, policy, request, observed=observed, now_ms=now_ms, draw=tools.chance()),
        source=source,
        deadline_s=deadline_s,
        strategy=policy.strategy,
        priority=settled_priority(asked.priority, caller.owned),
    )


def _providers(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    return ((name, route.provider) for name, route in snapshot.routes.items())


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


async def _source_record(inputs: Inputs, asked: Asked, source: Video | None) -> SourceVideo | None:
    if source is None:
        return await inputs.measure_upload(asked.source_upload) if asked.source_upload is not None else None
    clip = source.assets[0]
    account, ref = source.rendered
    return SourceVideo(
        video=source.id,
        asset=source_name(inputs.video_id),
        size_bytes=clip.size_bytes,
        account=account,
        ref=ref,
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
