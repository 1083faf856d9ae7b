"""What a new configuration would change: told before it is applied. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.domain.money import format_usd
from gateway.domain.permits import ProviderLimits
from gateway.domain.routing import Model
from providers.contract import BILLION, Price

_LIMITS: Final = ("rpm", "concurrency", "polls_per_minute")
CHANGES_MAX: Final = 1_000
"""Of each kind, so many are told."""


class ConfigView(Struct, frozen=True, kw_only=True):
    """A configuration as a comparison sees it. `settings`: every key with its value as text, secrets as digests."""

    models: Mapping[str, Model]
    limits: Mapping[str, ProviderLimits]
    accounts: Mapping[str, str]  # by provider
    settings: Mapping[str, str]


class Serving(Struct, frozen=True, kw_only=True):
    """A model with one of its routes."""

    model: str
    route: str


class Changed(Struct, frozen=True, kw_only=True):
    """`before`, `after`: null where there is none."""

    name: str
    before: str | None
    after: str | None


class ConfigChanges(Struct, frozen=True, kw_only=True):
    """`prices`: of routes that stay; `limits`: `provider.limit`; `settings`: every key that differs, `<hidden>` where
    it is a secret; `accounts_lost`: providers whose account goes or is another; `restart`: keys that count from the
    next start on."""

    routes_gained: tuple[Serving, ...] = ()
    routes_lost: tuple[Serving, ...] = ()
    prices: tuple[Changed, ...] = ()
    limits: tuple[Changed, ...] = ()
    settings: tuple[Changed, ...] = ()
    accounts_lost: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


def changes(before: ConfigView, after: ConfigView, *, restart: tuple[str, ...] = ()) -> ConfigChanges:
    had, has = _servings(before), _servings(after)
    kept_accounts = set(after.accounts.values())
    return ConfigChanges(
        routes_gained=tuple(one for one in has if one not in had)[:CHANGES_MAX],
        routes_lost=tuple(one for one in had if one not in has)[:CHANGES_MAX],
        prices=tuple(_prices(before, after))[:CHANGES_MAX],
        limits=tuple(_differing(_limits(before), _limits(after)))[:CHANGES_MAX],
        settings=tuple(_differing(before.settings, after.settings))[:CHANGES_MAX],
        accounts_lost=tuple(name for name, account in before.accounts.items() if account not in kept_accounts),
        restart=restart,
    )


def told(found: ConfigChanges, say: Callable[[str], str]) -> ConfigChanges:
    """The same with every word of it as `say` has it."""

    def again(value: Any) -> Any:
        if isinstance(value, str):
            return say(value)
        if isinstance(value, dict):
            return {name: again(below) for name, below in value.items()}
        return [again(one) for one in value] if isinstance(value, list | tuple) else value

    return msgspec.convert(again(msgspec.to_builtins(found)), ConfigChanges)


def price_text(prices: tuple[Price, ...]) -> str:
    """A price list in a line: `$0.10 a second at 1280x720; 12 credits a clip`."""
    return "; ".join(map(_price, prices))


def _servings(view: ConfigView) -> dict[Serving, None]:
    """In the configuration's order."""
    return {
        Serving(model=name, route=route.name): None for name, model in view.models.items() for route in model.routes
    }


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Changed]:
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield Changed(name=name, before=before.get(name), after=after.get(name))


def _prices(before: ConfigView, after: ConfigView) -> Iterator[Changed]:
    had, has = _price_lists(before), _price_lists(after)
    return _differing(
        {name: had[name] for name in had if name in has}, {name: has[name] for name in has if name in had}
    )


def _price_lists(view: ConfigView) -> dict[str, str]:
    return {route.name: price_text(route.prices) for model in view.models.values() for route in model.routes}


def _limits(view: ConfigView) -> dict[str, str]:
    return {
        f"{provider}.{what}": str(getattr(limits, what))
        for provider, limits in view.limits.items()
        for what in _LIMITS
        if getattr(limits, what) is not None
    }


def _price(one: Price) -> str:
    parts = [
        f"${format_usd(one.per_second_micros)} a second" if one.per_second_micros else "",
        f"${format_usd(one.per_clip_micros)} a clip" if one.per_clip_micros else "",
        f"{one.per_second_credit_billionths / BILLION:g} credits a second" if one.per_second_credit_billionths else "",
        f"{one.per_clip_credit_billionths / BILLION:g} credits a clip" if one.per_clip_credit_billionths else "",
        f"${one.credit_usd_billionths / BILLION:g} a credit" if one.credit_usd_billionths else "",
    ]
    kinds = [name for name in ("image", "remix", "edit", "extend") if getattr(one, name) is not None]
    bounds = [
        f"at {', '.join(map(str, one.sizes))}" if one.sizes else "",
        f"for {', '.join(map(str, one.seconds))} s" if one.seconds else "",
        {True: "with sound", False: "without sound", None: ""}[one.audio],
        f"otherwise for {', '.join(kinds)}" if kinds else "",
        f"from {one.valid_from}" if one.valid_from else "",
    ]
    return " ".join([", ".join(filter(None, parts)) or "free", *filter(None, bounds)])
