"""Projects and keys: who pays and who asks. A key's secret is shown once; only its digest is kept.

A secret carries 256 random bits, so a plain SHA-256 is as good as a slow hash, and looking it up by digest leaves
nothing to compare in secret-dependent time.
"""

from __future__ import annotations

import base64
import hashlib
from enum import StrEnum

from msgspec import Struct

from gateway.domain.errors import NoKey, WrongKey
from gateway.domain.limits import NOTHING, Limits
from providers.contract import Ref

SECRET_PREFIX = "sk-tc-"  # noqa: S105 - a public prefix, not a secret
SECRET_BYTES = 32
SECRET_CHARS_MAX = 512
OVERLAP_S = 24 * 3_600  # that a secret stays valid beside the one that follows it
OVERLAP_S_MAX = 90 * 24 * 3_600


class Status(StrEnum):
    ACTIVE = "active"
    REVOKED = "revoked"
    CLOSED = "closed"


class Project(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    created_ms: int
    status: Status = Status.ACTIVE
    limits: Limits = NOTHING


class Key(Struct, frozen=True, kw_only=True):
    id: str
    project: str
    name: str = ""
    role: int = 1  # 1 uses, 10 administers, 100 controls
    created_ms: int
    expires_ms: int = 0  # 0: never
    status: Status = Status.ACTIVE
    limits: Limits = NOTHING


class Character(Struct, frozen=True, kw_only=True):
    """Belongs to a project, and is good on one vendor's account only."""

    id: str
    project: str
    name: str
    created_ms: int
    account: str
    ref: Ref


class Standing(Struct, frozen=True):
    """A key as the store knows it, with its project's status and limits beside it."""

    key: Key
    project_status: Status
    project_limits: Limits = NOTHING


def new_secret(random: bytes) -> str:
    """SECRET_BYTES of randomness as the text that a user puts into an SDK."""
    assert len(random) == SECRET_BYTES
    return SECRET_PREFIX + base64.urlsafe_b64encode(random).rstrip(b"=").decode("ascii")


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def bearer_digest(authorization: str | None) -> str:
    """`Authorization: Bearer …` -> the digest to look up. NoKey or WrongKey."""
    scheme, _, secret = (authorization or "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret:
        raise NoKey(
            "You did not provide an API key. Send it in the Authorization header: `Authorization: Bearer YOUR_KEY`."
        )
    if len(secret) > SECRET_CHARS_MAX:
        raise WrongKey("Incorrect API key provided.")
    return digest(secret)


def admit_key(standing: Standing | None, now_ms: int) -> Key:
    """The key, if it may ask now. WrongKey with one and the same message otherwise: nothing is told to a guesser."""
    if standing is not None:
        key = standing.key
        expired = bool(key.expires_ms) and now_ms >= key.expires_ms
        if key.status is Status.ACTIVE and standing.project_status is Status.ACTIVE and not expired:
            return key
    raise WrongKey("Incorrect API key provided. Ask your administrator for a key of this gateway.")
