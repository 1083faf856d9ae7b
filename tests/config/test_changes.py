"""What a new configuration would change is told before it is applied."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.config_changes import ConfigChanges
from gateway.work.comparing import compare
from gateway.work.making import Made, Maker

TEXT = """\
gateway: {lease_s: 20}
providers:
  a: {adapter: openai, base_url: "https://a.example/v1", api_key: sk-1, rpm: 5}
  b: {adapter: mock, settings: {render_s: 5}}
models:
  sora-2:
    routes:
      - {route: a/sora-2, prices: [{per_second: "0.10", as_of: 2026-01-01, source: page}]}
      - b/sora-2
"""


def made(*edits: tuple[str, str], started: Made | None = None) -> Made:
    text = TEXT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    config = None if started is None else started.file.config
    return Maker("config.yaml", {}, "/run/x.sock", started=config).make(text.encode())


def told(*edits: tuple[str, str]) -> ConfigChanges:
    before = made()
    return compare(before, made(*edits, started=before))


def test_the_same_configuration_changes_nothing() -> None:
    assert told() == ConfigChanges()


def test_routes_prices_and_limits_are_told_by_name() -> None:
    found = told(("0.10", "0.25"), ("rpm: 5", "rpm: 9"), ("- b/sora-2", "- b/sora-2-pro"))
    assert [(one.model, one.route) for one in found.routes_gained] == [("sora-2", "b/sora-2-pro")]
    assert [(one.model, one.route) for one in found.routes_lost] == [("sora-2", "b/sora-2")]
    assert [(one.name, one.before, one.after) for one in found.prices] == [
        ("a/sora-2", "$0.10 a second", "$0.25 a second")
    ]
    assert [(one.name, one.before, one.after) for one in found.limits] == [("a.rpm", "5", "9")]
    assert found.accounts_lost == found.restart == ()


def test_a_secret_that_changed_is_told_without_being_told() -> None:
    found = told(("sk-1", "sk-2"))
    assert [(one.name, one.before, one.after) for one in found.settings] == [
        ("providers.a.api_key", "<hidden>", "<hidden>")
    ]


def test_what_needs_a_restart_is_named_and_stays_as_it_was() -> None:
    """A doubt counts on the sockets' timeout, so what runs must know the one that its sockets have."""
    before = made()
    after = made(("{lease_s: 20}", "{lease_s: 30, socket_timeout_s: 4, name: other}"), started=before)
    assert compare(before, after).restart == ("gateway.name", "gateway.socket_timeout_s")
    assert (after.snapshot.settings.gateway.name, after.snapshot.settings.gateway.lease_s) == ("telecine", 30)
    assert {route.socket_timeout_s for route in after.snapshot.routes.values()} == {10}
    assert after.file.config.gateway.name == "other"


def test_an_account_that_goes_or_is_another_is_named() -> None:
    assert told(("a.example", "other.example")).accounts_lost == ("a",)


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_what_a_change_tells_backwards_is_the_change_turned_round(seed: int) -> None:
    dice = random.Random(seed)
    edits = [("0.10", "0.25"), ("rpm: 5", "rpm: 9"), ("- b/sora-2", "- b/sora-2-pro"), ("lease_s: 20", "lease_s: 25")]
    before, after = made(), made(*dice.sample(edits, dice.randrange(len(edits))))
    there, back = compare(before, after), compare(after, before)
    assert there.routes_gained == back.routes_lost
    assert [(one.name, one.before) for one in there.settings] == [(one.name, one.after) for one in back.settings]
    assert [(one.name, one.before) for one in there.prices] == [(one.name, one.after) for one in back.prices]
