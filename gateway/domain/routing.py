"""Routes and the plan: which of them can serve a request, in which order, and why the others cannot.

Pure. `plan` drops what cannot serve and ranks the rest; strategy `ordered` keeps the order of the configuration.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from gateway.domain.pricing import Quote, quote, with_sound
from gateway.domain.videos import Choice, Request
from providers.contract import BILLION, Abilities, Price, Verb

CHARGE_FACTOR_BILLIONTHS: Final = 2 * BILLION
"""Unless the configuration says otherwise, a charge is believed up to twice the price."""


class Doubt(StrEnum):
    """What a route's policy says when nobody can find out whether a submission arrived."""

    HOLD = "hold"
    FAILOVER = "failover"


class Bearer(StrEnum):
    """Who pays for an attempt that gave the client no clip."""

    PROJECT = "project"
    HOUSE = "house"


class Route(Struct, frozen=True, kw_only=True):
    """One provider's upstream model that can serve a public model: facts only."""

    name: str  # `provider/upstream-model`
    provider: str
    account: str  # pins provider, base URL and account
    model: str
    abilities: Abilities
    prices: tuple[Price, ...]
    doubt: Doubt = Doubt.HOLD
    losses: Bearer = Bearer.PROJECT
    charge_factor_billionths: int = CHARGE_FACTOR_BILLIONTHS  # of the price: what is charged beyond waits as disputed
    submit_timeout_s: float = 60.0
    poll_timeout_s: float = 30.0
    socket_timeout_s: float = 10.0  # the kernel delivers nothing later
    poll_min_s: float = 2.0
    poll_max_s: float = 15.0
    sandbox: bool = False  # its vendor is the simulator: nothing costs money


class Model(Struct, frozen=True, kw_only=True):
    """A public model: its routes in the configuration's order and its policies."""

    name: str
    routes: tuple[Route, ...]
    created: int = 0
    owned_by: str = "telecine"
    attempts_max: int = 3
    deadline_s: int = 3_600
    asset_life_s: int = 86_400
    blocked_stops: bool = True


def why_not(route: Route, request: Request) -> str | None:
    """The reason why a route cannot render this request, None if it can."""
    able = route.abilities
    source = request.source
    lacks = (
        (request.verb not in able.verbs, f"cannot {request.verb}"),
        (request.size not in able.sizes, f"cannot render {request.size}"),
        (request.seconds not in able.seconds, f"cannot render {request.seconds} seconds"),
        (request.image is not None and not able.image, "takes no image"),
        (bool(request.characters) and not able.characters, "has no characters"),
        (request.seed is not None and not able.seed, "takes no seed"),
        (request.negative_prompt is not None and not able.negative_prompt, "takes no negative prompt"),
        (
            source is not None and able.needs_source_ref and (source.ref is None or source.account != route.account),
            "did not render the source clip",
        ),
        (any(one.account != route.account for one in request.characters), "does not own the character"),
        (
            request.verb is Verb.EXTEND
            and source is not None
            and source.seconds + request.seconds > able.extend_total_seconds_max,
            f"extends to at most {able.extend_total_seconds_max} seconds",
        ),
    )
    return next((reason for missing, reason in lacks if missing), None)


def quote_on(route: Route, request: Request, day: str) -> Quote | None:
    """What the request costs there on a day (YYYY-MM-DD in UTC), None if the route has no price for it."""
    return quote(route.prices, request, sound=with_sound(route.abilities), day=day)


def plan(model: Model, request: Request, day: str) -> tuple[Choice, ...]:
    """Every route of the model: the kept ones first, ranked and priced as on `day` (YYYY-MM-DD in UTC); then the
    dropped ones with the reason."""
    kept: list[Choice] = []
    dropped: list[Choice] = []
    for route in model.routes:
        reason = why_not(route, request)
        quoted = None if reason else quote_on(route, request, day)
        if quoted is None:
            dropped.append(Choice(route=route.name, dropped=reason or "has no price for this request"))
            continue
        rate = quoted.price.credit_usd_billionths
        kept.append(Choice(route=route.name, price_micros=quoted.micros, credit_usd_billionths=rate))
    return (*kept, *dropped)
