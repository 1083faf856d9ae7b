"""Names in callbacks' addresses: ours are known again, and nothing else is taken for one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.ids import video_id
from gateway.domain.signing import attempt_of, callback_name
from gateway.domain.videos import attempt_id
from tests.support.videos import T0

SECRET = bytes(range(32))
VIDEO = video_id(T0, bytes(18))
NAME = callback_name(SECRET, "a", attempt_id(VIDEO, 2))


@given(st.integers(1, 64), st.binary(min_size=32, max_size=32))
def test_a_name_of_ours_is_known_again(ordinal: int, secret: bytes) -> None:
    assert attempt_of(secret, "a", callback_name(secret, "a", attempt_id(VIDEO, ordinal))) == (VIDEO, ordinal)


@given(st.integers(0, len(NAME) - 1), st.characters(codec="ascii"))
def test_a_name_with_one_letter_changed_is_nobodys(place: int, letter: str) -> None:
    changed = NAME[:place] + letter + NAME[place + 1 :]
    assert changed == NAME or attempt_of(SECRET, "a", changed) is None


@given(st.text(max_size=200))
def test_any_text_is_read_without_a_fault(text: str) -> None:
    assert attempt_of(SECRET, "a", text) is None


def test_a_name_is_of_one_provider_and_one_gateway() -> None:
    assert attempt_of(SECRET, "b", NAME) is None
    assert attempt_of(bytes(32), "a", NAME) is None
