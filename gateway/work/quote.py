"""What a video would cost: the plan of a create, priced route by route, and nothing made, held or stored."""

from __future__ import annotations

from msgspec import Struct

from gateway.domain.ids import RANDOM_BYTES, video_id
from gateway.domain.requests import Asked
from gateway.domain.routing import Route, quote_on
from gateway.domain.videos import Choice, Request
from gateway.work.caller import Caller
from gateway.work.inputs import Inputs
from gateway.work.tools import Tools
from gateway.work.weigh import weigh
from providers.contract import Price


class QuotedRoute(Struct, frozen=True):
    choice: Choice
    route: Route
    price: Price | None  # the line of the list; None for a route that was dropped


class Quoted(Struct, frozen=True):
    request: Request
    day: str  # YYYY-MM-DD in UTC: whose prices these are
    routes: tuple[QuotedRoute, ...]  # in the plan's order, at least one of them kept


async def quote_video(tools: Tools, caller: Caller, asked: Asked) -> Quoted:
    """Refuses, as a ClientError, what a create would refuse for what it asks. Budgets and limits of requests are not
    asked: they bind when a video is created. A linked image is fetched and measured."""
    snapshot = tools.snapshot()
    identity = video_id(tools.clock.now_ms(), tools.random(RANDOM_BYTES))
    async with Inputs(tools, caller.project, identity) as inputs:
        weighed = await weigh(tools, snapshot, caller, asked, inputs)
    request, day = weighed.request, weighed.day
    routes = []
    for choice in weighed.choices:
        route = snapshot.routes[choice.route]
        quoted = quote_on(route, request, day) if choice.dropped is None else None
        routes.append(QuotedRoute(choice, route, quoted.price if quoted is not None else None))
    return Quoted(request, day, tuple(routes))
