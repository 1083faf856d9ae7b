"""A video that kills its runners is found out, and takes no other with it."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.suspects import BESIDE, CLAIMS_MAX, SUSPECT_FROM, may_step

ROUNDS_MAX = 2_000


@given(
    count=st.integers(1, 60), poisons=st.sets(st.integers(0, 59), max_size=2), seed=st.randoms(use_true_random=False)
)
def test_the_poisoned_are_found_and_the_innocent_get_through(count: int, poisons: set[int], seed: Random) -> None:
    """A runner claims all that is due in any order, steps what it may, and dies with all of it if a poisoned one is
    among them. What it may not step it hands back, which does not count."""
    claims = dict.fromkeys(range(count), 0)
    bad = {one for one in poisons if one < count}
    for _ in range(ROUNDS_MAX):
        order = list(claims)
        seed.shuffle(order)
        running: list[int] = []
        for one in order:
            if may_step(claims[one] + 1, [claims[other] for other in running]):
                claims[one] += 1
                running.append(one)
        found = {one for one in running if claims[one] > CLAIMS_MAX}
        assert found <= bad, "an innocent video was taken for poisoned"
        died = bool(bad & set(running) - found)
        for one in running:
            if one in found or not died:
                del claims[one]
        if not claims:
            return
    raise AssertionError(f"never came to an end: {claims}")


def test_the_last_tries_are_alone() -> None:
    """Nobody else can be the reason, and nobody is beside one that may be."""
    for claims in (CLAIMS_MAX, CLAIMS_MAX - 1):
        assert may_step(claims, [1, 1, 2])
        assert not may_step(claims, [SUSPECT_FROM])
        assert not may_step(SUSPECT_FROM, [claims])


@given(claims=st.integers(1, CLAIMS_MAX + 3), running=st.lists(st.integers(1, CLAIMS_MAX), max_size=20))
def test_what_is_no_suspect_waits_for_nobody(claims: int, running: list[int]) -> None:
    """Nor one that is poisoned: it is only written down."""
    if not SUSPECT_FROM <= claims <= CLAIMS_MAX:
        assert may_step(claims, running)
    elif may_step(claims, running):
        assert sum(one >= SUSPECT_FROM for one in running) < BESIDE[claims]
