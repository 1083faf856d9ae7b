"""/admin/budgets: caps on spend, for a scope in a window."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import delete, get, put
from litestar.params import Parameter
from msgspec import Meta, Struct

from gateway.admin.desk import ADMINISTERS, CONTROLS, REFUSALS, AtDesk, Desk, require
from gateway.admin.pages import LIMIT, After, Limit, Order, Page, page_of
from gateway.admin.projects import changeable_project
from gateway.domain.admin_shapes import NAME_CHARS_MAX, Dollars
from gateway.domain.budgets import (
    THRESHOLDS,
    THRESHOLDS_MAX,
    Budget,
    Cap,
    Window,
    counter_of,
    name_of,
    resets_at,
    sane_thresholds,
)
from gateway.domain.errors import Absent, BadInput
from gateway.domain.money import format_usd, parse_dollars
from gateway.work.scopes import NoScope, bound_by_balance, full_scope

TAGS: Final = ["budgets"]
SCOPE_CHARS_MAX: Final = NAME_CHARS_MAX + 16
Percents = Annotated[list[int], Meta(max_length=THRESHOLDS_MAX)]
_SCOPE: Final = "project:NAME or project:ID, key:ID, provider:NAME, or gateway."


class NewCap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`thresholds`: parts of the cap in percent, rising, that raise an event once in each window."""

    scope: Annotated[str, Meta(min_length=1, max_length=SCOPE_CHARS_MAX, description=_SCOPE)]
    window: Window
    cap_usd: Dollars
    thresholds: Percents = msgspec.field(default_factory=lambda: list(THRESHOLDS))


class BudgetShape(Struct, frozen=True, kw_only=True):
    """A cap with what counts against it in the present window. `id` is scope and window."""

    id: str
    scope: str
    window: Window
    cap_usd: str
    spent_usd: str
    held_usd: str
    left_usd: str
    overrun_usd: str
    thresholds: list[int]
    resets_at: str | None


class Removed(Struct, frozen=True, kw_only=True):
    id: str
    deleted: bool = True


@get("/budgets", name="admin_budgets", responses=REFUSALS, tags=TAGS)
async def list_budgets(
    desk: AtDesk, limit: Limit = LIMIT, after: After = None, order: Order = "asc"
) -> Page[BudgetShape]:
    """Every cap with what counts against it, by name."""
    return page_of(await _shapes(desk), lambda one: one.id, limit=limit, after=after, order=order)


@put("/budgets", name="admin_budget_set", responses=REFUSALS, tags=TAGS)
async def set_budget(desk: AtDesk, data: NewCap) -> BudgetShape:
    """Caps what a scope may spend in a window, from now on and whatever was spent before. Of a provider or the whole
    gateway with a key of role 100."""
    if not sane_thresholds(data.thresholds):
        raise BadInput("Invalid value: 'thresholds' must rise, from 1 to 100.", param="thresholds")
    try:
        micros = parse_dollars(data.cap_usd)
    except ValueError as error:
        raise BadInput(f"Invalid value: {error}.", param="cap_usd") from None
    scope = await _scope(desk, data.scope)
    bound = bound_by_balance(scope, data.window, desk.tools.snapshot().settings)
    if bound is not None:
        raise BadInput("Invalid value: the account's balance is this provider's total budget.", param="scope")
    await desk.tools.store.set_cap(scope, data.window, Cap(micros, tuple(data.thresholds)), actor=desk.caller.key_id)
    name = name_of(scope, data.window)
    found = next((one for one in await _shapes(desk) if one.id == name), None)
    if found is None:
        raise Absent("The budget was removed meanwhile.", code="budget_not_found")
    return found


@delete("/budgets", name="admin_budget_remove", status_code=200, responses=REFUSALS, tags=TAGS)
async def remove_budget(
    desk: AtDesk,
    of: Annotated[str, Parameter(query="scope", min_length=1, max_length=SCOPE_CHARS_MAX, description=_SCOPE)],
    window: Window,
) -> Removed:
    """Removes a cap; of a provider also when it is configured no more."""
    full = await _scope(desk, of, configured=False)
    if not await desk.tools.store.remove_cap(full, window, actor=desk.caller.key_id):
        raise Absent("There is no such cap.", code="budget_not_found", param="scope")
    return Removed(id=name_of(full, window))


async def _scope(desk: Desk, text: str, *, configured: bool = True) -> str:
    known = desk.tools.snapshot().settings.providers if configured else None
    try:
        full = await full_scope(desk.tools.store, text, known)
    except NoScope as error:
        what = f"there is no such {error.kind}" if error.kind else f"write {_SCOPE[:-1]}"
        raise BadInput(f"Invalid value: {what}.", param="scope") from None
    if full == "gateway" or full.startswith("provider/"):
        require(desk.caller, CONTROLS)
    if full.startswith("project/"):
        await changeable_project(desk, full.removeprefix("project/"))
    if full.startswith("key/"):
        key = await desk.tools.store.find_key(full.removeprefix("key/"))
        require(desk.caller, max(ADMINISTERS, key.role if key is not None else 0))
    return full


async def _shapes(desk: Desk) -> list[BudgetShape]:
    now_ms = desk.tools.clock.now_ms()
    return [_shape(one, now_ms) for one in await desk.tools.store.list_budgets(now_ms)]


def _shape(budget: Budget, now_ms: int) -> BudgetShape:
    name = name_of(budget.scope, budget.window)
    return BudgetShape(
        id=name,
        scope=budget.scope,
        window=budget.window,
        cap_usd=format_usd(budget.cap.micros),
        spent_usd=format_usd(budget.settled_micros),
        held_usd=format_usd(budget.held_micros),
        left_usd=format_usd(budget.left_micros),
        overrun_usd=format_usd(budget.overrun_micros),
        thresholds=list(budget.cap.thresholds),
        resets_at=resets_at(counter_of(name, now_ms)),
    )


HANDLERS: Final = (list_budgets, set_budget, remove_budget)
