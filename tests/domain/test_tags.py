"""Default tags: whose word wins, what fits, and what an operator may write."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import ledger
from gateway.domain.ids import key_id, project_id
from gateway.domain.limits import Limits, Owned
from gateway.domain.tags import TAGS_MAX, class_of, default_tags, parse_class, parse_tag
from gateway.domain.videos import Video, decode_video, encode_public, encode_video
from tests.store.samples import video

NAMES = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=2)
TAGS = st.dictionaries(NAMES, st.sampled_from("kpm"), max_size=TAGS_MAX)


def owned(key: dict[str, str], project: dict[str, str]) -> tuple[Owned, ...]:
    return (Owned("this API key", Limits(tags=key)), Owned("this project", Limits(tags=project)))


def tagged(metadata: dict[str, str], defaults: dict[str, str]) -> Video:
    made = video(default_tags=defaults)
    return msgspec.structs.replace(made, request=msgspec.structs.replace(made.request, metadata=metadata))


def test_the_request_wins_over_its_key_and_that_over_its_project() -> None:
    owners = owned({"b": "key", "c": "key"}, {"a": "project", "b": "project", "c": "project"})
    assert default_tags(owners, {"c": "mine"}) == {"a": "project", "b": "key"}
    assert tagged({"c": "mine"}, {"a": "project", "b": "key"}).tags == {"a": "project", "b": "key", "c": "mine"}


@given(key=TAGS, project=TAGS, metadata=TAGS)
def test_tags_are_never_too_many_and_none_is_lost_without_need(
    key: dict[str, str], project: dict[str, str], metadata: dict[str, str]
) -> None:
    """Whatever a request names stays; defaults are left out from the project's last to the key's first."""
    defaults = default_tags(owned(key, project), metadata)
    tags = tagged(metadata, defaults).tags
    ranked = [name for owner in (metadata, dict(sorted(key.items())), dict(sorted(project.items()))) for name in owner]
    kept = list(dict.fromkeys(ranked))[:TAGS_MAX]
    assert tags == {name: {**project, **key, **metadata}[name] for name in kept}
    assert not defaults.keys() & metadata.keys()


def test_every_posting_carries_them_in_one_order_and_the_face_none() -> None:
    made = tagged({"c": "3"}, {"b": "2", "a": "1"})
    attempt = made.attempts[0]
    postings = (
        ledger.hold(made, attempt),
        ledger.settle(made, attempt, 1, presumed=True, reason=""),
        ledger.void(made, attempt, ""),
        ledger.adjust(made, attempt, 1, ""),
    )
    assert {one.tags for one in postings} == {'{"a":"1","b":"2","c":"3"}'}
    assert msgspec.json.decode(encode_public(made))["metadata"] == {"c": "3"}
    assert ledger.tags_text(video()) == ""


def test_a_record_without_default_tags_is_read() -> None:
    """Its tags are its metadata."""
    made = tagged({"c": "3"}, {})
    assert b"default_tags" not in encode_video(made)
    assert decode_video(encode_video(made)).tags == {"c": "3"}
    assert decode_video(encode_video(tagged({}, {"a": "1"}))).tags == {"a": "1"}


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("campaign=spring", ("campaign", "spring")),
        ("a b=c d", ("a b", "c d")),
        ("k=v=w", ("k", "v=w")),
        ("é=日", ("é", "日")),
        (f"{'n' * 64}={'v' * 512}", ("n" * 64, "v" * 512)),
    ],
)
def test_a_tag_is_a_name_and_a_value(text: str, tag: tuple[str, str]) -> None:
    assert parse_tag(text) == tag


@pytest.mark.parametrize(
    "text",
    ["", "campaign", "=", "=spring", "campaign=", " a=b", "a =b", "a= b", "a=b\n", "a\0=b", "a=\udcff", "a=b\u2028c",
     f"{'n' * 65}=v", f"n={'v' * 513}"],
)  # fmt: skip
def test_what_is_no_tag_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="tag") as caught:
        parse_tag(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


@given(st.text())
def test_any_text_is_a_tag_within_the_bounds_or_refused(text: str) -> None:
    try:
        name, value = parse_tag(text)
    except ValueError:
        return
    assert f"{name}={value}" == text
    assert 1 <= len(name) <= 64 and 1 <= len(value) <= 512


@pytest.mark.parametrize(("key", "project", "told"), [("", "", ""), ("", "trial", "trial"), ("own", "trial", "own")])
def test_a_keys_class_goes_before_its_projects(key: str, project: str, told: str) -> None:
    owners = (Owned("this API key", Limits(project_class=key)), Owned("this project", Limits(project_class=project)))
    assert class_of(owners) == told


@given(st.text(max_size=40))
def test_a_class_is_one_short_word_or_is_refused(text: str) -> None:
    """What is taken could stand in any label, file name or address."""
    try:
        assert parse_class(text) == text
    except ValueError as error:
        assert "small letters" in str(error)
    else:
        assert text.isascii() and text == text.lower() and 1 <= len(text) <= 32


@pytest.mark.parametrize("made", [project_id(b"x" * 12), key_id(b"x" * 12)])
def test_no_id_is_a_class(made: str) -> None:
    with pytest.raises(ValueError, match="a class has"):
        parse_class(made)
