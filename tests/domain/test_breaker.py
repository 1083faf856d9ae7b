"""The breaker: when it opens, what closes it; never stuck, and no more probes through than its budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.domain.breaker import (
    BLAMED,
    LEASE_MS_MAX,
    OPEN_MS_MAX,
    OPENS_KEPT_MS,
    STREAK_MS,
    TABLE,
    Breaker,
    Meaning,
    Reason,
    Rules,
    Scope,
    State,
    Turn,
    after,
    free_probes,
    reset,
    sane,
    state_of,
    take_probe,
)
from gateway.domain.observations import Observation, Sign
from gateway.domain.verdicts import TAXONOMY
from providers.contract import Why
from tests.domain.test_health import moments, observations
from tests.support.seeing import seen
from tests.support.videos import T0

RULES = Rules(failures=5, share=0.5, open_s=30, probes=2)
ROUTE, PROVIDER = Scope.ROUTE, Scope.PROVIDER


def told(breaker: Breaker, *stories: Observation, scope: Scope = ROUTE, rules: Rules = RULES) -> Breaker:
    """After these observations, each folded when it was made."""
    for one in stories:
        breaker = after(breaker, scope, Turn(one, one.at_ms, rules, 0.5))
    return breaker


def opened(sign: Sign = Sign.REFUSED) -> Breaker:
    return told(Breaker(), *[seen(sign)] * 5)


def half_open(sign: Sign = Sign.REFUSED) -> tuple[Breaker, int]:
    breaker = opened(sign)
    return breaker, breaker.until_ms


def test_the_table_is_total() -> None:
    assert set(TABLE) == {(state, meaning) for state in State for meaning in Meaning}


def test_every_class_that_breaks_is_blamed_on_somebody_and_no_other() -> None:
    """The closed taxonomy decides alone."""
    assert set(BLAMED) == {why for why, row in TAXONOMY.items() if row.breaks}


@pytest.mark.parametrize("sign", [Sign.REFUSED, Sign.BROKE])
def test_it_opens_on_failures_in_a_row(sign: Sign) -> None:
    """Neither one earlier nor where they lie far apart."""
    assert state_of(told(Breaker(), *[seen(sign)] * 4), T0) is State.CLOSED
    breaker = told(Breaker(), *[seen(sign)] * 5)
    assert (state_of(breaker, T0), breaker.reason) == (State.OPEN, Reason.FAILURES)
    apart = [seen(sign, at_ms=T0 + turn * (STREAK_MS + 1)) for turn in range(20)]
    assert state_of(told(Breaker(), *apart), apart[-1].at_ms) is State.CLOSED


def test_acceptances_make_up_for_refusals_and_not_for_broken_jobs() -> None:
    """A vendor that accepts everything and renders nothing is found out."""
    kind = [seen(Sign.REFUSED), seen(Sign.REFUSED), seen(Sign.ACCEPTED)]
    assert state_of(told(Breaker(), *kind * 3), T0) is State.CLOSED
    useless = [seen(Sign.ACCEPTED), seen(Sign.BROKE)]
    assert state_of(told(Breaker(), *useless * 5), T0) is State.OPEN


def test_it_opens_on_a_share_of_failures_over_enough_observations() -> None:
    """Never so many in a row, and yet every second one."""
    turns = [seen(Sign.CLIP), seen(Sign.BROKE)]
    assert state_of(told(Breaker(), *turns * 4), T0) is State.CLOSED
    breaker = told(Breaker(), *turns * 6)
    assert (state_of(breaker, T0), breaker.reason) == (State.OPEN, Reason.SHARE)
    rare = [seen(Sign.CLIP), seen(Sign.CLIP), seen(Sign.BROKE)]
    assert state_of(told(Breaker(), *rare * 30), T0) is State.CLOSED


@pytest.mark.parametrize("why", [Why.UNAUTHORISED, Why.NO_CREDIT])
def test_no_key_and_no_credit_open_the_provider_at_once(why: Why) -> None:
    """And leave the route alone: it opens again with its provider."""
    breaker = told(Breaker(), seen(Sign.REFUSED, why), scope=PROVIDER)
    assert (state_of(breaker, T0), breaker.reason) == (State.OPEN, why.value)
    assert state_of(told(Breaker(), *[seen(Sign.REFUSED, why)] * 9), T0) is State.CLOSED


@pytest.mark.parametrize("why", [Why.INTERNAL, Why.UNREADABLE, Why.NOT_FOUND])
def test_what_one_model_does_wrong_does_not_open_its_provider(why: Why) -> None:
    assert state_of(told(Breaker(), *[seen(Sign.BROKE, why)] * 50, scope=PROVIDER), T0) is State.CLOSED


@given(st.lists(st.sampled_from([Sign.NEUTRAL, Sign.LATE, Sign.RENDERED]), max_size=50), st.sampled_from(Scope))
def test_what_clients_do_never_opens_it(signs: list[Sign], scope: Scope) -> None:
    """Blocked, invalid, cancelled, given up: all of that is neutral."""
    assert state_of(told(Breaker(), *map(seen, signs), scope=scope), T0) is State.CLOSED


def test_each_opening_in_a_row_lasts_longer_up_to_a_bound() -> None:
    """With jitter between half and the whole."""
    breaker, now_ms, times = opened(), T0, []
    for _ in range(12):
        times.append(breaker.until_ms - breaker.opened_ms)
        now_ms = breaker.until_ms
        breaker = told(breaker, seen(Sign.REFUSED, at_ms=now_ms))
        assert breaker.reason == Reason.PROBE
    assert times[:3] == [22_500, 45_000, 90_000]
    assert max(times) == round(0.75 * OPEN_MS_MAX)
    for jitter, part in ((0.0, 0.5), (0.999999, 1.0)):
        one = Breaker()
        for _ in range(5):
            one = after(one, ROUTE, Turn(seen(Sign.REFUSED), T0, RULES, jitter))
        assert one.until_ms - T0 == pytest.approx(30_000 * part, abs=2)


def test_it_forgets_old_openings() -> None:
    """Soon after it closed it opens for longer; long after, as at the first time."""
    breaker, now_ms = half_open()
    closed = told(breaker, seen(Sign.ACCEPTED, at_ms=now_ms))
    for later_ms, opens in ((1_000, 2), (OPENS_KEPT_MS + 1, 1)):
        again = told(closed, *[seen(Sign.REFUSED, at_ms=now_ms + later_ms)] * 5)
        assert again.opens == opens


def test_an_acceptance_closes_what_refusals_opened() -> None:
    breaker, now_ms = half_open()
    assert state_of(breaker, now_ms) is State.HALF_OPEN
    closed = told(breaker, seen(Sign.ACCEPTED, at_ms=now_ms))
    assert state_of(closed, now_ms) is State.CLOSED
    assert (closed.bad, closed.refused_row) == (0, 0)


def test_a_clip_alone_closes_what_broken_jobs_opened() -> None:
    breaker, now_ms = half_open(Sign.BROKE)
    accepted = told(breaker, seen(Sign.ACCEPTED, at_ms=now_ms))
    assert state_of(accepted, now_ms) is State.HALF_OPEN
    assert state_of(told(accepted, seen(Sign.CLIP, at_ms=now_ms)), now_ms) is State.CLOSED


@pytest.mark.parametrize("sign", [Sign.ACCEPTED, Sign.CLIP, Sign.REFUSED, Sign.BROKE])
def test_attempts_from_before_decide_nothing(sign: Sign) -> None:
    """They were sent when nobody knew; while it is open, and when it is half-open."""
    breaker, now_ms = half_open()
    late = seen(sign, at_ms=now_ms, sent_ms=T0)
    found = told(breaker, late)
    assert (found.opened_ms, found.until_ms) == (breaker.opened_ms, breaker.until_ms)
    early = seen(sign, at_ms=now_ms - 1)
    assert told(breaker, early).until_ms == breaker.until_ms


def test_a_probe_is_told_by_its_attempt_even_if_clocks_differ() -> None:
    breaker, now_ms = half_open()
    taken = take_probe(breaker, "v.1", now_ms, probes=2, lease_ms=60_000)
    assert taken is not None
    end = seen(Sign.ACCEPTED, at_ms=now_ms + 500, sent_ms=now_ms - 50, attempt="v.1")
    assert state_of(told(taken, end), now_ms + 500) is State.CLOSED


def test_a_probe_that_says_nothing_is_given_back() -> None:
    """A blocked prompt proves neither; the next one may try."""
    breaker, now_ms = half_open()
    for name in ("v.1", "v.2"):
        taken = take_probe(breaker, name, now_ms, probes=2, lease_ms=60_000)
        assert taken is not None
        breaker = taken
    assert take_probe(breaker, "v.3", now_ms, probes=2, lease_ms=60_000) is None
    assert take_probe(breaker, "v.2", now_ms, probes=2, lease_ms=60_000) is not None
    breaker = told(breaker, seen(Sign.NEUTRAL, at_ms=now_ms, attempt="v.1"))
    assert take_probe(breaker, "v.3", now_ms, probes=2, lease_ms=60_000) is not None


def test_a_probe_whose_worker_died_comes_back_by_itself() -> None:
    breaker, now_ms = half_open()
    taken = take_probe(breaker, "v.1", now_ms, probes=1, lease_ms=60_000)
    assert taken is not None and free_probes(taken, now_ms, 1) == 0
    assert take_probe(taken, "v.2", now_ms + 59_999, probes=1, lease_ms=60_000) is None
    assert take_probe(taken, "v.2", now_ms + 60_000, probes=1, lease_ms=60_000) is not None


def test_open_lets_nothing_through_and_closed_needs_no_probe() -> None:
    assert take_probe(opened(), "v.1", T0, probes=2, lease_ms=1) is None
    passed = take_probe(Breaker(), "v.1", T0, probes=2, lease_ms=1)
    assert passed is not None and passed.probes == {}


@pytest.mark.parametrize("why", [Why.INTERNAL, Why.NO_CREDIT])
def test_where_it_is_not_wanted_it_never_opens(why: Why) -> None:
    for scope in Scope:
        breaker = told(Breaker(), *[seen(Sign.REFUSED, why)] * 50, scope=scope, rules=Rules(opens=False))
        assert state_of(breaker, T0) is State.CLOSED


def test_an_operator_closes_it() -> None:
    assert state_of(reset(T0), T0) is State.CLOSED and reset(T0).opens == 0


@st.composite
def any_breaker(draw: st.DrawFn) -> Breaker:
    """Also what no clock of ours would write."""
    weights = st.floats(0, 10**6, allow_nan=False)
    return Breaker(
        opened_ms=draw(moments), until_ms=draw(moments), reason=draw(st.sampled_from(Reason)).value,
        rendering=draw(st.booleans()), opens=draw(st.integers(0, 50)), closed_ms=draw(moments),
        refused_row=draw(st.integers(0, 9)), broken_row=draw(st.integers(0, 9)), row_ms=draw(moments),
        good=draw(weights), bad=draw(weights), tally_ms=draw(moments),
        probes=draw(st.dictionaries(st.sampled_from(["v.1", "v.2", "v.3", "v.4"]), moments)),
    )  # fmt: skip


@given(any_breaker(), moments, st.integers(1, 3))
def test_it_is_never_stuck(breaker: Breaker, now_ms: int, probes: int) -> None:
    """Whatever is written there, once somebody has looked at it, a probe is let through in bounded time."""
    looked = sane(breaker, now_ms)
    then_ms = now_ms + max(OPEN_MS_MAX, LEASE_MS_MAX)
    assert take_probe(looked, "v.9", then_ms, probes=probes, lease_ms=1_000) is not None


@given(any_breaker(), observations, moments, st.sampled_from(Scope), st.floats(0, 0.999))
def test_one_observation_does_not_stick_either(
    breaker: Breaker, one: Observation, now_ms: int, scope: Scope, jitter: float
) -> None:
    """It stays open for no longer than the bound from the time of whoever folded."""
    found = after(breaker, scope, Turn(one, now_ms, RULES, jitter))
    assert found.until_ms <= now_ms + OPEN_MS_MAX
    assert take_probe(found, "v.9", now_ms + LEASE_MS_MAX, probes=1, lease_ms=1) is not None


class Probing(RuleBasedStateMachine):
    """A breaker in use: whatever happens in whatever order, no more probes are out than the budget."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.now_ms, self.number = Breaker(), T0, 0
        self.out: dict[str, int] = {}  # attempts that were let through while it was half-open -> end of the lease

    @rule(sign=st.sampled_from(Sign), whose=st.integers(0, 5), sent_ms=st.sampled_from([T0, 2**52]))
    def see(self, sign: Sign, whose: int, sent_ms: int) -> None:
        attempt = f"v.{max(0, self.number - whose)}"
        one = seen(sign, at_ms=self.now_ms, sent_ms=min(sent_ms, self.now_ms), attempt=attempt)
        was_open = self.breaker.opened_ms
        self.breaker = after(self.breaker, ROUTE, Turn(one, self.now_ms, RULES, 0.5))
        if self.breaker.opened_ms != was_open:
            self.out = {}
        elif sign in (Sign.NEUTRAL, Sign.LATE):
            self.out.pop(attempt, None)

    @rule()
    def ask(self) -> None:
        self.number += 1
        half = state_of(self.breaker, self.now_ms) is State.HALF_OPEN
        taken = take_probe(self.breaker, f"v.{self.number}", self.now_ms, probes=RULES.probes, lease_ms=60_000)
        if taken is not None:
            self.breaker = taken
            if half:
                self.out[f"v.{self.number}"] = self.now_ms + 60_000

    @rule(ms=st.sampled_from([1, 1_000, 20_000, 40_000, 100_000]))
    def wait(self, ms: int) -> None:
        self.now_ms += ms

    @invariant()
    def no_more_than_the_budget(self) -> None:
        if state_of(self.breaker, self.now_ms) is State.HALF_OPEN:
            assert sum(1 for end in self.out.values() if end > self.now_ms) <= RULES.probes


TestProbing = Probing.TestCase
