"""What a key and its project may ask for at all: models, sizes, seconds, the price of one video, the sandbox alone.

Pure. Whatever is counted (requests, videos in flight, seconds in a day, money) the store decides, at the admission.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from gateway.domain.errors import Forbidden
from gateway.domain.fields import listed, shown
from gateway.domain.limits import Owned
from gateway.domain.money import format_dollars
from gateway.domain.preferences import Preferences
from gateway.domain.routing import Route
from gateway.domain.videos import Choice, Request


def check_model(owned: Sequence[Owned], model: str, asked: str) -> None:
    """Forbidden if one of them does not allow the model, by its own name or by the one that was asked for."""
    for one in owned:
        allowed = one.limits.models
        if allowed and model not in allowed and asked not in allowed:
            raise Forbidden(
                f"{_begin(one)} may not use the model '{shown(asked)}'. Allowed are: {listed(allowed)}.", param="model"
            )


def check_request(owned: Sequence[Owned], request: Request) -> None:
    """Forbidden if one of them does not allow the size or the seconds."""
    for one in owned:
        for param, value, allowed in (
            ("size", str(request.size), one.limits.sizes),
            ("seconds", str(request.seconds), tuple(map(str, one.limits.seconds))),
        ):
            if allowed and value not in allowed:
                raise Forbidden(
                    f"{_begin(one)} may not ask for {param} '{value}'. Allowed are: {listed(allowed)}.", param=param
                )


def check_routing(owned: Sequence[Owned], preferences: Preferences) -> None:
    """Forbidden if one of them does not allow a request to say where it goes."""
    for one in owned:
        if preferences.steers and one.limits.routing_denied:
            raise Forbidden(f"{_begin(one)} may not send 'routing'. Leave it out.", param="routing")


def narrowed(owned: Sequence[Owned], plan: Sequence[Choice], routes: Mapping[str, Route]) -> tuple[Choice, ...]:
    """The plan with the routes dropped that one of them does not allow, and why."""
    return tuple(_narrowed(owned, one, routes[one.route]) for one in plan)


def _narrowed(owned: Sequence[Owned], choice: Choice, route: Route) -> Choice:
    if choice.dropped:
        return choice
    for one in owned:
        limits = one.limits
        if limits.sandbox_only and not route.sandbox:
            return replace(choice, dropped=f"{one.owner} may use the sandbox only")
        most, price = limits.request_max_micros, choice.price_micros or 0
        if most is not None and price > most:
            reason = (
                f"{one.owner} may spend at most {format_dollars(most)} on one video; it costs {format_dollars(price)}"
            )
            return replace(choice, dropped=reason)
    return choice


def barred(plan: Sequence[Choice]) -> Forbidden:
    """The error where the narrowed plan keeps no route that was kept before."""
    reasons = sorted({one.dropped for one in plan if one.dropped and one.dropped.startswith("this ")})
    return Forbidden(f"No route is allowed for this video: {'; '.join(reasons)}.")


def _begin(one: Owned) -> str:
    return one.owner[0].upper() + one.owner[1:]
