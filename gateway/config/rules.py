"""What several values of a configuration must be together. Pure: a configuration in, problems out, with their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Final, TypeAlias

from gateway.config.models import Config, Modifier, PriceEntry
from gateway.config.problems import Path

Broken: TypeAlias = tuple[Path, str]

MODIFIERS: Final = ("image", "remix", "edit", "extend")
"""The keys of a price line that hold one."""


def broken_rules(config: Config) -> Iterator[Broken]:
    yield from _times(config)
    yield from _retention(config)
    yield from _credentials(config)
    yield from _balances(config)
    yield from _routes(config)
    yield from _names(config)
    yield from _prices(config)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "providers"?`, or the known words when none is near."""
    words = sorted(known)
    if near := get_close_matches(word, words, n=1):
        return f'; did you mean "{near[0]}"?'
    return f"; known here: {', '.join(words[:20])}" if words else ""


def _times(config: Config) -> Iterator[Broken]:
    lease_s = config.gateway.lease_s
    if config.gateway.send_by_s >= lease_s:
        yield ("gateway", "send_by_s"), f"must be shorter than gateway.lease_s ({lease_s:g})"
    for name, provider in config.providers.items():
        if provider.poll_timeout_s >= lease_s:
            yield ("providers", name, "poll_timeout_s"), f"must be shorter than gateway.lease_s ({lease_s:g})"
        if provider.poll_min_s > provider.poll_max_s:
            yield ("providers", name, "poll_min_s"), f"must not be longer than poll_max_s ({provider.poll_max_s:g})"


def _retention(config: Config) -> Iterator[Broken]:
    if config.retention.ledger < config.retention.videos:
        yield ("retention", "ledger"), "must not be shorter than retention.videos: a record needs its entries"


def _balances(config: Config) -> Iterator[Broken]:
    for name, provider in config.providers.items():
        if provider.balance_keep is not None and provider.balance != "budget":
            yield ("providers", name, "balance_keep"), "is for `balance: budget` only"


def _credentials(config: Config) -> Iterator[Broken]:
    """What a header can carry. A key that was read from a file often brings its line's end along."""
    for name, provider in config.providers.items():
        key = provider.api_key.get_secret_value() if provider.api_key is not None else ""
        if not (key.isascii() and key.isprintable()) or key != key.strip():
            yield (
                ("providers", name, "api_key"),
                "must be printable ASCII in one line, without spaces at its ends",
            )


def _routes(config: Config) -> Iterator[Broken]:
    for name, model in config.models.items():
        seen: set[str] = set()
        for index, entry in enumerate(model.routes):
            path: Path = ("models", name, "routes", index)
            provider = entry.route.partition("/")[0]
            if provider not in config.providers:
                yield path, f'no provider is called "{provider}"{did_you_mean(provider, config.providers)}'
            if entry.route in seen:
                yield path, "the model names this route twice"
            seen.add(entry.route)
            late = entry.late
            if late is not None and (late.failover_after_s is None) == (late.failover_after is None):
                yield (*path, "late"), "needs one of failover_after_s and failover_after"
        if not any(entry.weight for entry in model.routes):
            yield ("models", name, "routes"), "at least one route needs a weight above 0"


def _names(config: Config) -> Iterator[Broken]:
    owner = {name: name for name in config.models}
    for name, model in config.models.items():
        for index, alias in enumerate(model.aliases):
            if alias in owner:
                yield ("models", name, "aliases", index), f'"{alias}" is already a name of models.{owner[alias]}'
            owner.setdefault(alias, name)


def _prices(config: Config) -> Iterator[Broken]:
    for name, model in config.models.items():
        for index, entry in enumerate(model.routes):
            for at, price in enumerate(entry.prices or ()):
                path: Path = ("models", name, "routes", index, "prices", at)
                yield from ((path + below, reason) for below, reason in _line(price))


def _line(price: PriceEntry) -> Iterator[Broken]:
    """A line speaks of dollars or of credits, and credits need a rate."""
    in_dollars = price.per_second is not None or price.per_clip is not None
    in_credits = price.credits_per_second is not None or price.credits_per_clip is not None
    if in_dollars and in_credits:
        yield (), "is in dollars and in credits; keep one of them"
    if not in_dollars and not in_credits:
        yield (), 'needs per_second or per_clip, or credits_per_second or credits_per_clip ("0" if free)'
    if in_credits and price.credit_usd is None:
        yield (), "credits need a rate: credit_usd, what one is worth in dollars"
    if price.credit_usd == 0:
        yield ("credit_usd",), "must be more than 0"
    for key in MODIFIERS:
        modifier: Modifier | None = getattr(price, key)
        if modifier is None:
            continue
        if sum(one is not None for one in (modifier.factor, modifier.add, modifier.add_credits)) != 1:
            yield (key,), "needs one of factor, add and add_credits"
        if modifier.add_credits is not None and price.credit_usd is None:
            yield (key, "add_credits"), "credits need a rate: credit_usd in the same line"
