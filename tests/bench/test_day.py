"""The simulated day: `balanced` finds out by itself nearly what one would have done who had known."""

from __future__ import annotations

import pytest

from gateway.domain.strategies import Strategy
from tests.bench.day import HINDSIGHT, SEEDS, day


@pytest.mark.timeout(300)
def test_balanced_is_within_a_tenth_of_the_best_choice_in_hindsight() -> None:
    """By its own measure, in cost and in slow times, although nobody told it when vendors broke, slowed down or came
    back; and every video is completed all the same."""
    best, found = day(HINDSIGHT, SEEDS), day(Strategy.BALANCED.value, SEEDS)
    assert best.beside == 1
    assert found.beside <= 1.10
    assert found.usd_per_clip <= 1.10 * best.usd_per_clip
    assert found.p95_s <= 1.10 * best.p95_s
    assert found.success >= best.success - 0.03
    assert found.completed >= 0.999


def test_a_day_is_the_same_every_time() -> None:
    assert day(Strategy.ORDERED.value, (4,)) == day(Strategy.ORDERED.value, (4,))
