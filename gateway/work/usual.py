"""How long clips usually take, as one process knows it: by model and length, for as long as nothing else was learnt."""

from __future__ import annotations

from typing import Final

KEPT_MAX: Final = 2_000  # models by lengths of clips
KEPT_S: Final = 1.0
"""Queues and lines are as old as that."""


class Usual:
    """One per process. Each entry is the usual time in s, None where it is unknown, and how many videos wait there."""

    def __init__(self) -> None:
        self._source: object = None
        self._until_s = 0.0
        self._kept: dict[tuple[str, str], tuple[float | None, int]] = {}

    def known(self, model: str, seconds: str, source: object, now_s: float) -> tuple[float | None, int] | None:
        """What was kept; None if nothing was, or it is old, or came from other observations than `source`."""
        if source is not self._source or now_s > self._until_s or len(self._kept) >= KEPT_MAX:
            self._kept.clear()
            self._source, self._until_s = source, now_s + KEPT_S
        return self._kept.get((model, seconds))

    def keep(self, model: str, seconds: str, found: tuple[float | None, int]) -> None:
        self._kept[(model, seconds)] = found
