"""/admin/keys: who asks. A secret is shown once, by the call that makes it.

Nobody makes or changes a key of a higher role than the own one.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from litestar import get, post, put
from litestar.params import Parameter
from msgspec import Meta, Struct

from gateway.admin.desk import ADMINISTERS, REFUSALS, AtDesk, Desk, require
from gateway.admin.pages import ID_CHARS_MAX, LIMIT, After, Limit, Order, Page, page_of
from gateway.admin.projects import known_project
from gateway.domain import ids
from gateway.domain.admin_shapes import NAME_CHARS_MAX, KeyShape, LimitsShape, key_shape, limits_of
from gateway.domain.errors import Absent, BadInput, Conflict
from gateway.domain.keys import OVERLAP_S, OVERLAP_S_MAX, SECRET_BYTES, Key, digest, new_secret
from gateway.domain.moments import moment_text
from gateway.store.outcomes import ProjectGone

TAGS: Final = ["keys"]
LIFE_S_MAX: Final = 100 * 365 * 86_400
KeyId = Annotated[str, Parameter(max_length=ID_CHARS_MAX, description="The key's id, not its secret.")]


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`project` by name or id. `expires_in_s`: null never expires."""

    project: Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
    name: Annotated[str, Meta(max_length=NAME_CHARS_MAX)] = ""
    role: Literal[1, 10, 100] = 1
    expires_in_s: Annotated[int, Meta(ge=1, le=LIFE_S_MAX)] | None = None
    limits: LimitsShape | None = None


class KeyMade(KeyShape, frozen=True, kw_only=True):
    """`key` is the secret. It cannot be shown again."""

    key: str


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For so long the secret before is valid too; 0: it ends at once."""

    overlap_s: Annotated[int, Meta(ge=0, le=OVERLAP_S_MAX)] = OVERLAP_S


class KeyRotated(Struct, frozen=True, kw_only=True):
    """`key` is the new secret, which cannot be shown again."""

    id: str
    key: str
    old_valid_until: str | None


@get("/keys", name="admin_keys", responses=REFUSALS, tags=TAGS)
async def list_keys(
    desk: AtDesk,
    *,
    project: Annotated[str | None, Parameter(max_length=NAME_CHARS_MAX, description="Only of this one.")] = None,
    limit: Limit = LIMIT,
    after: After = None,
    order: Order = "desc",
) -> Page[KeyShape]:
    """All keys, revoked ones too, without their secrets."""
    owner = None if project is None else (await known_project(desk, project)).id
    shapes = [key_shape(one) for one in await desk.tools.store.list_keys(owner)]
    return page_of(shapes, lambda one: one.id, limit=limit, after=after, order=order)


@post("/keys", name="admin_key_create", status_code=200, responses=REFUSALS, tags=TAGS)
async def create_key(desk: AtDesk, data: NewKey) -> KeyMade:
    """A new key, with its secret. A key of role 100 makes those of role 100."""
    require(desk.caller, max(ADMINISTERS, data.role))
    if data.name and not data.name.isprintable():
        raise BadInput("Invalid value: a key's name has only printable characters.", param="name")
    tools, now_ms = desk.tools, desk.tools.clock.now_ms()
    secret = new_secret(tools.random(SECRET_BYTES))
    key = Key(
        id=ids.key_id(tools.random(12)),
        project=(await known_project(desk, data.project)).id,
        name=data.name,
        role=data.role,
        created_ms=now_ms,
        expires_ms=now_ms + data.expires_in_s * 1_000 if data.expires_in_s else 0,
        limits=limits_of(data.limits),
    )
    made = await tools.store.create_key(key, digest(secret), actor=desk.caller.key_id)
    if isinstance(made, ProjectGone):
        raise Conflict("The project is closed. Choose another.", param="project")
    shape = key_shape(made)
    return KeyMade(**{name: getattr(shape, name) for name in shape.__struct_fields__}, key=secret)


@get("/keys/{key_id:str}", name="admin_key", responses=REFUSALS, tags=TAGS)
async def get_key(desk: AtDesk, key_id: KeyId) -> KeyShape:
    """One key with its limits, without its secret."""
    return key_shape(await _known(desk, key_id))


@put("/keys/{key_id:str}/limits", name="admin_key_limits", responses=REFUSALS, tags=TAGS)
async def limit_key(desk: AtDesk, key_id: KeyId, data: LimitsShape) -> KeyShape:
    """Sets all limits and default tags at once: what is left out is no limit any more."""
    await _changeable(desk, key_id)
    await desk.tools.store.limit_key(key_id, limits_of(data, "body"), actor=desk.caller.key_id)
    return key_shape(await _known(desk, key_id))


@post("/keys/{key_id:str}/revoke", name="admin_key_revoke", status_code=200, responses=REFUSALS, tags=TAGS)
async def revoke_key(desk: AtDesk, key_id: KeyId) -> KeyShape:
    """Ends it at once, by all its secrets. Videos that it created already are finished."""
    await _changeable(desk, key_id)
    await desk.tools.store.revoke_key(key_id, actor=desk.caller.key_id)
    return key_shape(await _known(desk, key_id))


@post("/keys/{key_id:str}/rotate", name="admin_key_rotate", status_code=200, responses=REFUSALS, tags=TAGS)
async def rotate_key(desk: AtDesk, key_id: KeyId, data: Rotation) -> KeyRotated:
    """A new secret at once, the one before valid for an overlap, any earlier one no more. Id, limits, and what it
    counts stay."""
    key = await _changeable(desk, key_id)
    tools = desk.tools
    secret = new_secret(tools.random(SECRET_BYTES))
    until_ms = tools.clock.now_ms() + data.overlap_s * 1_000 if data.overlap_s else 0
    rotated = await tools.store.rotate_key(key_id, digest(secret), old_until_ms=until_ms, actor=desk.caller.key_id)
    if rotated is None:
        raise Conflict("The key is revoked. Create another.", param="key_id")
    until_ms = min(until_ms, key.expires_ms or until_ms)
    return KeyRotated(id=key_id, key=secret, old_valid_until=moment_text(until_ms) if until_ms else None)


async def _known(desk: Desk, key_id: str) -> Key:
    found = await desk.tools.store.find_key(key_id)
    if found is None:
        raise Absent("No key has this id.", code="key_not_found", param="key_id")
    return found


async def _changeable(desk: Desk, key_id: str) -> Key:
    """Forbidden for a key of a higher role."""
    key = await _known(desk, key_id)
    require(desk.caller, max(ADMINISTERS, key.role))
    return key


HANDLERS: Final = (list_keys, create_key, get_key, limit_key, revoke_key, rotate_key)
