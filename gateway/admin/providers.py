"""/admin/providers and /admin/routes: how they are, and an operator's word about them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import get, post
from litestar.params import Parameter
from msgspec import Meta, Struct

from gateway.admin.desk import CONTROLS, REFUSALS, ROLE, AtDesk, Desk
from gateway.admin.pages import LIMIT, After, Limit, Order, Page, page_of
from gateway.domain import chart as charts
from gateway.domain.breaker import Scope
from gateway.domain.chart import BLANK
from gateway.domain.errors import Absent
from gateway.domain.fields import shown
from gateway.domain.money import format_usd
from gateway.snapshot import Snapshot
from gateway.store.health import Charts

TAGS: Final = ["providers and routes"]
CONTROL: Final[dict[str, Any]] = {"opt": {ROLE: CONTROLS}, "status_code": 200, "responses": REFUSALS, "tags": TAGS}
NAME_CHARS_MAX: Final = 256
Name = Annotated[str, Parameter(max_length=NAME_CHARS_MAX, description="As the configuration names it.")]


class Breaker(Struct, frozen=True, kw_only=True):
    """`state`: closed, half_open or open. `probes`: attempts that try now whether it answers again."""

    state: str
    reason: str | None
    opens_for_s: int | None
    probes: int


class Health(Struct, frozen=True, kw_only=True):
    """`success`: the decayed share of attempts that gave a clip, null where none was seen; `weight`: how many stand
    behind it. `latency_s`: by the clip's length, p50 and p95 in seconds."""

    breaker: Breaker
    success: float | None
    weight: float
    throttled_for_s: int | None
    latency_s: dict[str, dict[str, float]]


class ProviderShape(Struct, frozen=True, kw_only=True):
    """`drained`: by an operator's hand; `drain` is what the configuration says of it. `in_flight`: attempts that it may
    be working on; `waiting`: videos in line for it."""

    id: str
    adapter: str
    drained: bool
    drain: bool
    health: Health
    in_flight: int
    waiting: int
    balance: str | None
    balance_worth_usd: str | None


class RouteShape(Struct, frozen=True, kw_only=True):
    id: str
    provider: str
    models: list[str]
    drained: bool
    health: Health


class OfRoute(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    route: Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX, description="Such as acme/film-1.")]


class Drained(Struct, frozen=True, kw_only=True):
    """`changed`: false if it was so already."""

    id: str
    drained: bool
    changed: bool


class Reset(Struct, frozen=True, kw_only=True):
    """`was_open`: whether anything was held against it."""

    id: str
    was_open: bool


@get("/providers", name="admin_providers", responses=REFUSALS, tags=TAGS)
async def list_providers(
    desk: AtDesk, limit: Limit = LIMIT, after: After = None, order: Order = "asc"
) -> Page[ProviderShape]:
    """Every provider in the order of the configuration: its breaker, its health, who works and who waits there."""
    return page_of(await _providers(desk), lambda one: one.id, limit=limit, after=after, order=order)


@get("/providers/{provider:str}", name="admin_provider", responses=REFUSALS, tags=TAGS)
async def get_provider(desk: AtDesk, provider: Name) -> ProviderShape:
    """One provider."""
    _known_provider(desk, provider)
    return next(one for one in await _providers(desk) if one.id == provider)


@get("/routes", name="admin_routes", responses=REFUSALS, tags=TAGS)
async def list_routes(
    desk: AtDesk, limit: Limit = LIMIT, after: After = None, order: Order = "asc"
) -> Page[RouteShape]:
    """Every route: whose models it serves, its breaker, its health, what it usually takes."""
    snapshot, found = desk.tools.snapshot(), await desk.tools.store.charts()
    shapes = [
        RouteShape(
            id=name,
            provider=route.provider,
            models=[model.name for model in snapshot.models.values() if route in model.routes],
            drained=charts.name_of(Scope.ROUTE, name) in found.drained,
            health=_health(found, charts.name_of(Scope.ROUTE, name)),
        )
        for name, route in snapshot.routes.items()
    ]
    return page_of(shapes, lambda one: one.id, limit=limit, after=after, order=order)


@post("/providers/{provider:str}/drain", name="admin_provider_drain", **CONTROL)
async def drain_provider(desk: AtDesk, provider: Name) -> Drained:
    """No new work goes there from now on, on any replica within a second or two; what runs there is followed to its
    end, and what waited for it goes elsewhere or waits. Lasts until it is enabled."""
    return await _drain(desk, _known_provider(desk, provider))


@post("/providers/{provider:str}/enable", name="admin_provider_enable", **CONTROL)
async def enable_provider(desk: AtDesk, provider: Name) -> Drained:
    """It gets work again."""
    return await _enable(desk, _known_provider(desk, provider))


@post("/providers/{provider:str}/reset", name="admin_provider_reset", **CONTROL)
async def reset_provider(desk: AtDesk, provider: Name) -> Reset:
    """Closes its breaker, and ends a pause that it asked for. What is known of its successes stays."""
    return await _reset(desk, _known_provider(desk, provider))


@post("/routes/drain", name="admin_route_drain", **CONTROL)
async def drain_route(desk: AtDesk, data: OfRoute) -> Drained:
    """The same for one route."""
    return await _drain(desk, _known_route(desk, data.route))


@post("/routes/enable", name="admin_route_enable", **CONTROL)
async def enable_route(desk: AtDesk, data: OfRoute) -> Drained:
    """It gets work again, unless its provider is drained."""
    return await _enable(desk, _known_route(desk, data.route))


@post("/routes/reset", name="admin_route_reset", **CONTROL)
async def reset_route(desk: AtDesk, data: OfRoute) -> Reset:
    """Closes its breaker. What is known of its successes stays."""
    return await _reset(desk, _known_route(desk, data.route))


# --- shared ------------------------------------------------------------------------------------------------------


def _known_provider(desk: Desk, name: str) -> str:
    """The name of its chart. Absent."""
    if name not in desk.tools.snapshot().endpoints:
        raise Absent(f"No provider is called '{shown(name)}'.", code="provider_not_found", param="provider")
    return charts.name_of(Scope.PROVIDER, name)


def _known_route(desk: Desk, name: str) -> str:
    if name not in desk.tools.snapshot().routes:
        raise Absent(f"No route is called '{shown(name)}'.", code="route_not_found", param="route")
    return charts.name_of(Scope.ROUTE, name)


async def _drain(desk: Desk, name: str) -> Drained:
    now_ms, actor = desk.tools.clock.now_ms(), desk.caller.key_id
    changed = await desk.tools.store.drain(name, now_ms=now_ms, actor=actor)
    return Drained(id=charts.scope_of(name)[1], drained=True, changed=changed)


async def _enable(desk: Desk, name: str) -> Drained:
    changed = await desk.tools.store.enable(name, actor=desk.caller.key_id)
    return Drained(id=charts.scope_of(name)[1], drained=False, changed=changed)


async def _reset(desk: Desk, name: str) -> Reset:
    actor = desk.caller.key_id
    was_open = await desk.tools.store.close_breaker(name, by=actor, actor=actor)
    return Reset(id=charts.scope_of(name)[1], was_open=was_open)


async def _providers(desk: Desk) -> list[ProviderShape]:
    store, snapshot = desk.tools.store, desk.tools.snapshot()
    found, standings = await store.charts(), await store.standings()
    in_flight, waiting = await store.in_flight(), await store.waiting()

    def shape(name: str) -> ProviderShape:
        full, standing = charts.name_of(Scope.PROVIDER, name), standings.get(name)
        return ProviderShape(
            id=name,
            adapter=snapshot.endpoints[name].adapter.kind,
            drained=full in found.drained,
            drain=snapshot.settings.providers[name].drain,
            health=_health(found, full),
            in_flight=in_flight.get(name, 0),
            waiting=waiting.get(name, 0),
            balance=None if standing is None else f"{standing.amount} {standing.unit}",
            balance_worth_usd=None if standing is None or standing.micros is None else format_usd(standing.micros),
        )

    return [shape(name) for name in _in_order(snapshot)]


def _in_order(snapshot: Snapshot) -> list[str]:
    return [name for name in snapshot.settings.providers if name in snapshot.endpoints]


def _health(found: Charts, name: str) -> Health:
    row: Any = charts.row(name, charts.decode_chart(found.raw.get(name, b"")) or BLANK, found.now_ms)
    return Health(
        breaker=Breaker(**{field: row[field] for field in Breaker.__struct_fields__}),
        **{field: row[field] for field in Health.__struct_fields__ if field != "breaker"},
    )


HANDLERS: Final = (
    list_providers,
    get_provider,
    drain_provider,
    enable_provider,
    reset_provider,
    list_routes,
    drain_route,
    enable_route,
    reset_route,
)
