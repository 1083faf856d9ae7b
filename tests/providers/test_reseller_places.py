"""Places in a reseller's JSON: whatever is written there is read there, and nothing that is not makes a reader fail."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Size
from providers.reseller import words
from providers.reseller.bodies import RATIOS, ratio_of
from providers.reseller.money import number
from providers.reseller.places import link_in, look, merged, put, steps
from providers.reseller.presets import PRESETS
from providers.reseller.settings import Errors, ResellerSettings
from providers.toolbox import Node
from tests.support.hostile import values

names = st.sampled_from(("a", "b", "data", "task_id"))
written = st.lists(st.tuples(names, st.none() | st.integers(0, 3)), min_size=1, max_size=4).map(
    lambda way: ".".join(name + ("" if index is None else f"[{index}]") for name, index in way)
)
URL = "https://cdn.example.net/a.mp4"


@given(st.lists(written, max_size=4), written, st.text(max_size=5))
def test_what_is_put_is_found_there(before: list[str], place: str, value: str) -> None:
    """Whatever stood in the way."""
    body: dict[str, Any] = {}
    for one in before:
        put(body, one, "x")
    put(body, place, value)
    assert look(Node(body), place).raw == value
    msgspec.json.encode(body)


@given(values, written)
def test_looking_never_fails(document: Any, place: str) -> None:
    """A place that is not there is missing; a link is one of the web or a clip in the text."""
    node = look(Node(document), place)
    link = link_in(node)
    assert link is None or link.startswith(("http://", "https://", "data:video/"))


@given(st.text(max_size=12))
def test_a_place_is_read_or_refused(text: str) -> None:
    """Never anything else."""
    try:
        assert steps(text)
    except ValueError as error:
        assert "place" in str(error)


@pytest.mark.parametrize(
    "held",
    [URL, [URL], {"url": URL}, [{"url": [URL]}], {"video": {"url": URL}}, f'{{"video": "{URL}"}}', f'["{URL}"]'],
)
def test_a_link_is_found_in_every_form(held: Any) -> None:
    """A text, a list, an object, and JSON in a text."""
    assert link_in(Node(held)) == URL


@pytest.mark.parametrize("held", ["", "ftp://x", "javascript:1", "data:text/html,x", [], {}, 3, None, "https://a b"])
def test_what_is_no_link_is_none(held: Any) -> None:
    """Only addresses of the web, and clips in the text."""
    assert link_in(Node(held)) is None


def test_objects_are_merged_and_all_else_replaced() -> None:
    """Neither is changed."""
    base = {"a": {"b": 1, "c": [1]}, "d": 2}
    assert merged(base, {"a": {"c": [2]}, "e": 3}) == {"a": {"b": 1, "c": [2]}, "d": 2, "e": 3}
    assert base == {"a": {"b": 1, "c": [1]}, "d": 2}


@given(st.integers(16, 8_192), st.integers(16, 8_192))
def test_every_size_has_a_shape(width: int, height: int) -> None:
    """One of those that have a name, and the same one when the clip is turned."""
    shape = ratio_of(Size(width, height))
    assert shape in RATIOS
    assert ratio_of(Size(1280, 720)) == "16:9" and ratio_of(Size(480, 832)) == "9:16"


@given(values, st.integers(100, 599))
def test_any_error_is_of_a_class(document: Any, status: int) -> None:
    """Whatever an error looks like, for a refusal and for a failed job."""
    said = words.said_in(Node(document))
    assert words.why_of(Errors(foreign=("x",)), said, status)
    assert words.why_failed(Errors(), words.job_error(Errors(), Node(document)))


@pytest.mark.parametrize("word", ["SUCCESS", "succeed", "Completed", " success "])
def test_words_are_compared_without_case(word: str) -> None:
    """Two alphabets may meet in one job's life."""
    wire = ResellerSettings.model_validate({**PRESETS["newapi"]})
    assert words.state_of(wire, Node({"status": word})) == "done"
    assert words.state_of(wire, Node({"status": word, "data": {"status": "IN_PROGRESS"}})) == "running"


@given(st.text(max_size=8).filter(lambda word: word.strip().lower() not in words.ENDS))
def test_a_word_that_nobody_knows_means_that_the_job_goes_on(word: str) -> None:
    """A paid clip is never thrown away for a new word."""
    wire = ResellerSettings.model_validate({**PRESETS["newapi"]})
    assert words.state_of(wire, Node({"status": word})) == "running"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_word_is_odd_where_nobody_wrote_it_down(preset: str) -> None:
    """Not the words of the contract, not the dialect's own, not what its cancel waits for."""
    wire = ResellerSettings.model_validate({"preset": preset, "user_token": "t", "models": {}})
    place = wire.poll.state_paths[0]

    def odd(word: str) -> str | None:
        body: dict[str, Any] = {}
        put(body, place, word)
        return words.odd_word(wire, Node(body))

    cancel = wire.cancel.states if wire.cancel is not None else ()
    for known in ("QUEUED", "IN_PROGRESS", "", "NOT_START", "success", "FAILURE", *wire.poll.states, *cancel):
        assert odd(known) is None, known
    assert odd("Pondering") == "pondering"


@given(values)
def test_an_amount_is_finite_or_none(value: Any) -> None:
    """Never a float's noise, never NaN."""
    amount = number(value)
    assert amount is None or amount.is_finite()
