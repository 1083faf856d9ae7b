"""What the store raises.

StoreAway      it does not answer, or refuses for a reason of its own: nothing is known to be written; try again later
BrokenRule     a change would have broken the books (a bug, never weather): nothing was written
LedgerTrimmed  entries left the ledger while it was read from end to end: nothing is known; read it again
StoreRefused   it cannot be started, or must not be used as it is configured: a sentence for the operator
"""

from __future__ import annotations


class StoreAway(Exception):
    """One class for all infrastructure trouble; the cause is chained. `operation`, for the log: which of ours
    it was."""

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(reason)
        self.operation = operation


class BrokenRule(Exception):
    """The script looked at a change and found amounts, entries or holds that cannot be."""


class LedgerTrimmed(Exception):
    def __init__(self) -> None:
        super().__init__("the ledger was trimmed while it was read; try again")


class StoreRefused(Exception):
    """The message says what to do about it."""
