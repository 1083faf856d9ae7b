"""A store that forgot commits, by a restored backup or a replica that took over too early: what is noted, for how long.

Whoever notices writes it into the store itself, so that every worker and every later start knows: nobody submits until
an operator has accepted it. From then on a planned attempt that is older than the note counts as in doubt, for it may
have been sent in the time that was forgotten.
"""

from __future__ import annotations

from typing import Final

from gateway.store.loader import ACCEPT_REWIND, NOTE_REWIND
from gateway.store.outcomes import Rewound
from gateway.store.room import Room

FIELDS: Final = ("noted_ms", "accepted_ms", "remembered", "met", "promoted")
# The gateway's clock, by which attempts are dated, and the server's, by which the note is.
CLOCKS_APART_MS: Final = 5_000


class Rewinds(Room):
    _noted: Rewound | None = None
    _doubts_until_ms: int = 0

    @property
    def rewound(self) -> Rewound | None:
        """Set once the store was found to have forgotten commits, until an operator accepts it."""
        return self._sequence.rewound or self._noted

    @property
    def doubts_until_ms(self) -> int:
        """An attempt planned up to then may have been sent by a commit that was forgotten; 0: none."""
        return self._doubts_until_ms

    async def watch(self) -> None:
        """Note what this process noticed, and learn what others did."""
        mine = self._sequence.rewound
        if mine is not None:
            words = (self._now_ms(), mine.remembered, mine.met, "1" if mine.promoted else "")
            await self._link.run(NOTE_REWIND, (self._names.rewound,), words)
        noted, accepted, *rest = await self._link.command("HMGET", self._names.rewound, *FIELDS)
        self._noted = _read(rest) if noted is not None and accepted is None else None
        self._doubts_until_ms = _until_ms(noted, accepted)
        if self._sequence.rewound is mine:
            self._sequence.rewound = None

    async def note_backup(self) -> None:
        """An operator's word that commits are missing, where nobody remembers them who could notice."""
        seen = self._sequence.seen
        await self._link.run(NOTE_REWIND, (self._names.rewound,), (self._now_ms(), seen, seen, ""))
        await self.watch()

    async def accept_rewind(self) -> bool:
        """Let submissions go on. False if there is nothing to accept."""
        accepted = bool(await self._link.run(ACCEPT_REWIND, (self._names.rewound,), (self._now_ms(),)))
        await self.watch()
        return accepted


def _until_ms(noted: bytes | None, accepted: bytes | None) -> int:
    """What was planned after the operator's word was planned by somebody who knew."""
    if noted is None:
        return 0
    until_ms = int(noted) + CLOCKS_APART_MS
    return until_ms if accepted is None else min(until_ms, int(accepted))


def _read(words: list[bytes]) -> Rewound:
    remembered, met, promoted = words
    return Rewound(int(remembered), int(met), promoted == b"1")
