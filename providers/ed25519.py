"""Ed25519 signatures, verified as RFC 8032 §5.1.7 says: for callbacks that a vendor signs with a published key.

Only public things pass through here, so its time may tell whatever it likes. A signature takes a few milliseconds.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error as NoBase64
from hashlib import sha512
from typing import Final, TypeAlias

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

P: Final = 2**255 - 19  # the field
ORDER: Final = 2**252 + 27742317777372353535851937790883648493  # of the base point
D: Final = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE: Final = pow(2, (P - 1) // 4, P)

# A point of the curve in extended coordinates: x = X/Z, y = Y/Z, xy = T/Z.
Point: TypeAlias = tuple[int, int, int, int]

NEUTRAL: Final[Point] = (0, 1, 1, 0)


def key_of(jwk_x: str) -> bytes | None:
    """The public key that a JWKS shows as `x`, or None."""
    try:
        key = urlsafe_b64decode(jwk_x + "=" * (-len(jwk_x) % 4))
    except (NoBase64, ValueError):
        return None
    return key if _point(key) is not None and len(key) == KEY_BYTES else None


def is_signature(signature: bytes, message: bytes, key: bytes) -> bool:
    """Whether the owner of this public key signed the message."""
    if len(signature) != SIGNATURE_BYTES or len(key) != KEY_BYTES:
        return False
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    public, commitment = _point(key), _point(r)
    if public is None or commitment is None or s >= ORDER:
        return False
    challenge = int.from_bytes(sha512(r + key + message).digest(), "little") % ORDER
    return _same(commitment, _difference(s, BASE, challenge, public))


def _point(encoded: bytes) -> Point | None:
    """The point that 32 bytes stand for; None for bytes that stand for none."""
    number = int.from_bytes(encoded, "little")
    y, odd = number & (2**255 - 1), number >> 255
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * ROOT_OF_MINUS_ONE % P
    if v * x * x % P != u or (x == 0 and odd):
        return None
    if x & 1 != odd:
        x = P - x
    return x, y, 1, x * y % P


def _sum(one: Point, other: Point) -> Point:
    """Complete: right for equal points as well."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _twice(one: Point) -> Point:
    x, y, z, _ = one
    a, b, c = x * x, y * y, 2 * z * z
    e, g, h = (x + y) * (x + y) - a - b, b - a, -a - b
    f = g - c
    return e * f % P, g * h % P, f * g % P, e * h % P


def _difference(plus: int, one: Point, minus: int, other: Point) -> Point:
    """`plus` times one point less `minus` times another, in one walk over the bits of both."""
    negated = (-other[0] % P, other[1], other[2], -other[3] % P)
    steps = (NEUTRAL, one, negated, _sum(one, negated))
    total = NEUTRAL
    for at in range(ORDER.bit_length() - 1, -1, -1):
        total = _twice(total)
        step = (plus >> at & 1) | (minus >> at & 1) << 1
        if step:
            total = _sum(total, steps[step])
    return total


def _same(one: Point, other: Point) -> bool:
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (one[1] * other[2] - other[1] * one[2]) % P == 0


def _base() -> Point:
    found = _point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    assert found is not None, "the base point is on the curve"
    return found


BASE: Final = _base()
