"""Ed25519 as RFC 8032 tells it, plainly and slowly, for simulated vendors that sign. What verifies shares nothing with
it."""

from __future__ import annotations

import base64
from hashlib import sha512

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE = (BASE_X, 4 * pow(5, P - 2, P) % P)


class Signer:
    """One private key. `jwk_x`: the public one as a JWKS shows it."""

    def __init__(self, seed: bytes) -> None:
        digest = sha512(seed).digest()
        self._scalar = (int.from_bytes(digest[:32], "little") & (2**254 - 8)) | 2**254
        self._prefix = digest[32:]
        self.public = _encoded(_times(self._scalar, BASE))
        self.jwk_x = base64.urlsafe_b64encode(self.public).decode().rstrip("=")

    def sign(self, message: bytes) -> bytes:
        nonce = _number(self._prefix + message)
        commitment = _encoded(_times(nonce, BASE))
        answer = (nonce + _number(commitment + self.public + message) * self._scalar) % ORDER
        return commitment + answer.to_bytes(32, "little")


def _number(data: bytes) -> int:
    return int.from_bytes(sha512(data).digest(), "little") % ORDER


def _encoded(point: tuple[int, int]) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def _sum(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, P - 2, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, P - 2, P)
    return x % P, y % P


def _times(factor: int, point: tuple[int, int]) -> tuple[int, int]:
    total = (0, 1)
    for bit in bin(factor)[2:]:
        total = _sum(total, total)
        if bit == "1":
            total = _sum(total, point)
    return total
