"""Where adapters come from: a module of `providers` named like the kind, or an entry point of `telecine.providers`.

The gateway knows no vendor by name; the configuration says a kind, and this finds the class that calls itself so.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeAlias

import providers
from providers.contract import Adapter

GROUP = "telecine.providers"
CELLAR = frozenset({"contract", "described", "ed25519", "toolbox"})  # modules of `providers` that are no adapters

AnyAdapter: TypeAlias = type[Adapter[Any]]


class NoAdapter(Exception):
    """No adapter of that kind can be had; the message says why."""


def adapter_class(kind: str) -> AnyAdapter:
    """The adapter of a kind. Ours come first, so no installed package can take the place of one."""
    module = kind.replace("-", "_")
    if module not in CELLAR and importlib.util.find_spec(f"providers.{module}") is not None:
        return _of_module(kind, f"providers.{module}")
    for entry in entry_points(group=GROUP, name=kind):
        return _of_entry(kind, entry)
    raise NoAdapter(f'no adapter is called "{kind}"')


def known_kinds() -> list[str]:
    """Every kind that could be had, by name only: nothing is imported."""
    ours = [one.name for one in pkgutil.iter_modules(providers.__path__) if one.name not in CELLAR]
    return sorted({name.replace("_", "-") for name in ours} | {entry.name for entry in entry_points(group=GROUP)})


def _of_module(kind: str, name: str) -> AnyAdapter:
    module = importlib.import_module(name)
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Adapter) and getattr(value, "kind", None) == kind:
            return value
    raise NoAdapter(f'the module {name} holds no adapter that calls itself "{kind}"')


def _of_entry(kind: str, entry: EntryPoint) -> AnyAdapter:
    try:
        value = entry.load()
    except Exception as error:  # a foreign package may fail in any way; the operator needs to know which one
        raise NoAdapter(f'the adapter "{kind}" ({entry.value}) cannot be loaded: {error}') from error
    if not (isinstance(value, type) and issubclass(value, Adapter)):
        raise NoAdapter(f'the adapter "{kind}" ({entry.value}) is no adapter')
    return value
