"""Words for a job's state that nobody knows: counted by provider, and each new one said once, so that an operator sees
that a vendor speaks otherwise than it did.

Such a job is taken to go on, until a word that is known or the video's deadline: a paid clip is not thrown away for a
new word, and no wait is without an end.
"""

from __future__ import annotations

from typing import Final

from gateway import metrics
from gateway.log import log

WORDS_MAX: Final = 200
"""New words that one process says, of all providers; whatever comes then is only counted."""
CHARS_MAX: Final = 40


class OddWords:
    """One per process."""

    def __init__(self) -> None:
        self.said: set[tuple[str, str]] = set()

    def note(self, provider: str, word: str) -> bool:
        """Whether the word was new, and said."""
        metrics.odd_word(provider)
        told = (provider, _printable(word))
        if told in self.said or len(self.said) >= WORDS_MAX:
            return False
        self.said.add(told)
        log("state_not_known", level="warning", provider=provider, word=told[1])
        return True


def _printable(word: str) -> str:
    """A word and not a sentence: what is longer might be anything, a prompt too."""
    return word if word.isprintable() and len(word) <= CHARS_MAX else "(no word)"
