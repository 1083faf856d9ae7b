"""What is made of the secret that all replicas share.

The name of an attempt in a callback's address is under an HMAC of ours: whoever knows it was told it by us, and only a
sending tells it. The vendor's name is under it too, so one vendor's address is of no use in the name of another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final

from gateway.domain.ids import VIDEO_ID

SECRET_BYTES: Final = 32
MAC_BYTES: Final = 18  # no padding in base64

_NAME: Final = re.compile(rf"(({VIDEO_ID.pattern})\.([1-9][0-9]?))\.([A-Za-z0-9_-]{{24}})", re.ASCII)


def callback_name(secret: bytes, provider: str, attempt: str) -> str:
    """`<attempt id>.<mac>`; the same for every sending of an attempt."""
    return f"{attempt}.{_mac(secret, provider, attempt)}"


def attempt_of(secret: bytes, provider: str, name: str) -> tuple[str, int] | None:
    """(video id, ordinal) of a name that we made for this provider, None for any other."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    attempt, mac = match[1], match[match.lastindex or 0]
    if not hmac.compare_digest(mac, _mac(secret, provider, attempt)):
        return None
    video_id, _, ordinal = attempt.rpartition(".")
    return video_id, int(ordinal)


def sandbox_key(secret: bytes) -> bytes:
    """Under which ids of the mock's jobs are closed; of no use for anything else."""
    return hmac.digest(secret, b"sandbox", hashlib.sha256)


def _mac(secret: bytes, provider: str, attempt: str) -> str:
    digest = hmac.digest(secret, f"callback|{provider}|{attempt}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:MAC_BYTES]).decode("ascii")
