"""Characters: made from a clip on one vendor's account, and good for videos on that account only."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.domain.assets import character_name
from gateway.domain.errors import Absent, BadInput, OutcomeUnknown, Unavailable
from gateway.domain.ids import CHARACTER_ID, RANDOM_BYTES, character_id
from gateway.domain.keys import Character
from gateway.domain.requests import AskedCharacter
from gateway.domain.routing import Route
from gateway.domain.verdicts import TAXONOMY, AtSubmit, NotSent
from gateway.snapshot import Snapshot
from gateway.work.caller import Caller
from gateway.work.create import model_of
from gateway.work.inputs import inspect_upload, storage_needed, store_upload
from gateway.work.tools import Tools
from providers.contract import Accepted, Blob, CharacterSpec, Refused


async def create(tools: Tools, caller: Caller, asked: AskedCharacter) -> Character:
    """Ask the routes that have characters, in order, until one makes it."""
    snapshot = tools.snapshot()
    identity = character_id(tools.clock.now_ms(), tools.random(RANDOM_BYTES))
    name = character_name(identity)
    await inspect_upload(tools, asked.video)
    with storage_needed():
        await store_upload(tools, asked.video, name)
    try:
        character = await _make(tools, snapshot, caller, asked, identity)
        await tools.store.save_character(character)
        return character
    finally:
        # The vendor has its own copy now; ours was only for sending.
        await tools.assets.delete(name)


async def get(tools: Tools, caller: Caller, identity: str) -> Character:
    """Absent for another project's."""
    character = await tools.store.character(identity) if CHARACTER_ID.fullmatch(identity) else None
    if character is None or character.project != caller.project:
        raise Absent("The character was not found.", code="character_not_found", param="character_id")
    return character


async def _make(tools: Tools, snapshot: Snapshot, caller: Caller, asked: AskedCharacter, identity: str) -> Character:
    refusal: Refused | None = None
    tried = False
    for route in _able(snapshot, asked.model):
        tried = True
        endpoint = snapshot.endpoints[route.provider]
        spec = CharacterSpec(
            route.model, asked.name, Blob(character_name(identity), "video/mp4", asked.video.size_bytes)
        )
        outcome = await tools.driver.character(
            endpoint,
            endpoint.adapter.character(spec),
            timeout_s=route.submit_timeout_s,
        )
        if isinstance(outcome, Accepted):
            return Character(
                id=identity,
                project=caller.project,
                name=asked.name,
                created_ms=tools.clock.now_ms(),
                account=route.account,
                ref=outcome.ref,
            )
        if not isinstance(outcome, Refused | NotSent):
            raise OutcomeUnknown("The provider did not confirm whether it made the character.")
        if isinstance(outcome, Refused):
            refusal = outcome
            if TAXONOMY[outcome.why].at_submit is AtSubmit.STOP:
                break
    if not tried:
        raise BadInput(
            "No provider behind this gateway has characters. An operator can add a route that has them.",
            code="characters_not_available",
        )
    if refusal is not None and TAXONOMY[refusal.why].fault == "client":
        raise BadInput("The provider refused this clip as a character.", code=TAXONOMY[refusal.why].code, param="video")
    raise Unavailable("No provider could make the character now. Try again later.", retry_after_s=10)


def _able(snapshot: Snapshot, wanted: str | None) -> Iterator[Route]:
    """One route per account, in the configuration's order; of one model, if the client named it."""
    seen: set[str] = set()
    for model in [model_of(snapshot, wanted)] if wanted is not None else snapshot.models.values():
        for route in model.routes:
            if route.abilities.characters and route.account not in seen:
                seen.add(route.account)
                yield route
