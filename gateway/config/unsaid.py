"""Words about a configuration without the values that nobody may read in them: what a text takes from the environment,
and the secrets that stand in it literally.

Problems and comparisons quote what stands in a text, and an alias or a reference brings a secret to any place of it.
So what was taken from the environment is told by its name, wherever it came to stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from msgspec.structs import replace

from gateway.config.document import HIDDEN, references
from gateway.config.masking import literal_secrets
from gateway.config.problems import ConfigError

Unsaid: TypeAlias = Mapping[str, str]
"""Values, each with what is said instead."""

WORD_CHARS_MAX: Final = 7
"""A value so short may be part of any word: it is hidden where it stands by itself."""
BEGINNING_CHARS: Final = 8
CUT: Final = "…"
NOT_TOLD: Final = "its value cannot stand here; it is a secret, or comes from the environment, and is not shown"


def unsaid_of(text: bytes, environ: Mapping[str, str]) -> Unsaid:
    """Of a text, whether it is a configuration or not."""
    try:
        found = dict.fromkeys(literal_secrets(text), HIDDEN)
    except (ConfigError, UnicodeDecodeError):
        found = {}
    for name in references(text):
        if value := environ.get(name, ""):
            found[value] = f"${{{name}}}"
    return found


def said(words: str, unsaid: Unsaid) -> str:
    """The words without these values. Where one was cut short, so that only its beginning is there, they are not told
    at all."""
    for value in sorted(unsaid, key=len, reverse=True):
        pattern = re.escape(value) if len(value) > WORD_CHARS_MAX else rf"(?<!\w){re.escape(value)}(?!\w)"
        words = re.sub(pattern, unsaid[value], words, flags=re.IGNORECASE)  # neither `${NAME}` nor HIDDEN is a template
    left = words.casefold() if CUT in words else ""
    cut_short = (value[:BEGINNING_CHARS].casefold() for value in unsaid if len(value) > BEGINNING_CHARS)
    return NOT_TOLD if any(one in left for one in cut_short) else words


def said_problems(error: ConfigError, unsaid: Unsaid) -> ConfigError:
    return ConfigError(error.file, [replace(one, reason=said(one.reason, unsaid)) for one in error.problems])
