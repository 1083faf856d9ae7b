"""The books: which counters an attempt touches, the entries that move them, and the sum that they must make.

Pure arithmetic. A hold reserves an attempt's price; exactly one settle or void ends it; an adjust corrects what was
settled, when the truth is known. What a vendor charges beyond belief is a dispute, which moves nothing, until an
operator's word ends it with an adjust. A counter is named `<scope>/<name>/<window>/<period>`, in UTC:
`project/proj_1/day/2026-11-21`, `project/proj_1/month/2026-11`, `project/proj_1/total`, `gateway/total`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.change import Kind, Posting
from gateway.domain.money import AMOUNT_MICROS_MAX
from gateway.domain.videos import Attempt, State, Video, attempt_id

DAY_MS = 86_400_000
FAULTS_MAX = 1_000  # named; a ledger with more is lost anyway

# --- counters and windows ----------------------------------------------------------------------------------------


def counters_of(key_id: str, project: str, provider: str, now_ms: int) -> tuple[str, ...]:
    """Every counter that a hold made now touches: four scopes in three windows, cap or none."""
    return _counters(key_id, project, provider, now_ms // DAY_MS)


@lru_cache(maxsize=1_024)
def _counters(key_id: str, project: str, provider: str, days: int) -> tuple[str, ...]:
    day = utc_day(days * DAY_MS)
    scopes = (f"key/{key_id}", f"project/{project}", f"provider/{provider}", "gateway")
    windows = (f"day/{day}", f"month/{day[:7]}", "total")
    return tuple(f"{scope}/{window}" for scope in scopes for window in windows)


def utc_day(at_ms: int) -> str:
    """2026-11-21"""
    return _day_called(at_ms // DAY_MS)


@lru_cache(maxsize=1_024)
def _day_called(days: int) -> str:
    return datetime.fromtimestamp(days * DAY_MS // 1_000, UTC).strftime("%Y-%m-%d")


def window_until_ms(now_ms: int) -> int:
    """When the counters of a hold made now are no longer the right ones: the end of the UTC day."""
    return now_ms - now_ms % DAY_MS + DAY_MS


# --- the entries -------------------------------------------------------------------------------------------------


def hold(video: Video, attempt: Attempt) -> Posting:
    """Reserve the attempt's price."""
    return _posting(video, attempt, Kind.HOLD, amount_micros=attempt.price_micros)


def settle(
    video: Video, attempt: Attempt, amount_micros: int, *, presumed: bool, reason: str, on_house: bool = False
) -> Posting:
    """End the hold as spent. `presumed`: nobody knows the true amount yet; `on_house`: key and project do not bear
    it."""
    return _posting(
        video,
        attempt,
        Kind.SETTLE,
        answers=hold_id(video, attempt),
        amount_micros=amount_micros,
        released_micros=attempt.price_micros,
        presumed=presumed,
        spared=spared_of(attempt.counters) if on_house else 0,
        reason=reason,
    )


def spared_of(counters: tuple[str, ...]) -> int:
    """How many counters do not bear what the house does: those of key and project, which come first."""
    return sum(one.startswith(("key/", "project/")) for one in counters)


def for_clip(video: Video, posting: Posting) -> Posting:
    """A posting about the attempt whose clip the video shows; its settle says what the plan's dearest route costs."""
    kept = [choice.price_micros or 0 for choice in video.plan if choice.dropped is None]
    dearest = max(kept, default=0) if posting.kind is Kind.SETTLE else 0
    return replace(posting, delivered=True, dearest_micros=dearest)


def void(video: Video, attempt: Attempt, reason: str) -> Posting:
    """End the hold as free. Only on proof."""
    return _posting(
        video,
        attempt,
        Kind.VOID,
        answers=hold_id(video, attempt),
        amount_micros=0,
        released_micros=attempt.price_micros,
        reason=reason,
    )


def dispute(video: Video, attempt: Attempt, amount_micros: int, *, reason: str, on_house: bool = False) -> Posting:
    """What the vendor charged beyond belief, outside the counters until an operator decides."""
    return _posting(
        video,
        attempt,
        Kind.DISPUTE,
        answers=hold_id(video, attempt),
        amount_micros=amount_micros,
        spared=spared_of(attempt.counters) if on_house else 0,
        reason=reason,
    )


def adjust(video: Video, attempt: Attempt, amount_micros: int, reason: str, *, decides: bool = False) -> Posting:
    """Correct what an ended hold cost by a signed amount, borne by whom its settle was. It answers the hold, which
    names the counters, however that ended; with `decides` the attempt's dispute."""
    return _posting(
        video,
        attempt,
        Kind.ADJUST,
        suffix=f".{attempt.adjusts + 1}",
        answers=dispute_id(video, attempt) if decides else hold_id(video, attempt),
        amount_micros=amount_micros,
        spared=attempt.spared,
        reason=reason,
    )


def hold_id(video: Video, attempt: Attempt) -> str:
    return f"{attempt_id(video.id, attempt.ordinal)}:{Kind.HOLD}"


def dispute_id(video: Video, attempt: Attempt) -> str:
    return f"{attempt_id(video.id, attempt.ordinal)}:{Kind.DISPUTE}"


def _posting(
    video: Video,
    attempt: Attempt,
    kind: Kind,
    *,
    amount_micros: int,
    suffix: str = "",
    answers: str | None = None,
    released_micros: int = 0,
    presumed: bool = False,
    spared: int = 0,
    reason: str = "",
) -> Posting:
    assert abs(amount_micros) <= AMOUNT_MICROS_MAX
    assert amount_micros >= 0 or kind is Kind.ADJUST
    assert attempt.counters, "an attempt names the counters of its hold"
    name = attempt_id(video.id, attempt.ordinal)
    return Posting(
        id=f"{name}:{kind}{suffix}",
        kind=kind,
        answers=answers,
        amount_micros=amount_micros,
        released_micros=released_micros,
        counters=attempt.counters,
        video=video.id,
        model=video.request.model,
        tags=tags_text(video),
        attempt=name,
        key_id=video.key_id,
        project=video.project,
        provider=attempt.provider,
        route=attempt.route,
        delivered=kind is Kind.ADJUST and video.state is State.COMPLETED and attempt.ordinal == video.current,
        presumed=presumed,
        spared=spared,
        ref=_ref_text(attempt) if kind in ENDS else "",
        reason=reason,
    )


def _ref_text(attempt: Attempt) -> str:
    """A bill is compared with the books when the record may have gone: the entry keeps what names the job."""
    return msgspec.json.encode(attempt.ref, order="deterministic").decode() if attempt.ref is not None else ""


def tags_text(video: Video) -> str:
    """The video's tags as a JSON object in one fixed order, empty for none. The admission has bounded them."""
    tags = video.tags
    return msgspec.json.encode(tags, order="sorted").decode() if tags else ""


# --- the sum -----------------------------------------------------------------------------------------------------


class Balance(Struct, frozen=True):
    held_micros: int = 0
    settled_micros: int = 0


class Entry(Struct, frozen=True):
    """A posting as the ledger keeps it."""

    at_ms: int
    posting: Posting


class Books(Struct, frozen=True):
    """What the entries add up to, and the rules they break."""

    counters: dict[str, Balance]
    open_holds: dict[str, int]
    disputes: dict[str, int]  # that nobody has decided
    faults: tuple[str, ...]


def moves(posting: Posting) -> Balance:
    """What a posting adds to each of its counters, the spared ones' settled side aside."""
    amount = posting.amount_micros
    return {
        Kind.HOLD: Balance(amount, 0),
        Kind.SETTLE: Balance(-posting.released_micros, amount),
        Kind.VOID: Balance(-posting.released_micros, 0),
        Kind.ADJUST: Balance(0, amount),
        Kind.DISPUTE: Balance(0, 0),
        Kind.CARRY: Balance(0, amount),
    }[posting.kind]


class Tally:
    """Adds up a ledger, entry by entry from the first. What it keeps of closed holds is their names."""

    def __init__(self) -> None:
        self.open: dict[str, Posting] = {}  # holds that nothing has ended yet
        self.disputed: dict[str, Posting] = {}  # disputes that nobody has decided yet
        self._held: defaultdict[str, int] = defaultdict(int)
        self._settled: defaultdict[str, int] = defaultdict(int)
        self._seen: dict[str, tuple[str, ...]] = {}
        self._counters: dict[tuple[str, ...], tuple[str, ...]] = {}  # each list of counters once
        self._carried: set[str] = set()
        self._faults: list[str] = []

    def add(self, entry: Entry) -> None:
        posting = entry.posting
        if len(self._faults) < FAULTS_MAX:
            self._faults += self._broken(posting)
        self._seen[posting.id] = self._counters.setdefault(posting.counters, posting.counters)
        if posting.kind is Kind.HOLD:
            self.open[posting.id] = posting
        elif posting.kind is Kind.DISPUTE:
            self.disputed[posting.id] = posting
        elif posting.kind in ENDS:
            self.open.pop(posting.answers or "", None)
        else:
            self.disputed.pop(posting.answers or "", None)
        move = moves(posting)
        for at, counter in enumerate(posting.counters):
            self._held[counter] += move.held_micros
            self._settled[counter] += move.settled_micros if at >= posting.spared else 0

    def books(self) -> Books:
        counters = {name: Balance(self._held[name], self._settled[name]) for name in self._held}
        open_holds = {name: posting.amount_micros for name, posting in self.open.items()}
        disputes = {name: posting.amount_micros for name, posting in self.disputed.items()}
        return Books(counters, open_holds, disputes, tuple(self._faults))

    def _broken(self, posting: Posting) -> list[str]:
        """The rules that an entry breaks, given the entries before it."""
        name, answers = posting.id, posting.answers or ""
        faults = [f"entry {name} stands in the ledger twice"] if name in self._seen else []
        if posting.kind is Kind.HOLD:
            return faults
        if posting.kind is Kind.CARRY:
            return faults + self._carries_badly(posting)
        if answers not in self._seen:
            faults.append(f"entry {name} answers {answers or 'nothing'}, which is not in the ledger before it")
        elif self._seen[answers] != posting.counters:
            faults.append(f"entry {name} touches other counters than {answers}, which it answers")
        elif posting.kind in ENDS:
            faults += _ends_badly(posting, self.open.get(answers))
        elif is_dispute(answers):
            faults += _decides_badly(posting, self.disputed.get(answers))
        return faults

    def _carries_badly(self, posting: Posting) -> list[str]:
        """A carry is of one counter, and a counter has one."""
        (counter, *more), told = posting.counters, posting.answers or posting.released_micros or posting.spared
        faults = [f"entry {posting.id} is no carry of one counter"] if more or told else []
        if counter in self._carried:
            faults.append(f"entry {posting.id} carries {counter}, which another carries too")
        self._carried.add(counter)
        return faults


ENDS: Final = frozenset({Kind.SETTLE, Kind.VOID})


def is_dispute(entry_id: str) -> bool:
    return entry_id.endswith(f":{Kind.DISPUTE}")


def _ends_badly(posting: Posting, hold: Posting | None) -> Iterator[str]:
    if hold is None:
        yield f"entry {posting.id} ends {posting.answers}, which had ended before"
    elif hold.amount_micros != posting.released_micros:
        yield (
            f"entry {posting.id} releases {posting.released_micros} micro-dollars of {posting.answers}, "
            f"which holds {hold.amount_micros}"
        )


def _decides_badly(posting: Posting, dispute: Posting | None) -> Iterator[str]:
    if dispute is None:
        yield f"entry {posting.id} decides {posting.answers}, which had been decided before"
    elif not 0 <= posting.amount_micros <= dispute.amount_micros:
        yield (
            f"entry {posting.id} books {posting.amount_micros} micro-dollars of {posting.answers}, "
            f"which is about {dispute.amount_micros}"
        )


def differences(
    books: Books, counters: Mapping[str, Balance], open_holds: Mapping[str, int], disputes: Mapping[str, int]
) -> list[str]:
    """Where the store's counters, open holds and disputes are not what the entries add up to, one sentence each."""
    found = list(books.faults)
    for name in sorted(books.counters.keys() | counters.keys()):
        booked, stored = books.counters.get(name, Balance()), counters.get(name, Balance())
        for word, entries, counter in (
            ("held", booked.held_micros, stored.held_micros),
            ("settled", booked.settled_micros, stored.settled_micros),
        ):
            if entries != counter:
                found.append(f"counter {name} says {counter} micro-dollars {word}, its entries add up to {entries}")
    for word, booked_open, stored_open in (
        ("hold", books.open_holds, open_holds),
        ("dispute", books.disputes, disputes),
    ):
        for name in sorted(booked_open.keys() | stored_open.keys()):
            ours, theirs = booked_open.get(name), stored_open.get(name)
            if ours != theirs:
                found.append(f"{word} {name} is {_said(theirs)} in the store and {_said(ours)} by the entries")
    return found


def _said(micros: int | None) -> str:
    return "not open" if micros is None else f"open with {micros} micro-dollars"
