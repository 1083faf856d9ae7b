"""/admin/projects: who pays."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import get, post, put
from litestar.params import Parameter
from msgspec import Meta, Struct

from gateway.admin.desk import ADMINISTERS, REFUSALS, AtDesk, Desk, require
from gateway.admin.pages import LIMIT, After, Limit, Order, Page, page_of
from gateway.domain import ids
from gateway.domain.admin_shapes import (
    NAME_CHARS_MAX,
    LimitsShape,
    ProjectShape,
    is_project_name,
    limits_of,
    project_shape,
)
from gateway.domain.errors import Absent, BadInput, Conflict
from gateway.domain.fields import shown
from gateway.domain.keys import Project, Status
from gateway.store.outcomes import NameTaken

TAGS: Final = ["projects"]
NameOrId = Annotated[str, Parameter(max_length=NAME_CHARS_MAX, description="The project's name or id.")]


class NewProject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
    limits: LimitsShape | None = None


@get("/projects", name="admin_projects", responses=REFUSALS, tags=TAGS)
async def list_projects(
    desk: AtDesk, limit: Limit = LIMIT, after: After = None, order: Order = "desc"
) -> Page[ProjectShape]:
    """All projects, closed ones too."""
    found = sorted(await desk.tools.store.list_projects(), key=lambda one: (one.created_ms, one.id))
    shapes = [project_shape(one) for one in found]
    return page_of(shapes, lambda one: one.id, limit=limit, after=after, order=order)


@post("/projects", name="admin_project_create", status_code=200, responses=REFUSALS, tags=TAGS)
async def create_project(desk: AtDesk, data: NewProject) -> ProjectShape:
    """A new project. A name that exists is refused."""
    if not is_project_name(data.name):
        raise BadInput(
            "Invalid value: a name is printable, has no blank at either end, and does not begin with 'proj_'.",
            param="name",
        )
    tools = desk.tools
    project = Project(
        id=ids.project_id(tools.random(12)),
        name=data.name,
        created_ms=tools.clock.now_ms(),
        limits=limits_of(data.limits),
    )
    made = await tools.store.create_project(project, actor=desk.caller.key_id)
    if isinstance(made, NameTaken):
        raise Conflict("A project has this name already. Choose another.", param="name")
    return project_shape(made)


@get("/projects/{project:str}", name="admin_project", responses=REFUSALS, tags=TAGS)
async def get_project(desk: AtDesk, project: NameOrId) -> ProjectShape:
    """One project with its limits."""
    return project_shape(await known_project(desk, project))


@put("/projects/{project:str}/limits", name="admin_project_limits", responses=REFUSALS, tags=TAGS)
async def limit_project(desk: AtDesk, project: NameOrId, data: LimitsShape) -> ProjectShape:
    """Sets all limits and default tags at once, for all its keys together: what is left out is no limit any more.
    Where one of them has a higher role than the own key, that is refused."""
    found = await changeable_project(desk, project)
    await desk.tools.store.limit_project(found.id, limits_of(data, "body"), actor=desk.caller.key_id)
    return project_shape(await known_project(desk, found.id))


@post("/projects/{project:str}/close", name="admin_project_close", status_code=200, responses=REFUSALS, tags=TAGS)
async def close_project(desk: AtDesk, project: NameOrId) -> ProjectShape:
    """No key of it may ask from now on. Videos that were admitted are finished, and charged. It cannot be undone, and
    ends its keys, so it takes a key of no lower role than any of them."""
    found = await changeable_project(desk, project)
    await desk.tools.store.close_project(found.id, actor=desk.caller.key_id)
    return project_shape(await known_project(desk, found.id))


async def known_project(desk: Desk, name_or_id: str) -> Project:
    found = await desk.tools.store.find_project(name_or_id)
    if found is None:
        raise Absent(f"No project is called '{shown(name_or_id)}'.", code="project_not_found", param="project")
    return found


async def changeable_project(desk: Desk, name_or_id: str) -> Project:
    """Forbidden where it has a key of a higher role than the own: what is done to a project is done to its keys."""
    found = await known_project(desk, name_or_id)
    keys = await desk.tools.store.list_keys(found.id)
    require(desk.caller, max((one.role for one in keys if one.status is Status.ACTIVE), default=ADMINISTERS))
    return found


HANDLERS: Final = (list_projects, create_project, get_project, limit_project, close_project)
