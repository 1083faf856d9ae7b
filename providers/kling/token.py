"""The old standard's credential: a JWT from access key and secret key, HS256 by hand."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from typing import Final

import msgspec

LIFE_S: Final = 1_800
STEP_S: Final = 600  # one token serves so long; the last call that carries it has twenty minutes left
EARLY_S: Final = 5  # the vendor's clock may be behind
HEADER: Final = {"alg": "HS256", "typ": "JWT"}  # without `typ` it was seen to be refused


def token_of(access_key: str, secret_key: str, now_ms: int) -> str:
    """The token of these minutes: the same for every call in them."""
    now_s = now_ms // 1_000
    begun_s = now_s - now_s % STEP_S
    claims = {"iss": access_key, "exp": begun_s + LIFE_S, "nbf": begun_s - EARLY_S}
    text = b".".join(_encoded(msgspec.json.encode(part)) for part in (HEADER, claims))
    return b".".join((text, _encoded(hmac.digest(secret_key.encode(), text, "sha256")))).decode()


def _encoded(part: bytes) -> bytes:
    return urlsafe_b64encode(part).rstrip(b"=")
