"""/admin/webhooks: where events go, the secrets that sign them, and what could not be delivered."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import delete, get, patch, post
from litestar.params import Parameter
from msgspec import Meta, Struct
from msgspec.structs import replace

from gateway.admin.desk import REFUSALS, AtDesk, Desk
from gateway.admin.pages import ID_CHARS_MAX, LIMIT, After, Limit, Order, Page, page, page_of
from gateway.admin.projects import known_project
from gateway.domain import deliveries, targets
from gateway.domain.errors import Absent, BadInput, Conflict
from gateway.domain.events import ENDS, Event, of_end
from gateway.domain.ids import VIDEO_ID
from gateway.domain.targets import GATEWAY, NAME_CHARS_MAX, OVERLAP_S, OVERLAP_S_MAX, URL_CHARS_MAX, Target
from gateway.work import targeting
from gateway.work.read import absent
from gateway.work.targeting import Which, Wish
from gateway.work.telling import tell_again

CALL: Final[dict[str, Any]] = {"responses": REFUSALS, "tags": ["webhooks"]}
DO: Final[dict[str, Any]] = {**CALL, "status_code": 200}
TargetId = Annotated[str, Parameter(max_length=ID_CHARS_MAX, description="The target's id.")]
Url = Annotated[str, Meta(min_length=1, max_length=URL_CHARS_MAX)]
Name = Annotated[str, Meta(max_length=NAME_CHARS_MAX)]
Events = Annotated[list[Event], Meta(min_length=1, max_length=len(Event))]
Text = Annotated[str, Meta(min_length=1, max_length=ID_CHARS_MAX)]


class TargetShape(Struct, frozen=True, kw_only=True):
    """`scope`: whose events it hears: `gateway`, `project/…` or `key/…`. `url` is shown without its query; null for the
    target that signs for the addresses in a project's requests. `signing_secrets`: how many sign side by side."""

    id: str
    scope: str
    name: str
    url: str | None
    events: list[str]
    status: str
    reason: str | None
    signing_secret_hint: str
    signing_secrets: int
    created_at: str


class TargetMade(TargetShape, frozen=True, kw_only=True):
    """`signing_secret` cannot be shown again."""

    signing_secret: str


class NewTarget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`scope`: `gateway`, `project:NAME` or its id, `key:ID`."""

    scope: Text
    url: Url
    name: Name = ""
    events: Events = msgspec.field(default_factory=lambda: list(ENDS))


class Changes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out, or null, stays."""

    url: Url | None = None
    name: Name | None = None
    events: Events | None = None


class SecretRotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For so long the secret before signs beside the new one; 0: it ends at once."""

    overlap_s: Annotated[int, Meta(ge=0, le=OVERLAP_S_MAX)] = OVERLAP_S


class DeadLetter(Struct, frozen=True, kw_only=True):
    """`event` is its `webhook-id`, `about` the video, budget or provider; `heard` and `status` are the last answer."""

    id: str
    event: str
    type: str
    about: str
    target: str
    url: str | None
    created_at: str
    given_up_at: str | None
    tries: int
    replays: int
    heard: str | None
    status: int | None
    why: str


class WhichLetters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those that fit all that is said; `all` for every one."""

    id: Text | None = None
    target: Text | None = None
    event: Event | None = None
    about: Text | None = None
    all: bool = False


class Replayed(Struct, frozen=True, kw_only=True):
    replayed: int


class TargetGone(Struct, frozen=True, kw_only=True):
    id: str
    deleted: bool = True


@get("/webhooks", name="admin_webhooks", **CALL)
async def list_targets(
    desk: AtDesk, limit: Limit = LIMIT, after: After = None, order: Order = "desc"
) -> Page[TargetShape]:
    """All targets, without their secrets."""
    shapes = [_shape(one) for one in await desk.tools.store.targets()]
    return page_of(shapes, lambda one: one.id, limit=limit, after=after, order=order)


@post("/webhooks", name="admin_webhook_create", **DO)
async def create_target(desk: AtDesk, data: NewTarget) -> TargetMade:
    """A new target with the secret that signs what it is sent."""
    wish = Wish(
        scope=await _scope(desk, data.scope),
        url=_address(desk, data.url),
        name=_name(data.name),
        events=tuple(dict.fromkeys(data.events)),
    )
    return _with_secret(*await targeting.create(desk.tools.store, wish, desk.hand))


@get("/webhooks/{target_id:str}", name="admin_webhook", **CALL)
async def get_target(desk: AtDesk, target_id: TargetId) -> TargetShape:
    """One target, without its secret."""
    return _shape(await targeting.existing(desk.tools.store, target_id))


@patch("/webhooks/{target_id:str}", name="admin_webhook_change", **DO)
async def change_target(desk: AtDesk, target_id: TargetId, data: Changes) -> TargetShape:
    """Another address, name or choice of events. What is on its way already goes to the new address."""
    fields: dict[str, Any] = {
        "url": None if data.url is None else _address(desk, data.url),
        "name": None if data.name is None else _name(data.name),
        "events": None if data.events is None else tuple(dict.fromkeys(data.events)),
    }
    changes = {name: value for name, value in fields.items() if value is not None}
    if (await targeting.existing(desk.tools.store, target_id)).of_requests and changes:
        raise Conflict("This target stands for the addresses in a project's requests. Only its secret can change.")
    return _shape(
        await targeting.change(desk.tools.store, target_id, desk.hand, "change", lambda one: replace(one, **changes))
    )


@delete("/webhooks/{target_id:str}", name="admin_webhook_delete", **DO)
async def delete_target(desk: AtDesk, target_id: TargetId) -> TargetGone:
    """Removes it. What is on its way there becomes dead letters."""
    await targeting.remove(desk.tools.store, target_id, desk.hand)
    return TargetGone(id=target_id)


@post("/webhooks/{target_id:str}/rotate", name="admin_webhook_rotate", **DO)
async def rotate_secret(desk: AtDesk, target_id: TargetId, data: SecretRotation) -> TargetMade:
    """A new secret, beside the one before for an overlap."""
    return _with_secret(*await targeting.rotate(desk.tools.store, target_id, desk.hand, data.overlap_s))


@post("/webhooks/{target_id:str}/enable", name="admin_webhook_enable", **DO)
async def enable_target(desk: AtDesk, target_id: TargetId) -> TargetShape:
    """Sends there again, after a 410 or a `disable`."""
    return _shape(await targeting.enable(desk.tools.store, target_id, desk.hand))


@post("/webhooks/{target_id:str}/disable", name="admin_webhook_disable", **DO)
async def disable_target(desk: AtDesk, target_id: TargetId) -> TargetShape:
    """Sends nothing there until it is enabled."""
    return _shape(await targeting.stop(desk.tools.store, target_id, desk.hand))


@get("/dead-letters", name="admin_dead_letters", **CALL)
async def list_dead_letters(
    desk: AtDesk, limit: Limit = LIMIT, after: After = None, order: Order = "desc"
) -> Page[DeadLetter]:
    """Events that could not be delivered, and why; those that were given up last come first."""
    found = await desk.tools.store.dead_letters(after=after, limit=limit, descending=order == "desc")
    if found.lost:
        raise BadInput("Invalid value: 'after' must be the id of a dead letter that is still there.", param="after")
    letters = [msgspec.convert(deliveries.shown(one), DeadLetter) for one in found.letters]
    return page(letters, lambda one: one.id, has_more=found.more)


@post("/dead-letters/replay", name="admin_dead_letters_replay", **DO)
async def replay_dead_letters(desk: AtDesk, data: WhichLetters) -> Replayed:
    """Sends them once more, under the ids that they had."""
    which = Which(id=data.id, target=data.target, event=data.event, about=data.about)
    if data.all == (which != Which()):
        raise BadInput("Say which dead letters: 'id', 'target', 'event', 'about', or else 'all'.", param="all")
    done = await targeting.replay(desk.tools.store, which, desk.hand)
    desk.tools.told.set()
    return Replayed(replayed=done)


@post("/videos/{video_id:str}/webhooks/replay", name="admin_video_webhooks", **DO)
async def replay_video(desk: AtDesk, video_id: Annotated[str, Parameter(description="The video's id.")]) -> Replayed:
    """Tells the end of a video once more, to everybody who wants to hear of it now."""
    video = await desk.tools.store.read(video_id) if VIDEO_ID.fullmatch(video_id) else None
    if video is None:
        raise absent(video_id)
    if of_end(video) is None:
        raise Conflict("The video has not ended. Its end is told when it has.", param="video_id")
    return Replayed(replayed=await tell_again(desk.tools, video, desk.hand))


def _shape(target: Target) -> TargetShape:
    return msgspec.convert(targets.shown(target), TargetShape)


def _with_secret(target: Target, secret: str) -> TargetMade:
    return msgspec.convert(targets.shown(target) | {"signing_secret": secret}, TargetMade)


def _address(desk: Desk, url: str) -> str:
    allowed = desk.tools.snapshot().settings.webhooks.allow_private
    if not desk.tools.poster.may_go(targets.url_of("url", url), allow_private=allowed):
        raise BadInput(
            "Invalid value: 'url' must be a public address that begins with https://, unless the configuration "
            "has webhooks.allow_private.",
            param="url",
        )
    return url


def _name(text: str) -> str:
    if not text.isprintable():
        raise BadInput("Invalid value: a target's name has only printable characters.", param="name")
    return text


async def _scope(desk: Desk, text: str) -> str:
    """As the store names it. BadInput, Absent."""
    kind, _, name = text.partition(":")
    if text == GATEWAY:
        return GATEWAY
    if kind == "project" and name:
        return f"project/{(await known_project(desk, name)).id}"
    if kind == "key" and name:
        if await desk.tools.store.find_key(name) is None:
            raise Absent("No key has this id.", code="key_not_found", param="scope")
        return f"key/{name}"
    raise BadInput("Invalid value: 'scope' must be gateway, project:NAME or key:ID.", param="scope")


HANDLERS: Final = (
    list_targets,
    create_target,
    get_target,
    change_target,
    delete_target,
    rotate_secret,
    enable_target,
    disable_target,
    list_dead_letters,
    replay_dead_letters,
    replay_video,
)
