"""Which entries at the ledger's front may leave it: whole attempts, all of whose entries are old enough.

Pure. In a busy gateway there is no moment at which nothing is held, so no front of the ledger is closed; but every
attempt in it ends. `Front` collects entries, in the ledger's order, into attempts, and gives out those that are whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from gateway.domain.ledger import Entry


class Sheaf(Struct):
    """The entries of one attempt, by their ids in the ledger's stream."""

    video: str
    attempt: str
    ids: list[str] = []


class Front:
    """`add` entries until it says that they are too young; then `take` what is whole, by the number of entries that
    each attempt has."""

    def __init__(self, before_ms: int) -> None:
        self._before_ms = before_ms
        self._sheaves: dict[str, Sheaf] = {}
        self._touched: dict[str, Sheaf] = {}  # since something was taken

    def __len__(self) -> int:
        return len(self._sheaves)

    @property
    def touched(self) -> Sequence[Sheaf]:
        """Those that had an entry since the last `take`."""
        return list(self._touched.values())

    def add(self, stream_id: str, entry: Entry) -> bool:
        """False: neither this one nor what comes after it is old enough. A carry belongs to no attempt."""
        posting = entry.posting
        if not posting.attempt:
            return True
        if entry.at_ms > self._before_ms:
            return False
        sheaf = self._sheaves.get(posting.attempt)
        if sheaf is None:
            sheaf = self._sheaves[posting.attempt] = Sheaf(posting.video, posting.attempt)
        sheaf.ids.append(stream_id)
        self._touched[posting.attempt] = sheaf
        return True

    def take(self, sizes: Mapping[str, int]) -> list[Sheaf]:
        """Those of `sizes` that are complete. They are not given out again."""
        whole = [one for one in self.touched if sizes.get(one.attempt) == len(one.ids)]
        for one in whole:
            del self._sheaves[one.attempt]
        self._touched.clear()
        return whole
