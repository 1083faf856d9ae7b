"""The writing of an id: small, closed to everybody without a key, and equal for what is equal.

An id stands in records, listings and logs of whoever asked for the job, and it carries the prompt.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

ID_CHARS_MAX: Final = 2_000
PLAIN_BYTES_MAX: Final = 4_096


class Unsealed(Exception):
    """Nothing that was closed under one of these keys."""


class Seal:
    """`keys`: the first one closes, every one opens."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = tuple(map(AESSIV, keys))

    def close(self, prefix: str, plain: bytes) -> str:
        """What one prefix closes another does not open."""
        closed = self._ciphers[0].encrypt(zlib.compress(plain, 9), [prefix.encode("ascii")])
        return prefix + base64.urlsafe_b64encode(closed).rstrip(b"=").decode("ascii")

    def open(self, prefix: str, text: str) -> bytes:
        """Unsealed for anything else."""
        if not text.startswith(prefix) or len(text) > ID_CHARS_MAX:
            raise Unsealed("another prefix, or too long")
        packed = text[len(prefix) :]
        try:
            closed = base64.b64decode(packed + "=" * (-len(packed) % 4), b"-_", validate=True)
            unzip = zlib.decompressobj()
            plain = unzip.decompress(self._opened(prefix, closed), PLAIN_BYTES_MAX)
        except (binascii.Error, zlib.error, ValueError) as error:
            raise Unsealed("another form") from error
        if not unzip.eof:
            raise Unsealed("too large")
        return plain

    def _opened(self, prefix: str, closed: bytes) -> bytes:
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(closed, [prefix.encode("ascii")])
            except InvalidTag:
                continue
        return closed  # written without a key, as older sandboxes did: it proves nothing, and nothing rests on that
