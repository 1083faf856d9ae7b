"""Characters: made from a clip on one vendor's account, and good for videos on that account only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from gateway.assets.store import StorageAway
from gateway.domain.assets import source_name
from gateway.domain.change import Repeat
from gateway.domain.errors import Absent, BadInput, ClientError, KeyReused, OutcomeUnknown, Unavailable
from gateway.domain.ids import CHARACTER_ID, RANDOM_BYTES, character_id
from gateway.domain.keys import Character
from gateway.domain.requests import AskedCharacter, Hint
from gateway.domain.routing import Route
from gateway.domain.verdicts import TAXONOMY, AtSubmit, NotSent
from gateway.snapshot import Snapshot
from gateway.store.errors import StoreAway
from gateway.store.outcomes import Begun, MadeBefore, Making, Reused
from gateway.work.caller import Caller
from gateway.work.inputs import inspect_upload, storage_needed, store_upload
from gateway.work.repeats import repeat_of_character
from gateway.work.tools import Tools
from gateway.work.weigh import model_of
from providers.contract import Accepted, Blob, CharacterSpec, Refused

PENDING_S_MAX: Final = 120.0
PENDING_LOOK_S: Final = 0.25


async def create(tools: Tools, caller: Caller, asked: AskedCharacter, hint: Hint) -> Character:
    """A new character, or the first one's when this is a repeat. Raises ClientError."""
    repeat = repeat_of_character(caller, asked, hint)
    identity = character_id(tools.clock.now_ms(), tools.random(RANDOM_BYTES))
    ends_s = tools.clock.boot_s() + PENDING_S_MAX
    while True:
        match await tools.store.begin_character(caller.key_id, repeat, identity):
            case Begun():
                return await _begun(tools, caller, asked, repeat, identity)
            case MadeBefore(earlier):
                return await get(tools, caller, earlier)
            case Reused():
                raise KeyReused(
                    "This Idempotency-Key was used for another request. Use a new key for a new character.",
                    param="Idempotency-Key",
                )
            case Making() if tools.clock.boot_s() < ends_s:
                # From now on it asks as its repeat: a delayed original is taken for one once only.
                repeat = replace(repeat, resend=True)
                await asyncio.sleep(PENDING_LOOK_S)
            case _:
                raise _unknown()


async def _begun(tools: Tools, caller: Caller, asked: AskedCharacter, repeat: Repeat, identity: str) -> Character:
    """Make it, and remember what came of it, whatever that is."""
    try:
        character = await _sent(tools, caller, asked, identity)
    except OutcomeUnknown:
        await tools.store.doubt_character(caller.key_id, repeat, identity)
        raise
    except ClientError:
        await tools.store.end_character(caller.key_id, repeat, identity, None)
        raise
    except BaseException:
        with suppress(StoreAway):
            await tools.store.doubt_character(caller.key_id, repeat, identity)
        raise
    await tools.store.end_character(caller.key_id, repeat, identity, character)
    return character


async def _sent(tools: Tools, caller: Caller, asked: AskedCharacter, identity: str) -> Character:
    name = source_name(identity)
    await inspect_upload(tools, asked.video)
    with storage_needed():
        await store_upload(tools, asked.video, name)
    try:
        return await _make(tools, tools.snapshot(), caller, asked, identity)
    finally:
        # The vendor has its own copy now; ours was only for sending. What cannot be removed is a stray.
        with suppress(StorageAway):
            await tools.assets.delete(name)


async def get(tools: Tools, caller: Caller, identity: str) -> Character:
    """Absent for another project's."""
    character = await tools.store.character(identity) if CHARACTER_ID.fullmatch(identity) else None
    if character is None or character.project != caller.project:
        raise Absent("The character was not found.", code="character_not_found", param="character_id")
    return character


async def _make(tools: Tools, snapshot: Snapshot, caller: Caller, asked: AskedCharacter, identity: str) -> Character:
    """Ask the routes that have characters, in order, until one makes it."""
    refusal: Refused | None = None
    tried = False
    for route in _able(snapshot, asked.model):
        tried = True
        endpoint = snapshot.endpoints[route.provider]
        spec = CharacterSpec(route.model, asked.name, Blob(source_name(identity), "video/mp4", asked.video.size_bytes))
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
            raise _unknown()
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


def _unknown() -> OutcomeUnknown:
    return OutcomeUnknown("The provider did not confirm whether it made the character.")


def _able(snapshot: Snapshot, wanted: str | None) -> Iterator[Route]:
    """One route per account, in the configuration's order; of one model, if the client named it."""
    seen: set[str] = set()
    for model in [model_of(snapshot, wanted)] if wanted is not None else snapshot.models.values():
        for route in model.routes:
            if route.abilities.characters and route.account not in seen:
                seen.add(route.account)
                yield route
