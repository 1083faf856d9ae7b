"""Signatures are verified as RFC 8032 says: its own examples, and what nobody signed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.ed25519 import is_signature, key_of
from tests.support.ed25519_signer import ORDER, P, Signer

RFC_8032 = [  # §7.1, tests 1 to 3: secret, public key, message, signature
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
SIGNER = Signer(b"\x01" * 32)


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032)
def test_the_examples_of_the_standard_hold(secret: str, public: str, message: str, signature: str) -> None:
    """Here, and in the implementation that simulated vendors sign with."""
    key, text, mark = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert is_signature(mark, text, key)
    signer = Signer(bytes.fromhex(secret))
    assert (signer.public, signer.sign(text)) == (key, mark)
    assert key_of(signer.jwk_x) == key


@settings(max_examples=15)
@given(message=st.binary(max_size=40), at=st.integers(0, 64 * 8 - 1))
def test_a_signature_with_one_bit_changed_is_none(message: bytes, at: int) -> None:
    """Nor is it one of another message."""
    good = SIGNER.sign(message)
    bad = (int.from_bytes(good, "big") ^ (1 << at)).to_bytes(64, "big")
    assert is_signature(good, message, SIGNER.public)
    assert not is_signature(bad, message, SIGNER.public)
    assert not is_signature(good, message + b"!", SIGNER.public)


@given(signature=st.binary(max_size=70), message=st.binary(max_size=8), key=st.binary(max_size=40))
@settings(max_examples=50)
def test_what_is_no_signature_is_refused_without_an_error(signature: bytes, message: bytes, key: bytes) -> None:
    """Lengths, points that are none, keys that are none."""
    assert not is_signature(signature, message, key)
    assert not is_signature(signature, message, SIGNER.public)


def test_a_signature_has_one_form_only() -> None:
    """The same number beyond the group's order, and a point written beyond the field, are refused."""
    good = SIGNER.sign(b"x")
    beyond = int.from_bytes(good[32:], "little") + ORDER
    assert not is_signature(good[:32] + beyond.to_bytes(32, "little"), b"x", SIGNER.public)
    assert key_of("") is None and key_of("!") is None
    assert not is_signature((P + 1).to_bytes(32, "little") + good[32:], b"x", SIGNER.public)
