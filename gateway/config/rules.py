"""What several values of a configuration must be together. Pure: a configuration in, problems out, with their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import TypeAlias

from gateway.config.models import Config, PriceEntry
from gateway.config.problems import Path

Broken: TypeAlias = tuple[Path, str]


def broken_rules(config: Config) -> Iterator[Broken]:
    yield from _times(config)
    yield from _credentials(config)
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
                if _says_nothing(price):
                    yield ("models", name, "routes", index, "prices", at), 'needs per_second or per_clip ("0" if free)'


def _says_nothing(price: PriceEntry) -> bool:
    return price.per_second is None and price.per_clip is None
