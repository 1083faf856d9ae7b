"""A bill beside the books: nothing is passed over in silence, and nothing is reported that agrees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.amounts import PARTS
from gateway.domain.bills import Job
from gateway.domain.change import Posting
from gateway.domain.ids import attempt_key
from gateway.domain.ledger import Entry
from gateway.domain.moments import Period
from gateway.domain.reconcile import (
    NAMED_MAX,
    NAMES_MAX,
    Booked,
    Finding,
    Gathering,
    TooMany,
    What,
    names_of,
    reconcile,
)
from gateway.domain.videos import Video
from providers.contract import Json
from tests.store.samples import T0, attempt, video


def bill(**micros: int) -> dict[str, Job]:
    return {name: Job(line, 1, amount * PARTS) for line, (name, amount) in enumerate(micros.items(), 2)}


# --- comparing ---------------------------------------------------------------------------------------------------


def test_each_side_is_named() -> None:
    """An orphan, a difference, an unknown, and what agrees is only counted."""
    booked = [Booked("v.1", ("a",), 40), Booked("v.2", ("b",), 40), Booked("v.3", (), 7)]
    result = reconcile(bill(a=40, b=50, c=3), booked)
    assert result.findings == (
        Finding(what=What.DIFFERENCE, jobs=("b",), attempts=("v.2",), line=3, billed_micros=50, booked_micros=40),
        Finding(what=What.ORPHAN, jobs=("c",), line=4, billed_micros=3),
        Finding(what=What.UNKNOWN, attempts=("v.3",), booked_micros=7),
    )
    assert (result.agreed, result.jobs, result.attempts) == (1, 3, 3)
    assert (result.billed_micros, result.booked_micros) == (93, 87)


def test_nothing_needs_no_other_side() -> None:
    """A charge that was credited, a clip that was free, a hold given back."""
    booked = [Booked("v.1", ("b",), 0), Booked("v.2", (), 0)]
    assert reconcile(bill(a=0, b=0), booked).findings == ()


@pytest.mark.parametrize(("billed", "found"), [(89, 1), (90, 0), (100, 0), (110, 0), (111, 1)])
def test_a_tolerance_is_for_each_job(billed: int, found: int) -> None:
    """Exactly as much is still right."""
    assert len(reconcile(bill(a=billed), [Booked("v.1", ("a",), 100)], tolerance_micros=10).findings) == found


def test_what_is_still_held_is_told() -> None:
    """A vendor bills what our books have not ended."""
    (finding,) = reconcile(bill(a=40), [Booked("v.1", ("a",), 0, 40)]).findings
    assert (finding.what, finding.held_micros, finding.difference_micros) == (What.DIFFERENCE, 40, 40)


def test_a_finding_names_only_so_many() -> None:
    """A name that every attempt knows makes one finding, of a bounded size."""
    (finding,) = reconcile(bill(a=1), [Booked(f"v.{n}", ("a",), 1) for n in range(NAMED_MAX + 5)]).findings
    assert len(finding.attempts) == NAMED_MAX
    assert finding.booked_micros == NAMED_MAX + 5


_JOBS = st.integers(0, 9).map(str)
_MICROS = st.integers(-3, 3)
_BILLS = st.dictionaries(_JOBS, _MICROS)
# No more than a finding names.
_TIES = st.lists(st.tuples(st.lists(_JOBS, unique=True, max_size=3), _MICROS), max_size=NAMED_MAX)


@given(_BILLS, _TIES, st.integers(0, 2))
def test_the_findings_are_those_of_a_second_bookkeeper(
    micros: dict[str, int], ties: list[tuple[list[str], int]], tolerance: int
) -> None:
    """Who merges sets until nothing changes, and compares their sums."""
    booked = [
        Booked(f"v.{n}", tuple(job for job in jobs if job in micros), amount) for n, (jobs, amount) in enumerate(ties)
    ]
    groups = [({job}, set[int]()) for job in micros]
    for n, one in enumerate(booked):
        if one.jobs:
            touched = [group for group in groups if group[0] & set(one.jobs)]
            groups = [group for group in groups if group not in touched]
            groups.append((set().union(*(jobs for jobs, _ in touched)), {n}.union(*(ours for _, ours in touched))))
    expected = set()
    agreed = 0
    for jobs, ours in groups:
        theirs, cost = sum(micros[job] for job in jobs), sum(booked[n].micros for n in ours)
        if ours and abs(theirs - cost) > tolerance:
            expected.add((What.DIFFERENCE, frozenset(jobs), frozenset(f"v.{n}" for n in ours), theirs, cost))
        elif not ours and theirs:
            expected.add((What.ORPHAN, frozenset(jobs), frozenset(), theirs, 0))
        else:
            agreed += len(jobs)
    for one in booked:
        if not one.jobs and one.micros:
            expected.add((What.UNKNOWN, frozenset(), frozenset([one.attempt]), 0, one.micros))
    result = reconcile(bill(**micros), booked, tolerance_micros=tolerance)
    found = {
        (one.what, frozenset(one.jobs), frozenset(one.attempts), one.billed_micros, one.booked_micros)
        for one in result.findings
    }
    assert found == expected
    assert result.agreed == agreed
    if tolerance == 0:
        difference = result.billed_micros - result.booked_micros
        assert difference == sum(one.difference_micros for one in result.findings)


# --- gathering ---------------------------------------------------------------------------------------------------

REF: Json = {"id": "gen_1", "task": {"number": 7, "ok": True, "none": None}, "urls": ["https://acme.test/gen_1"]}
MADE = video(attempts=(replace(attempt(), ref={"id": "gen_1"}, closed_ms=T0),))
ONE = MADE.attempts[0]
NAME = f"{MADE.id}.1"
HOLD = ledger.hold(MADE, ONE)
SETTLE = ledger.settle(MADE, ONE, 300_000, presumed=False, reason="finished")
VOID = ledger.void(MADE, ONE, "refused")


def adjust(amount: int, ordinal: int = 1) -> Posting:
    return ledger.adjust(MADE, replace(ONE, adjusts=ordinal - 1), amount, "the vendor's bill")


def gathered(
    *postings: Posting,
    jobs: set[str] | None = None,
    record: Video | None = MADE,
    at_ms: int = T0,
    provider: str = "mock",
) -> list[Booked]:
    """What is left of these entries, made at `at_ms`, with a period of one millisecond: T0."""
    gathering = Gathering(provider, jobs or set(), Period(T0, T0 + 1))
    for posting in postings:
        entry = Entry(at_ms, posting)
        asked = gathering.asks([entry])
        gathering.add(entry, record if MADE.id in asked else None)
    for entry in gathering.open.values():
        gathering.add_open(entry, record)
    return list(gathering.booked)


def test_an_attempt_answers_to_every_part_of_its_ref() -> None:
    """Texts and numbers at any depth, its key, the key that follows from its name, and its name."""
    found = set(names_of(NAME, replace(ONE, ref=REF)))
    assert found == {NAME, attempt_key(NAME), "k1", "gen_1", "7", "https://acme.test/gen_1"}
    assert set(names_of(NAME, None)) == {NAME, attempt_key(NAME)}


def test_the_end_of_an_attempt_knows_its_job_without_the_record() -> None:
    """Settled or voided, by every part of the ref that the entry keeps; other entries keep none."""
    one = replace(ONE, ref=REF)
    ends = ledger.settle(MADE, one, 1, presumed=False, reason="finished"), ledger.void(MADE, one, "refused")
    for end in ends:
        assert set(names_of(NAME, None, end.ref)) == {NAME, attempt_key(NAME), "gen_1", "7", "https://acme.test/gen_1"}
        (booked,) = gathered(HOLD, end, jobs={"gen_1"}, record=None)
        assert booked.jobs == ("gen_1",)
    assert {ledger.hold(MADE, one).ref, ledger.adjust(MADE, one, 1, "bill").ref, HOLD.ref} == {""}


def test_a_ref_is_read_within_bounds() -> None:
    """However many parts it has."""
    many: Json = {str(n): str(n) for n in range(5 * NAMES_MAX)}
    assert len(list(names_of(NAME, replace(ONE, ref=many)))) <= NAMES_MAX + 3


@pytest.mark.parametrize(
    ("postings", "micros"),
    [
        ((HOLD, SETTLE), 300_000),
        ((HOLD, SETTLE, adjust(5), adjust(-7, 2)), 299_998),
        ((HOLD, VOID), 0),
        ((HOLD, VOID, adjust(9)), 9),
    ],
)
@pytest.mark.parametrize("at_ms", [T0, T0 + 999])
def test_an_attempt_costs_its_settle_and_its_adjusts(postings: tuple[Posting, ...], micros: int, at_ms: int) -> None:
    """Whenever it was, if the bill knows it."""
    assert gathered(*postings, jobs={"gen_1"}, at_ms=at_ms) == [Booked(NAME, ("gen_1",), micros)]


def test_an_open_attempt_has_cost_nothing_yet() -> None:
    """But its hold is known, if the bill knows it."""
    assert gathered(HOLD, jobs={"gen_1"}) == [Booked(NAME, ("gen_1",), 0, ONE.price_micros)]
    assert gathered(HOLD) == []


def test_only_the_period_s_spend_can_be_missing_on_the_bill() -> None:
    """What ended at another time, was free or was never ended is not looked for."""
    assert gathered(HOLD, SETTLE) == [Booked(NAME, (), 300_000)]
    assert gathered(HOLD, SETTLE, at_ms=T0 + 1) == []
    assert gathered(HOLD, VOID) == []


def test_a_late_adjust_belongs_to_when_its_attempt_ended() -> None:
    """Corrected in December, it is November's all the same."""
    late = replace(MADE, attempts=(replace(ONE, closed_ms=T0 + 5),))
    assert gathered(HOLD, VOID, adjust(9), at_ms=T0 + 5) == [Booked(NAME, (), 9)]
    assert gathered(HOLD, SETTLE, adjust(9), at_ms=T0 + 5, record=late) == []
    assert gathered(HOLD, SETTLE, adjust(9)) == [Booked(NAME, (), 300_009)]


def test_another_provider_s_entries_are_not_its_bill_s() -> None:
    """Not even if the ids are the same."""
    assert gathered(HOLD, SETTLE, jobs={"gen_1"}, provider="acme") == []


def test_what_is_kept_is_bounded() -> None:
    """Too much is refused with a sentence."""
    gathering = Gathering("mock", set(), Period(), kept_max=1)
    gathering.add(Entry(T0, SETTLE), MADE)
    with pytest.raises(TooMany, match="more than 1 attempts"):
        gathering.add(Entry(T0, replace(SETTLE, attempt="other")), None)
