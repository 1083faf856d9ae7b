"""A vendor's bill beside our books: what is on one side only, and what differs.

Pure. `Gathering` adds up, entry by entry, what each attempt of a provider cost; it keeps those attempts that the bill
knows, and those it should know. `reconcile` compares. A ref is opaque, so a job of the bill is an attempt's if its id
is any text or number in the attempt's ref, its idempotency key, or its own name.

What is connected is compared as one: an attempt that two jobs of the bill name, or a job that two attempts know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence, Sized
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from gateway.domain.bills import Job
from gateway.domain.change import Kind
from gateway.domain.ids import attempt_key
from gateway.domain.ledger import Entry
from gateway.domain.moments import Period
from gateway.domain.videos import Attempt, Video, attempt_id
from providers.contract import Json

KEPT_MAX: Final = 2_000_000  # attempts; a million take some 400 MB
NAMES_MAX: Final = 1_000  # of one attempt: a ref has at most 4 KB
NAMED_MAX: Final = 10  # jobs and attempts that one finding names


class TooMany(Exception):
    """A sentence for the operator."""


# --- our side ------------------------------------------------------------------------------------------------------


class Booked(Struct, gc=False):
    """What an attempt cost by our books. `jobs`: of the bill, that are its; `held_micros`: it has not ended."""

    attempt: str
    jobs: tuple[str, ...]
    micros: int = 0
    held_micros: int = 0


class Gathering:
    """`asks` for the records that some entries need, then `add` each of them; at the end the `open` holds."""

    def __init__(self, provider: str, jobs: Container[str], period: Period, *, kept_max: int = KEPT_MAX) -> None:
        self.open: dict[str, Entry] = {}  # holds that nothing has ended yet, by attempt
        self.seen = False  # whether the ledger knows the provider at all
        self._provider = provider
        self._jobs = jobs
        self.period = period
        self._kept: dict[str, Booked] = {}
        self._kept_max = kept_max

    @property
    def booked(self) -> Collection[Booked]:
        return self._kept.values()

    def asks(self, entries: Iterable[Entry]) -> list[str]:
        """The videos whose records `add` needs for these."""
        attempts = (one.posting for one in entries if self._ends(one) and one.posting.attempt not in self._kept)
        return list(dict.fromkeys(posting.video for posting in attempts))

    def add(self, entry: Entry, video: Video | None) -> None:
        """`video`: its record, if it was asked for and is still there."""
        posting = entry.posting
        if posting.provider != self._provider:
            return
        self.seen = True
        if posting.kind is Kind.HOLD:
            self._make_room(self.open)
            self.open[posting.attempt] = entry
        if not self._ends(entry):
            return
        amount = 0 if posting.kind is Kind.VOID else posting.amount_micros
        ended = posting.kind is not Kind.ADJUST
        if ended:
            self.open.pop(posting.attempt, None)
        booked = self._kept.get(posting.attempt)
        if booked is None:
            attempt = _attempt(video, posting.attempt)
            at_ms = entry.at_ms if ended or attempt is None else attempt.closed_ms or entry.at_ms
            wanted = amount != 0 and self.period.holds(at_ms)
            booked = self._keep(posting.attempt, attempt, wanted=wanted, ref=posting.ref)
        if booked is not None:
            booked.micros += amount

    def add_open(self, entry: Entry, video: Video | None) -> None:
        """An attempt that the ledger left open."""
        name = entry.posting.attempt
        booked = self._kept.get(name) or self._keep(name, _attempt(video, name), wanted=False, ref="")
        if booked is not None:
            booked.held_micros = entry.posting.amount_micros

    def _ends(self, entry: Entry) -> bool:
        """Whether an entry says what an attempt of the provider cost. Disputes and carried sums do not."""
        return entry.posting.provider == self._provider and entry.posting.kind in _COSTS

    def _keep(self, name: str, attempt: Attempt | None, *, wanted: bool, ref: str) -> Booked | None:
        """None for an attempt that is neither on the bill nor `wanted` there: it is forgotten."""
        jobs = tuple(one for one in dict.fromkeys(names_of(name, attempt, ref)) if one in self._jobs)
        if not jobs and not wanted:
            return None
        self._make_room(self._kept)
        booked = self._kept[name] = Booked(name, jobs)
        return booked

    def _make_room(self, kept: Sized) -> None:
        if len(kept) >= self._kept_max:
            raise TooMany(f"there are more than {self._kept_max} attempts to compare; take a shorter bill and period")


_COSTS: Final = frozenset({Kind.SETTLE, Kind.VOID, Kind.ADJUST})


def names_of(name: str, attempt: Attempt | None, ref: str = "") -> Iterator[str]:
    """Everything that a bill may call an attempt; `ref`: the handle that its end names, for the record may be gone."""
    yield name
    yield attempt_key(name)
    if ref:
        yield from _leaves(msgspec.json.decode(ref))
    if attempt is not None:
        yield attempt.key
        yield from _leaves(attempt.ref)


def _leaves(ref: Json) -> Iterator[str]:
    """Every text and number in a ref, as text."""
    waiting: list[Json] = [ref]
    for _ in range(NAMES_MAX):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str) or (isinstance(one, int | float) and not isinstance(one, bool)):
            yield str(one)


def _attempt(video: Video | None, name: str) -> Attempt | None:
    """By its name; None where the record is gone."""
    attempts = video.attempts if video is not None else ()
    return next((one for one in attempts if video is not None and attempt_id(video.id, one.ordinal) == name), None)


# --- both sides ----------------------------------------------------------------------------------------------------


class What(StrEnum):
    ORPHAN = "orphan"  # billed, but no attempt of ours knows the job
    UNKNOWN = "unknown"  # we settled it in the bill's period, and the bill does not know it
    DIFFERENCE = "difference"  # both know it, by other amounts


class Finding(Struct, frozen=True, kw_only=True):
    """At most NAMED_MAX jobs and attempts by name; `line`: the first of the bill that is meant, 0: none."""

    what: What
    jobs: tuple[str, ...] = ()
    attempts: tuple[str, ...] = ()
    line: int = 0
    billed_micros: int = 0
    booked_micros: int = 0
    held_micros: int = 0  # of attempts that have not ended

    @property
    def difference_micros(self) -> int:
        return self.billed_micros - self.booked_micros


class Reconciled(Struct, frozen=True, kw_only=True):
    """`billed_micros` is the whole bill; `booked_micros` what its attempts, and those it should know, cost us."""

    findings: tuple[Finding, ...]
    agreed: int  # jobs on which both sides agree
    jobs: int
    attempts: int
    billed_micros: int
    booked_micros: int

    def count(self, what: What) -> int:
        return sum(one.what is what for one in self.findings)

    def sum_micros(self, what: What) -> int:
        return sum(one.difference_micros for one in self.findings if one.what is what)


def reconcile(bill: Mapping[str, Job], booked: Collection[Booked], *, tolerance_micros: int = 0) -> Reconciled:
    """Orphans and differences in the bill's order, then what the bill does not know. Nothing needs no other side: a
    job that adds up to zero is no orphan, an attempt that was free no unknown."""
    head = _connected(booked)
    ours: defaultdict[str, list[Booked]] = defaultdict(list)
    for one in booked:
        if one.jobs:
            ours[_top(head, one.jobs[0])].append(one)
    theirs: defaultdict[str, list[str]] = defaultdict(list)
    for job in bill:
        theirs[_top(head, job)].append(job)
    findings: list[Finding] = []
    agreed = 0
    for top, jobs in theirs.items():
        finding = _compared(bill, jobs, ours.get(top, ()), tolerance_micros)
        if finding is None:
            agreed += len(jobs)
        else:
            findings.append(finding)
    findings += [
        Finding(what=What.UNKNOWN, attempts=(one.attempt,), booked_micros=one.micros)
        for one in booked
        if not one.jobs and one.micros
    ]
    return Reconciled(
        findings=tuple(findings),
        agreed=agreed,
        jobs=len(bill),
        attempts=len(booked),
        billed_micros=sum(job.micros for job in bill.values()),
        booked_micros=sum(one.micros for one in booked),
    )


def _compared(
    bill: Mapping[str, Job], jobs: Sequence[str], attempts: Sequence[Booked], tolerance_micros: int
) -> Finding | None:
    """What is wrong between connected jobs and attempts."""
    billed = sum(bill[job].micros for job in jobs)
    cost = sum(one.micros for one in attempts)
    if (not attempts and not billed) or (attempts and abs(billed - cost) <= tolerance_micros):
        return None
    return Finding(
        what=What.DIFFERENCE if attempts else What.ORPHAN,
        jobs=tuple(jobs[:NAMED_MAX]),
        attempts=tuple(one.attempt for one in attempts[:NAMED_MAX]),
        line=bill[jobs[0]].line,
        billed_micros=billed,
        booked_micros=cost,
        held_micros=sum(one.held_micros for one in attempts),
    )


def _connected(booked: Iterable[Booked]) -> dict[str, str]:
    """Of jobs that one attempt knows: each leads towards one of them, which stands for all. The rest stand alone."""
    head: dict[str, str] = {}
    for one in booked:
        for job in one.jobs[1:]:
            first, other = _top(head, one.jobs[0]), _top(head, job)
            if first != other:
                head[other] = first
    return head


def _top(head: dict[str, str], job: str) -> str:
    """Ways are halved as they are walked, so none stays long."""
    while (up := head.get(job)) is not None:
        further = head.get(up)
        if further is not None:
            head[job] = further
        job = up
    return job
