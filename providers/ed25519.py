"""Ed25519 signatures (RFC 8032), verified: for callbacks that a vendor signs with a published key."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error as NoBase64
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY_BYTES: Final = 32


def key_of(jwk_x: str) -> bytes | None:
    """The public key that a JWKS shows as `x`, or None."""
    try:
        key = urlsafe_b64decode(jwk_x + "=" * (-len(jwk_x) % 4))
    except (NoBase64, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def is_signature(signature: bytes, message: bytes, key: bytes) -> bool:
    """Whether the owner of this public key signed the message."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
