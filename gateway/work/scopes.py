"""Scopes of budgets as people write them: `project:films`, `key:ID`, `provider:NAME`, `gateway`."""

from __future__ import annotations

from collections.abc import Collection

from gateway.config.models import Config
from gateway.domain.budgets import Window
from gateway.store.store import Store


class NoScope(Exception):
    """Nothing has this name: a typing error would cap nothing. `kind` is empty where it is no scope at all."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind = kind
        self.name = name


async def full_scope(store: Store, text: str, providers: Collection[str] | None) -> str:
    """As the store names it. NoScope. `providers`: those that are configured; None: any name will do."""
    kind, colon, name = text.partition(":")
    match kind:
        case "gateway" if not colon:
            return "gateway"
        case "project":
            project = await store.find_project(name)
            if project is not None:
                return f"project/{project.id}"
        case "key":
            if await store.find_key(name) is not None:
                return f"key/{name}"
        case "provider":
            if providers is None or name in providers:
                return f"provider/{name}"
        case _:
            kind = ""
    raise NoScope(kind, name)


def bound_by_balance(scope: str, window: Window, config: Config) -> str | None:
    """The provider whose account's balance sets this very budget: by hand it would last a minute."""
    kind, _, name = scope.partition("/")
    provider = config.providers.get(name)
    bound = kind == "provider" and window is Window.TOTAL and provider is not None and provider.balance == "budget"
    return name if bound else None
