"""What is shown of a configuration's text: no secret, everything else as it was written."""

from __future__ import annotations

import pytest

from gateway.config.document import HIDDEN
from gateway.config.masking import masked, unmasked
from gateway.config.problems import ConfigError

TEXT = b"""\
# the key was sk-live-12345678 until May
store: {url: "redis://:pw@db:6379"}
providers:
  a:
    adapter: openai   # stays
    api_key: &shared "sk-live-12345678"
    settings: {webhook_secret: whsec_x, key_header: api-key}
  b:
    adapter: kling
    api_key: ${B_KEY}
    settings:
      access_key: |
        two
        lines
      models: {m: {seconds: [4]}}
  c: {adapter: openai, api_key: *shared}
  d: {adapter: openai, api_key: "${D:-fallback-secret}"}
models:
  m: {routes: [a/m]}
"""


def test_secrets_are_hidden_and_the_rest_stays_as_it_was_written() -> None:
    shown = masked(TEXT).decode()
    for secret in ("sk-live", "pw@db", "whsec_x", "two", "fallback-secret"):
        assert secret not in shown, secret
    for kept in ("# the key was", "# stays", "${B_KEY}", "key_header: api-key", "*shared", "&shared", "[4]"):
        assert kept in shown, kept
    assert shown.count(HIDDEN) == 6
    assert len(shown.splitlines()) == len(TEXT.splitlines()) - 2  # a block of two lines


def test_a_secret_that_an_alias_brings_to_another_place_is_hidden_at_its_anchor() -> None:
    text = TEXT.replace(b"m: {routes", b"m: {owned_by: *shared, routes").replace(b"api-key}", b"api-key}  # &x")
    shown = masked(text)
    assert b"sk-live" not in shown and b"owned_by: *shared" in shown
    assert unmasked("config.yaml", shown, text).splitlines()[1:] == text.splitlines()[1:]


def test_what_was_hidden_and_is_sent_back_keeps_its_value() -> None:
    """Also beside other edits; only what a comment repeated stays hidden."""
    sent = masked(TEXT).replace(b"adapter: kling", b"adapter: runway").replace(b"models:\n  m:", b"models:\n  n:")
    back = unmasked("config.yaml", sent, TEXT).decode()
    expected = TEXT.decode().replace("kling", "runway").replace("models:\n  m:", "models:\n  n:")
    assert back.splitlines()[1:] == expected.splitlines()[1:]


def test_a_hidden_value_that_never_was_is_a_mistake_with_its_line() -> None:
    for before in (TEXT, None):
        with pytest.raises(ConfigError, match=r"config.yaml:2: providers.new.api_key: <hidden> keeps a value"):
            unmasked("config.yaml", b"providers:\n  new: {api_key: <hidden>}\n", before)


def test_a_secret_is_hidden_at_its_anchor_wherever_that_stands() -> None:
    text = b"providers:\n  a: {account: &k sk-elsewhere, api_key: *k}\n"
    assert masked(text) == b"providers:\n  a: {account: &k <hidden>, api_key: *k}\n"
    assert unmasked("f", masked(text), text) == text


def test_an_alias_bomb_costs_little() -> None:
    rows = [b"a0: &a0 [x, x]"] + [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 9)]
    with pytest.raises(ConfigError, match="more than"):
        masked(b"\n".join(rows))


def test_a_value_of_which_a_part_was_hidden_is_kept_whole_or_refused() -> None:
    """A secret that another value repeats is hidden there as well, and must not be lost on the way back."""
    text = b"providers:\n  a: {api_key: sk-live-12345678, own_hosts: [sk-live-12345678.example]}\n"
    shown = masked(text)
    assert b"[<hidden>.example]" in shown
    assert unmasked("f", shown, text) == text
    with pytest.raises(ConfigError, match=r"f:2: providers.a.own_hosts\[0\]: <hidden> stands for a secret"):
        unmasked("f", shown.replace(b".example]", b".example.org]"), text)


def test_a_text_without_hidden_values_is_left_alone() -> None:
    assert unmasked("config.yaml", b"not: [yaml", None) == b"not: [yaml"
