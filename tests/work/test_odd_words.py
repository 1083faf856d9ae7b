"""A vendor's new word for a state: counted each time, said once, never at length."""

from __future__ import annotations

from typing import Any

import pytest

from gateway import metrics
from gateway.work.odd_words import WORDS_MAX, OddWords


def counted(provider: str) -> float:
    for line in metrics.exposition().decode().splitlines():
        if line.startswith(f'telecine_states_not_known_total{{provider="{provider}"}}'):
            return float(line.rpartition(" ")[2])
    return 0.0


def test_each_word_of_a_provider_is_said_once_and_counted_always() -> None:
    """The same word of another provider is news."""
    odd = OddWords()
    said = [
        odd.note(provider, word) for provider, word in (("w1", "pondering"), ("w1", "pondering"), ("w2", "pondering"))
    ]
    assert said == [True, False, True]
    assert (counted("w1"), counted("w2")) == (2.0, 1.0)


def test_a_vendor_that_makes_words_up_fills_no_memory_and_no_log() -> None:
    odd = OddWords()
    assert sum(odd.note("w3", f"word{number}") for number in range(WORDS_MAX + 50)) == WORDS_MAX == len(odd.said)


@pytest.mark.parametrize("word", ["a paper boat on a lake, by night, in the rain", "line\nline"])
def test_what_is_no_word_is_not_repeated(word: str, capfd: Any) -> None:
    """It might be a prompt."""
    odd = OddWords()
    assert odd.note("w4", word) and odd.said == {("w4", "(no word)")}
    assert "boat" not in capfd.readouterr().err
