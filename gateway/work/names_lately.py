"""The names that series may have: those of the configuration, and those that left it a short while ago.

What left may still have videos that end, and their figures should be seen once more; after that its series are gone
from `/metrics`, so that a removed provider is not shown for ever.
"""

from __future__ import annotations

from typing import Final

from gateway.metrics import Named
from gateway.snapshot import Snapshot

KEPT_S: Final = 3_600.0
LEFT_MAX: Final = 10_000


class NamesLately:
    """One per process; asked at least every minute, it knows when a name left. `left`: (kind, name) -> since when."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._now: dict[str, frozenset[str]] = {}
        self._left: dict[tuple[str, str], float] = {}

    def known(self, snapshot: Snapshot, now_s: float) -> Named:
        """`now_s`: of any clock that does not go back."""
        if snapshot is not self._snapshot:
            self._take(snapshot, now_s)
        self._left = {one: at for one, at in self._left.items() if now_s - at < KEPT_S}
        kinds = {kind: names | {name for one, name in self._left if one == kind} for kind, names in self._now.items()}
        return Named(kinds["provider"], kinds["route"], kinds["model"])

    def _take(self, snapshot: Snapshot, now_s: float) -> None:
        fresh = {
            "provider": frozenset(snapshot.endpoints),
            "route": frozenset(snapshot.routes),
            "model": frozenset(snapshot.models),
        }
        for kind, names in self._now.items():
            self._left.update({(kind, one): now_s for one in names - fresh[kind]})
        while len(self._left) > LEFT_MAX:
            self._left.pop(next(iter(self._left)))
        self._snapshot, self._now = snapshot, fresh
