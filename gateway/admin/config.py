"""/admin/config: what counts, what a text would change, a new version, and those before it. Secrets are hidden."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from litestar import Response, get, patch, post, put
from litestar.params import Parameter
from msgspec import Meta, Struct

from gateway.admin.desk import CONTROLS, REFUSALS, ROLE, AtDesk, Desk
from gateway.admin.pages import LIMIT, After, Limit, Order, Page, page_of
from gateway.config.document import DEPTH_MAX, FILE_BYTES_MAX
from gateway.config.editing import ConfigEdit, edited
from gateway.config.masking import masked, unmasked
from gateway.config.problems import PROBLEMS_SHOWN_MAX, ConfigError, show
from gateway.domain.config_changes import ConfigChanges
from gateway.domain.config_versions import NOTE_MAX, ConfigNow, ConfigVersion
from gateway.domain.errors import Absent, BadInput, Conflict, Outdated, Unavailable
from gateway.domain.moments import moment_text
from gateway.store.configurations import Overtaken, Published
from gateway.work.configure import AccountInUse, By, NoVersion, Outcome, difference, publish, restore
from gateway.work.configuring import Configuring

TAGS: Final = ["config"]
EDITS_MAX: Final = 100
VERSION_MAX: Final = 10**9
Text = Annotated[str, Meta(max_length=FILE_BYTES_MAX, description="YAML, as in config.yaml. `<hidden>` keeps a value.")]
Note = Annotated[str, Meta(max_length=NOTE_MAX, description="Why, for the history.")]
Number = Annotated[int, Parameter(ge=1, le=VERSION_MAX, description="A version's number.")]
IfMatch = Annotated[
    str | None,
    Parameter(header="If-Match", max_length=32, description="The `ETag` of what was read. Required."),
]


class NewText(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: Text
    note: Note = ""


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`path`: keys, and places in lists from 0. `remove`: the key goes, and `value` is not looked at. `<hidden>` in a
    value keeps what stands there."""

    path: Annotated[list[str | int], Meta(min_length=1, max_length=DEPTH_MAX)]
    value: Any = None
    remove: bool = False


class Steps(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    edits: Annotated[list[Step], Meta(min_length=1, max_length=EDITS_MAX)]
    note: Note = ""


class OnlyText(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: Text


class Back(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Annotated[int, Meta(ge=1, le=VERSION_MAX, description="Whose text is to count again.")]
    note: Note = ""


class VersionShape(Struct, frozen=True, kw_only=True):
    """`actor`: a key's id, `cli`, or `file` for an edit of config.yaml. `restores`: the version rolled back to."""

    id: str
    version: int
    at: str
    actor: str
    note: str
    digest: str
    restores: int | None


class ConfigShape(Struct, frozen=True, kw_only=True):
    """`text` without secrets that stand in it literally. `serving`: the version that this process serves by;
    `refused`: why it, or this gateway's file, could not be used; `restart`: keys that count from the next start on."""

    version: VersionShape
    text: str
    serving: int
    refused: str | None
    restart: list[str]


class OldVersion(Struct, frozen=True, kw_only=True):
    """`text` without secrets that stand in it literally."""

    version: VersionShape
    text: str


class ProblemShape(Struct, frozen=True, kw_only=True):
    line: int
    key: str
    reason: str


class Finding(Struct, frozen=True, kw_only=True):
    """`changes`: what it would do, null where it is wrong."""

    valid: bool
    problems: list[ProblemShape]
    changes: ConfigChanges | None


class Applied(Struct, frozen=True, kw_only=True):
    """`changed`: false where that text counted already."""

    version: int
    changed: bool
    restart: list[str]


@get("/config", name="admin_config", responses=REFUSALS, tags=TAGS)
async def read_config(desk: AtDesk) -> Response[ConfigShape]:
    """What counts, as it was written. Send its `ETag` as `If-Match` with a change."""
    now = await desk.tools.store.config_now()
    if now is None:
        raise Unavailable("No configuration counts yet. Try again in a moment.", retry_after_s=1)
    return Response(await _shape(_configuring(desk), now), headers={"etag": f'"{now.version.number}"'})


@put("/config", name="admin_config_apply", responses=REFUSALS, tags=TAGS, opt={ROLE: CONTROLS})
async def apply_config(desk: AtDesk, data: NewText, if_match: IfMatch = None) -> Applied:
    """Makes a text the version that counts, on every replica within about a second. Refused with 412 where another was
    applied since it was read, and with 409 where it takes away an account that has open attempts."""
    one, number = _configuring(desk), _read_version(if_match)
    by = _by(desk, data.note)

    async def apply() -> Outcome:
        text = await _whole(desk, data.text, number)
        return await publish(desk.tools.store, one.maker, text, by, based_on=number)

    return await _done(desk, apply)


@patch("/config", name="admin_config_edit", responses=REFUSALS, tags=TAGS, opt={ROLE: CONTROLS})
async def edit_config(desk: AtDesk, data: Steps, if_match: IfMatch = None) -> Applied:
    """Sets single values, or takes them away, and leaves the rest of the text as it was written. Refused as a change of
    the whole text is."""
    one, number = _configuring(desk), _read_version(if_match)
    by = _by(desk, data.note)
    edits = [ConfigEdit(tuple(step.path), step.value, step.remove) for step in data.edits]

    async def apply() -> Outcome:
        before = await desk.tools.store.config_at(number)
        if before is None:
            raise Outdated(_overtaken(await desk.tools.store.config_version()))
        text = await asyncio.to_thread(edited, "edits", before.text, edits)
        text = await asyncio.to_thread(unmasked, "edits", text, before.text)
        return await publish(desk.tools.store, one.maker, text, by, based_on=number)

    return await _done(desk, apply)


@post(
    "/config/validate",
    name="admin_config_validate",
    responses=REFUSALS,
    tags=TAGS,
    status_code=200,
    opt={ROLE: CONTROLS},
)
async def validate_config(desk: AtDesk, data: OnlyText) -> Finding:
    """Says what is wrong with a text, each with its line, and else what it would change. Nothing is written. It is read
    with the gateway's own environment, so that takes a key that controls."""
    store, one = desk.tools.store, _configuring(desk)
    try:
        text = await _whole(desk, data.text, await store.config_version())
        changes = await difference(store, one.maker, text)
    except ConfigError as error:
        return Finding(valid=False, problems=_problems(error), changes=None)
    except NoVersion as error:
        raise Unavailable(str(error), retry_after_s=1) from error
    return Finding(valid=True, problems=[], changes=changes)


@get("/config/versions", name="admin_config_versions", responses=REFUSALS, tags=TAGS)
async def list_versions(
    desk: AtDesk, limit: Limit = LIMIT, after: After = None, order: Order = "desc"
) -> Page[VersionShape]:
    """The history: who made which version, and when."""
    found = [_version(one) for one in reversed(await desk.tools.store.config_versions())]
    return page_of(found, lambda one: one.id, limit=limit, after=after, order=order)


@get("/config/versions/{version:int}", name="admin_config_version", responses=REFUSALS, tags=TAGS)
async def read_version(desk: AtDesk, version: Number) -> OldVersion:
    """A version with its text, while that is kept: of the last 100."""
    found = await desk.tools.store.config_at(version)
    if found is None:
        raise Absent(f"There is no version {version} with its text.")
    return OldVersion(version=_version(found.version), text=masked(found.text).decode())


@post(
    "/config/rollback",
    name="admin_config_rollback",
    responses=REFUSALS,
    tags=TAGS,
    status_code=200,
    opt={ROLE: CONTROLS},
)
async def roll_back(desk: AtDesk, data: Back, if_match: IfMatch = None) -> Applied:
    """Makes a new version with the text of an old one. Refused as a change is."""
    one, number = _configuring(desk), _read_version(if_match)
    by = _by(desk, data.note)
    return await _done(desk, lambda: restore(desk.tools.store, one.maker, data.version, by, based_on=number))


HANDLERS: Final = (read_config, apply_config, edit_config, validate_config, list_versions, read_version, roll_back)


def _configuring(desk: Desk) -> Configuring:
    if desk.tools.configuring is None:
        raise Unavailable("This process has no configuration that could be changed.")
    return desk.tools.configuring


def _read_version(if_match: str | None) -> int:
    """The version that was read. BadInput."""
    digits = (if_match or "").strip().removeprefix("W/").strip('"')  # a proxy that compresses makes it weak
    if not (digits.isascii() and digits.isdigit() and len(digits) < len(str(VERSION_MAX))):
        raise BadInput("Send the ETag of the configuration that was read as `If-Match`.", param="If-Match")
    return int(digits)


def _by(desk: Desk, note: str) -> By:
    if not note.isprintable():
        raise BadInput("Invalid value: 'note' must be one line.", param="note")
    return By(actor=desk.caller.key_id, note=note, replica=_configuring(desk).replica)


async def _whole(desk: Desk, text: str, number: int) -> bytes:
    """What was sent, with the hidden values of the version that was read."""
    before = await desk.tools.store.config_at(number) if number else None
    sent = text.encode("utf-8", "replace")
    try:
        return await asyncio.to_thread(unmasked, "text", sent, before.text if before is not None else None)
    except ConfigError:
        if before is None:  # then it is not the text that is wrong
            raise Outdated(_overtaken(await desk.tools.store.config_version())) from None
        raise


async def _done(desk: Desk, change: Callable[[], Awaitable[Outcome]]) -> Applied:
    """The outcome of a change as an answer; this process serves by it at once."""
    one = _configuring(desk)
    try:
        done = await change()
    except ConfigError as error:
        raise _unfit(error) from error
    except AccountInUse as error:
        raise Conflict(str(error), code="account_in_use", param="text") from error
    except NoVersion as error:
        raise Absent(str(error), param="version") from error
    if isinstance(done, Overtaken):
        raise Outdated(_overtaken(done.number))
    await one.follower.look()
    number = done.version.number if isinstance(done, Published) else done.number
    return Applied(version=number, changed=isinstance(done, Published), restart=list(one.follower.made.restart))


def _overtaken(number: int) -> str:
    return f"Version {number} counts by now. Read the configuration again, and make the change on top of it."


def _unfit(error: ConfigError) -> BadInput:
    first, more = error.problems[0], len(error.problems) - 1
    place = f"line {first.line}" + (f", {show(first.path)}" if first.path else "")
    others = f" Further problems: {more}; `validate` lists them." if more else ""
    return BadInput(
        f"The configuration is refused: {place}: {first.reason}.{others}", param="text", code="invalid_config"
    )


def _problems(error: ConfigError) -> list[ProblemShape]:
    some = error.problems[:PROBLEMS_SHOWN_MAX]
    return [ProblemShape(line=one.line, key=show(one.path), reason=one.reason) for one in some]


async def _shape(one: Configuring, now: ConfigNow) -> ConfigShape:
    text = await asyncio.to_thread(masked, now.text)
    return ConfigShape(
        version=_version(now.version),
        text=text.decode(),
        serving=one.follower.number,
        refused=await asyncio.to_thread(_refused, one),
        restart=list(one.follower.made.restart),
    )


def _refused(one: Configuring) -> str | None:
    if one.follower.refused is not None:
        return str(one.follower.refused)
    try:
        return one.refused.read_text()
    except OSError:
        return None


def _version(one: ConfigVersion) -> VersionShape:
    facts = one.facts
    return VersionShape(
        id=str(one.number),
        version=one.number,
        at=moment_text(one.at_ms),
        actor=facts.actor,
        note=facts.note,
        digest=facts.digest,
        restores=facts.restores or None,
    )
