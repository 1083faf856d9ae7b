"""What is said of a configuration tells no secret and nothing of the environment, wherever it came to stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.problems import ConfigError
from gateway.config.unsaid import NOT_TOLD, said, unsaid_of
from gateway.domain.config_changes import told
from gateway.work.comparing import compare
from gateway.work.making import Maker

SECRET = "sk-live-of-a-vendor-0123456789"
TEXT = """\
providers:
  mock: {adapter: mock, settings: {render_s: 1}}
  other: {adapter: openai, base_url: "https://video.example/v1", api_key: &key sk-live-of-a-vendor-0123456789}
models:
  sora-2: {owned_by: me, aliases: [x], routes: [mock/sora-2]}
"""
MAKER = Maker("config.yaml", {"KEY": SECRET})
FIRST = f"  first: {{adapter: openai, base_url: 'https://a.example/v1', api_key: &first {SECRET}}}\n  mock: {{"
PLACES = ("[mock/sora-2]", "aliases: [x]", "adapter: mock", "[mock/sora-2]")
BROUGHT = ("[{}]", "aliases: [{}, {}]", "adapter: {}", "[{}, x/y]")


@pytest.mark.parametrize(("place", "brought"), list(zip(PLACES, BROUGHT, strict=True)))
@pytest.mark.parametrize("by", ['"${KEY}"', '"${KEY}/x"', "*first"])
def test_a_problem_quotes_no_value_that_a_reference_or_an_alias_brought_there(
    place: str, brought: str, by: str
) -> None:
    text = TEXT.replace("  mock: {", FIRST, 1).replace(place, brought.format(by, by))
    with pytest.raises(ConfigError) as caught:
        MAKER.make(text.encode())
    assert "not valid YAML" not in str(caught.value)
    assert SECRET[:8] not in str(caught.value)


@pytest.mark.parametrize("by", ['"${KEY}"', "*key"])
def test_a_comparison_shows_the_name_and_not_the_value(by: str) -> None:
    text = TEXT.replace("owned_by: me", f"owned_by: {by}").encode()
    unsaid = unsaid_of(text, MAKER.environ)
    found = compare(MAKER.make(TEXT.encode()), MAKER.make(text))
    assert [one.after for one in found.settings] == [SECRET]
    (changed,) = told(found, lambda words: said(words, unsaid)).settings
    assert (changed.name, changed.before) == ("models.sora-2.owned_by", "me")
    assert changed.after in ("<hidden>", "${KEY}")


def test_a_short_value_is_hidden_where_it_stands_by_itself() -> None:
    unsaid = {"ab": "${X}"}
    assert said('no provider is called "ab"; known here: abacus', unsaid) == (
        'no provider is called "${X}"; known here: abacus'
    )


@given(st.text(min_size=9, max_size=60), st.text(max_size=20), st.integers(8, 60))
def test_no_beginning_of_a_long_value_is_left(value: str, around: str, cut: int) -> None:
    unsaid = {value: "${X}"}
    whole = said(f"{around} {value} {around}", unsaid)
    assert value not in whole or value in f"{around} ${{X}} {around}"
    if cut < len(value):
        assert said(f"'{value[:cut]}…' fits nowhere", unsaid) == NOT_TOLD
