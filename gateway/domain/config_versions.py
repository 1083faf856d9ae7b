"""Versions of the configuration: what every replica serves by, and what is known of each. Pure.

A version is a text with a number. The text is the unit: comments and order are part of it, and rolling back is a new
version with an old text.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from msgspec import Struct

NOTE_MAX: Final = 500
"""Characters of a note about a version."""


def config_digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:12]


class ConfigFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is written down with a version. `actor`: a key's id, `cli` and who typed it, or `file`; `replica`: whose
    file follows, "" for none's."""

    digest: str
    actor: str
    note: str = ""
    replica: str = ""
    restores: int = 0  # the version that was rolled back to; 0: none


class ConfigVersion(Struct, frozen=True, kw_only=True):
    """`at_ms`: by the store's clock."""

    number: int
    at_ms: int
    facts: ConfigFacts


class ConfigNow(Struct, frozen=True, kw_only=True):
    """The version that counts, with its text as it was written."""

    version: ConfigVersion
    text: bytes


encode_facts = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ConfigFacts).decode


def version_of(number: int, raw: bytes) -> ConfigVersion:
    """From the store's line about it: `at_ms facts`. DecodeError, ValueError."""
    at_ms, _, facts = raw.partition(b" ")
    return ConfigVersion(number=number, at_ms=int(at_ms), facts=_decode(facts))


def latest_with(digest: str, versions: tuple[ConfigVersion, ...]) -> ConfigVersion | None:
    """The latest version of a text, among those that are known."""
    return max((one for one in versions if one.facts.digest == digest), key=lambda one: one.number, default=None)


def is_edit(digest: str, before: str, versions: tuple[ConfigVersion, ...]) -> bool:
    """Whether a file that now has the text `digest`, and had `before`, was edited by somebody.

    A file that moves on to the text of a later version follows: another process of ours wrote it. One that goes back to
    an earlier version's was put there. Without `before` (a start) any known text stands for *not edited*.
    """
    now = latest_with(digest, versions)
    if now is None:
        return True
    was = latest_with(before, versions) if before else None
    return was is not None and now.number < was.number
