"""Identifiers, made from time and randomness given as arguments.

A video's id is `video_` and 48 hexadecimal digits, as OpenAI's are; the first twelve are the creation time in
milliseconds, so ids sort by time and a page of a list can begin after any id, a deleted one too.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

RANDOM_BYTES: Final = 18
VIDEO_ID: Final = re.compile(r"video_[0-9a-f]{48}", re.ASCII)
CHARACTER_ID: Final = re.compile(r"char_[0-9a-f]{48}", re.ASCII)


def video_id(now_ms: int, random: bytes) -> str:
    return "video_" + _timed(now_ms, random)


def character_id(now_ms: int, random: bytes) -> str:
    return "char_" + _timed(now_ms, random)


def request_id(random: bytes) -> str:
    return "req_" + random[:16].hex()


def project_id(random: bytes) -> str:
    return "proj_" + random[:12].hex()


def key_id(random: bytes) -> str:
    return "key_" + random[:12].hex()


def attempt_key(attempt: str) -> str:
    """The idempotency key of an attempt, the same for every sending: a UUID-shaped digest of its name."""
    text = hashlib.sha256(attempt.encode("ascii")).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"


def _timed(now_ms: int, random: bytes) -> str:
    assert len(random) == RANDOM_BYTES
    return f"{now_ms:012x}"[-12:] + random.hex()
