"""Who wants to hear of what: the targets of webhooks as this process last saw them.

Looked at about once a second, and before the first step: where nobody listens, a commit costs nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.domain.events import Event
from gateway.domain.targets import GATEWAY, Target, hears
from gateway.store.store import Store


class Hearers:
    """One per process; swapped in whole."""

    def __init__(self) -> None:
        self._changed: str | None = None
        self._every: dict[str, Target] = {}
        self._by_scope: dict[str, tuple[Target, ...]] = {}

    @property
    def known(self) -> bool:
        return self._changed is not None

    async def refresh(self, store: Store) -> None:
        """StoreAway: what was known stands."""
        changed = await store.targets_changed()
        if changed != self._changed:
            every = await store.targets()
            scopes = {one.scope for one in every}
            self._every = {one.id: one for one in every}
            self._by_scope = {scope: tuple(one for one in every if one.scope == scope) for scope in scopes}
            # Its name was read first: a change between the two reads is seen the next time.
            self._changed = changed

    def of(self, event: Event, *scopes: str) -> Iterator[Target]:
        """Those of the whole gateway and of these scopes that want it."""
        for scope in (GATEWAY, *scopes):
            for target in self._by_scope.get(scope, ()):
                if hears(target, event):
                    yield target

    def any_for(self, events: frozenset[Event]) -> bool:
        return any(hears(target, event) for target in self._every.values() for event in events)

    def target(self, target_id: str) -> Target | None:
        return self._every.get(target_id)
