"""Who changes something by hand: what an operator does, by command and over HTTP alike, and the audit log names."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from gateway.domain.audit import Deed
from providers.contract import Json


class Hand(Struct, frozen=True):
    """A key's id, `cli` or `serve`; with dice and a clock."""

    actor: str
    random: Callable[[int], bytes]
    now_ms: int

    def deed(self, action: str, what: str, before: Json = None, after: Json = None) -> Deed:
        """`what`: such as `video/video_…`."""
        return Deed(id=self.random(12).hex(), actor=self.actor, action=action, object=what, before=before, after=after)
