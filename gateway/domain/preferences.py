"""What a request may say about its own routing: strategy, providers, the highest price, a shorter deadline.

Pure. A preference narrows what the model's routes offer and never widens it; whether a key may state one at all is
`allowances`' question. What leaves no route is refused in words that name what would do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain import fields as read
from gateway.domain.errors import BadInput
from gateway.domain.fields import listed, shown
from gateway.domain.forecast import latency_s
from gateway.domain.money import format_dollars, format_usd, parse_dollars
from gateway.domain.observed import UNKNOWN, Observed
from gateway.domain.routing import Model
from gateway.domain.strategies import Policy, Strategy
from gateway.domain.videos import Choice, Request
from providers.contract import Json

KEYS: Final = ("strategy", "only", "except", "max_cost_usd", "deadline_s")
PROVIDERS_MAX: Final = 64
NAME_CHARS_MAX: Final = 48
DEADLINE_S_MIN: Final = 10
WHOLE_DOLLARS_MAX: Final = 10**10
LEARNT_FROM: Final = 5.0
"""A route is held to be too slow for a request from so many observations on, decayed."""


class Preferences(Struct, frozen=True, kw_only=True):
    """`steers`: it has a `routing`, which not every key may send; the highest price alone needs no permission."""

    steers: bool = False
    strategy: Strategy | None = None
    only: tuple[str, ...] = ()  # providers; empty: all
    without: tuple[str, ...] = ()  # providers
    max_cost_micros: int | None = None
    deadline_s: int | None = None


NO_PREFERENCES: Final = Preferences()


def preferences_of(given: Mapping[str, Json]) -> Preferences:
    """Of a request's fields `routing` and `max_cost_usd`."""
    most = _dollars("max_cost_usd", given["max_cost_usd"]) if "max_cost_usd" in given else None
    if "routing" not in given:
        return Preferences(max_cost_micros=most) if most is not None else NO_PREFERENCES
    said = read.object_of("routing", given["routing"], KEYS)
    inner = _dollars("routing.max_cost_usd", said["max_cost_usd"]) if "max_cost_usd" in said else None
    if most is not None and inner is not None and most != inner:
        raise BadInput(
            "Invalid value: 'max_cost_usd' and 'routing.max_cost_usd' disagree. Send one.", param="routing.max_cost_usd"
        )
    return Preferences(
        steers=True,
        strategy=_strategy(said["strategy"]) if "strategy" in said else None,
        only=_providers("routing.only", said["only"]) if "only" in said else (),
        without=_providers("routing.except", said["except"]) if "except" in said else (),
        max_cost_micros=inner if most is None else most,
        deadline_s=read.whole("routing.deadline_s", said["deadline_s"]) if "deadline_s" in said else None,
    )


def said_of(preferences: Preferences) -> dict[str, Json]:
    """The fields that say this: `preferences_of` reads them back."""
    said: dict[str, Json] = {}
    most = preferences.max_cost_micros
    if most is not None:
        said["max_cost_usd"] = format_usd(most)
    if preferences.steers:
        routing: dict[str, Json] = {
            "strategy": preferences.strategy.value if preferences.strategy is not None else None,
            "only": list(preferences.only) or None,
            "except": list(preferences.without) or None,
            "deadline_s": preferences.deadline_s,
        }
        said["routing"] = {name: value for name, value in routing.items() if value is not None}
    return said


def within(preferences: Preferences, model: Model) -> Model:
    """The model with the routes of the providers that are left. BadInput for a provider that it does not have."""
    known = list(dict.fromkeys(route.provider for route in model.routes))
    for param, names in (("routing.only", preferences.only), ("routing.except", preferences.without)):
        for name in names:
            if name not in known:
                raise BadInput(
                    f"Invalid value: '{shown(name)}'. Providers of the model '{model.name}' are: {listed(known)}.",
                    param=param,
                )
    left = tuple(route for route in model.routes if _excluded(preferences, route.provider) is None)
    if not left:
        raise BadInput(
            f"Invalid value: 'routing' leaves no provider of the model '{model.name}', which has: {listed(known)}.",
            param="routing",
        )
    return replace(model, routes=left)


def policy_of(preferences: Preferences, model: Model) -> Policy:
    if preferences.strategy is None:
        return model.policy
    return replace(model.policy, strategy=preferences.strategy)


def deadline_s(preferences: Preferences, model: Model) -> int:
    """How long the video may take. A request may shorten the model's time, not lengthen it."""
    if preferences.deadline_s is None:
        return model.deadline_s
    least = min(DEADLINE_S_MIN, model.deadline_s)
    return read.within("routing.deadline_s", preferences.deadline_s, least, model.deadline_s)


def held_to(
    preferences: Preferences,
    choices: Sequence[Choice],
    model: Model,
    request: Request,
    observed: Mapping[str, Observed],
) -> tuple[Choice, ...]:
    """The choices with those dropped that the request does not want, and why."""
    if preferences == NO_PREFERENCES:
        return tuple(choices)
    providers = {route.name: route.provider for route in model.routes}
    found = []
    for one in choices:
        seen = observed.get(one.route, UNKNOWN)
        reason = _excluded(preferences, providers[one.route])
        if one.dropped is None:
            reason = reason or _too_dear(preferences, one) or _too_slow(preferences, seen, request.seconds)
        found.append(replace(one, dropped=reason) if reason is not None else one)
    return tuple(found)


def unmet(preferences: Preferences, choices: Sequence[Choice], model: Model) -> BadInput:
    """What to say when no route is left that could have served without the preferences."""
    prices = [one.price_micros for one in choices if one.price_micros is not None]
    most = preferences.max_cost_micros
    if most is not None and prices and min(prices) > most:
        return BadInput(
            f"No route of the model '{model.name}' renders this for at most {format_dollars(most)}; "
            f"the cheapest costs {format_dollars(min(prices))}.",
            code="max_cost_exceeded",
            param="max_cost_usd",
        )
    reasons = sorted({one.dropped for one in choices if one.dropped})
    return BadInput(
        f"No route of the model '{model.name}' is left for this video: {', '.join(reasons)}.", param="routing"
    )


def _excluded(preferences: Preferences, provider: str) -> str | None:
    if provider in preferences.without:
        return "is excluded by the request"
    if preferences.only and provider not in preferences.only:
        return "is not among the request's providers"
    return None


def _too_dear(preferences: Preferences, choice: Choice) -> str | None:
    most, price = preferences.max_cost_micros, choice.price_micros or 0
    if most is None or price <= most:
        return None
    return f"costs {format_dollars(price)}, and the request allows {format_dollars(most)}"


def _too_slow(preferences: Preferences, observed: Observed, seconds: int) -> str | None:
    """Only what was seen often enough speaks against a route."""
    learnt = {length: line for length, line in observed.latency_s.items() if line[2] >= LEARNT_FROM}
    usual, limit = latency_s(learnt, seconds), preferences.deadline_s
    if usual is None or limit is None or usual[0] <= limit:
        return None
    return f"usually takes {usual[0]:.0f} s, and the request allows {limit} s"


# --- reading ------------------------------------------------------------------------------------------------------


def _strategy(value: Json) -> Strategy:
    word = read.text("routing.strategy", value, chars_max=NAME_CHARS_MAX)
    if word not in tuple(Strategy):
        raise BadInput(
            f"Invalid value: '{shown(word)}'. Supported values are: {listed(Strategy)}.", param="routing.strategy"
        )
    return Strategy(word)


def _providers(param: str, value: Json) -> tuple[str, ...]:
    """Names in a list; one name alone will do."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        raise read.wrong_type(param, "an array of providers' names", value)
    if not 1 <= len(names) <= PROVIDERS_MAX:
        raise BadInput(f"Invalid value: '{param}' must name 1 to {PROVIDERS_MAX} providers.", param=param)
    return tuple(dict.fromkeys(read.text(param, name, chars_max=NAME_CHARS_MAX) for name in names))


def _dollars(param: str, value: Json) -> int:
    """Micro-dollars. A JSON number counts by its shortest digits, which are those that were written."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise read.wrong_type(param, "an amount of dollars such as '0.10'", value)
    written = value if isinstance(value, str) else ""
    if isinstance(value, float) or (isinstance(value, int) and 0 <= value <= WHOLE_DOLLARS_MAX):
        written = f"{Decimal(str(value)):f}".removesuffix(".0")
    try:
        return parse_dollars(written)
    except ValueError:
        said = shown(value if isinstance(value, str) else written or "a number")
        raise BadInput(
            f"Invalid value: '{said}'. '{param}' must be an amount of dollars such as '0.10', "
            "with at most six digits after the point.",
            param=param,
        ) from None
