"""/v1/videos/quote: what a create with the same body would cost, on every route that could serve it."""

from __future__ import annotations

from gateway.api.bodies import body_of
from gateway.api.exchange import Answer, Exchange, of_json
from gateway.api.videos import EXPECTED, asked_in, bounds_of, caller_of
from gateway.domain.money import format_dollars
from gateway.domain.pricing import with_sound
from gateway.domain.videos import Request, adjusted, public_seconds
from gateway.work.quote import Quoted, QuotedRoute, quote_video
from providers.contract import Json, Verb


async def quote(exchange: Exchange) -> Answer:
    caller = await caller_of(exchange)
    async with body_of(exchange, caller.project, EXPECTED[Verb.CREATE], bounds_of(exchange)) as body:
        asked = await asked_in(body, Verb.CREATE)
        return of_json(_shown(await quote_video(exchange.tools, caller, asked)))


def _shown(quoted: Quoted) -> dict[str, Json]:
    """Prices are those of the first route, which is asked first, and of each."""
    first = next(one for one in quoted.routes if one.price is not None)
    return {
        "object": "video.quote",
        "model": quoted.request.model,
        "seconds": str(public_seconds(quoted.request)),
        "size": str(quoted.request.size),
        "currency": "usd",
        **_price(first),
        **_adjusted(quoted.request),
        "valid_on": quoted.day,
        "routes": [_route(one, quoted.request) for one in quoted.routes],
    }


def _adjusted(request: Request) -> dict[str, Json]:
    changes = adjusted(request)
    shown: dict[str, Json] = {name: {"asked": asked, "rendered": made} for name, (asked, made) in changes.items()}
    return {"adjusted": shown} if shown else {}


def _route(one: QuotedRoute, request: Request) -> dict[str, Json]:
    shown: dict[str, Json] = {"route": one.choice.route, "provider": one.route.provider}
    if one.price is None:
        return {**shown, "reason": one.choice.dropped}
    return {
        **shown,
        **_price(one),
        "audio": with_sound(one.route.abilities, request.audio),
        "price_as_of": one.price.as_of,
        "source": one.price.source,
    }


def _price(one: QuotedRoute) -> dict[str, Json]:
    micros = one.choice.price_micros or 0
    return {"price_usd": format_dollars(micros).removeprefix("$"), "price_micros": micros}
