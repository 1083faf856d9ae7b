"""A snapshot is built completely, from any package's adapters, or the file is refused with line and reason."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config.load import parse_config
from gateway.config.problems import ConfigError
from gateway.domain.breaker import Rules
from gateway.domain.routing import Bearer, Doubt
from gateway.registry import NoAdapter, adapter_class, known_kinds
from gateway.snapshot import Snapshot, build_snapshot
from providers.contract import BILLION
from tests.support.adapters import install_adapter

TEXT = """\
providers:
  away:
    adapter: elsewhere
    api_key: ${AWAY_KEY}
models:
  sora-2:
    routes: [away/engine]
    aliases: [sora-2-2025-12-08]
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A foreign package with an adapter is installed."""
    install_adapter(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("elsewhere_adapter", None)


def build(text: str) -> Snapshot:
    file = parse_config("config.yaml", text.encode(), {"AWAY_KEY": "canary-secret"})
    return build_snapshot(file, sandbox_socket="/run/somewhere.sock")


def complaints(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        build(text)
    return str(caught.value).splitlines()


def test_a_foreign_adapter_is_found_by_its_entry_point() -> None:
    """Another package's adapter serves a model like one of ours."""
    snapshot = build(TEXT)
    route = snapshot.routes["away/engine"]
    assert route.account == "away|https://api.elsewhere.example/v1|"
    assert route.prices[0].per_second_micros == 50_000
    assert route.doubt is Doubt.HOLD
    endpoint = snapshot.endpoints["away"]
    assert (endpoint.base_url, endpoint.unix_socket) == ("https://api.elsewhere.example/v1", None)
    assert "elsewhere" in known_kinds()


MONEY = """\
gateway: {losses: house, charge_factor_max: 3}
providers:
  away: {adapter: elsewhere, api_key: "${AWAY_KEY}"%s}
models:
  sora-2:
    routes: [{route: away/engine%s}]
"""


@pytest.mark.parametrize(
    ("provider", "route", "expected"),
    [
        ("", "", (Bearer.HOUSE, 3 * BILLION, True, False, Doubt.HOLD)),
        (", losses: project, charge_factor_max: 1.25", "", (Bearer.PROJECT, 1_250_000_000, True, False, Doubt.HOLD)),
        (", failed_jobs: charged, lost_jobs: free", "", (Bearer.HOUSE, 3 * BILLION, False, True, Doubt.FAILOVER)),
        (
            ", failed_jobs: charged, lost_jobs: free",
            ", failed_jobs: free, lost_jobs: charged",
            (Bearer.HOUSE, 3 * BILLION, True, False, Doubt.HOLD),
        ),
    ],
)
def test_what_losses_cost_and_who_bears_them_is_configuration(
    provider: str, route: str, expected: tuple[object, ...]
) -> None:
    """The route before the provider, that before the gateway, and all before the adapter."""
    found = build(MONEY % (provider, route)).routes["away/engine"]
    able = found.abilities
    charges = (found.losses, found.charge_factor_billionths, able.failed_jobs_free, able.lost_jobs_free)
    assert (*charges, found.doubt) == expected


@pytest.mark.parametrize("factor", ["0.99", "0", "-2", "two", "1.0000000001"])
def test_a_factor_below_one_or_unreadable_is_refused(factor: str) -> None:
    (found,) = complaints(MONEY % (f', charge_factor_max: "{factor}"', ""))
    assert "config.yaml:3" in found
    assert "charge_factor_max" in found


def test_a_model_answers_to_its_aliases() -> None:
    """By its name and by every alias, and by nothing else."""
    snapshot = build(TEXT)
    assert snapshot.model("sora-2") is snapshot.model("sora-2-2025-12-08") is snapshot.models["sora-2"]
    assert snapshot.model("sora-3") is None


def test_what_the_file_says_goes_before_what_the_adapter_says() -> None:
    """Prices and policy at the route, the policy at the provider, the model's own times."""
    snapshot = build(
        TEXT.replace(
            "    api_key: ${AWAY_KEY}", "    doubt: failover\n    base_url: https://proxy.example/v1/"
        ).replace(
            "    routes: [away/engine]",
            """\
    deadline_s: 600
    blocked: next
    routes:
      - route: away/engine
        prices: [{per_clip: "1.5", as_of: 2026-02-01, source: contract}]""",
        )
    )
    route, model = snapshot.routes["away/engine"], snapshot.models["sora-2"]
    assert (route.prices[0].per_clip_micros, route.prices[0].as_of) == (1_500_000, "2026-02-01")
    assert route.doubt is Doubt.FAILOVER
    assert route.account == "away|https://proxy.example/v1|"
    assert (model.deadline_s, model.blocked_stops) == (600, False)


def test_doubt_defaults_to_failover_where_lost_jobs_are_free() -> None:
    """A self-hosted server costs nothing twice."""
    text = TEXT.replace("    api_key: ${AWAY_KEY}", "    settings: {free: true}")
    assert build(text).routes["away/engine"].doubt is Doubt.FAILOVER


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_vendor_that_calls_https_alone_is_told_no_other_address(scheme: str) -> None:
    """It would refuse every submission that names one."""
    snapshot = build(f"""\
gateway: {{public_url: "{scheme}://gateway.test"}}
providers: {{a: {{adapter: gemini, api_key: one}}, b: {{adapter: fal, api_key: two}}}}
models: {{clip: {{routes: [a/gemini-omni-1.1-flash, b/bytedance/seedance-2.0]}}}}
""")
    calls = {name: route.abilities.calls_back for name, route in snapshot.routes.items()}
    assert calls == {"a/gemini-omni-1.1-flash": scheme == "https", "b/bytedance/seedance-2.0": True}


def test_the_sandbox_is_reached_through_its_socket() -> None:
    """`sandbox:` leads to the socket that `serve` chose, and the account's pin does not depend on where that is."""
    snapshot = build(TEXT.replace("    api_key: ${AWAY_KEY}", "    base_url: 'sandbox:'"))
    assert snapshot.uses_sandbox
    assert snapshot.endpoints["away"].unix_socket == "/run/somewhere.sock"
    assert snapshot.routes["away/engine"].account == "away|sandbox:|"
    assert not build(TEXT).uses_sandbox


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "elsewhere",
            "elsewere",
            '3: providers.away.adapter: no adapter is called "elsewere"; did you mean "elsewhere"?',
        ),
        ("elsewhere", "contract", '3: providers.away.adapter: no adapter is called "contract"'),
        ("elsewhere", "broken", '3: providers.away.adapter: the adapter "broken" (absent_module:Nothing) cannot be'),
        (
            "[away/engine]",
            "[away/engin]",
            '7: models.sora-2.routes[0]: away knows no model "engin"; did you mean "engine"?',
        ),
        (
            "[away/engine]",
            "[away/engine-unpriced]",
            "7: models.sora-2.routes[0]: away/engine-unpriced has no list price",
        ),
        (
            "api_key: ${AWAY_KEY}",
            "settings:\n      regoin: south",
            '5: providers.away.settings.regoin: unknown key; did you mean "region"?',
        ),
        (
            "api_key: ${AWAY_KEY}",
            "settings: {region: 3}",
            "4: providers.away.settings.region: should be a valid string",
        ),
        (
            "[away/engine]",
            "[away/engine]\n  other:\n    routes: [{route: away/engine, doubt: failover}]",
            "9: models.other.routes[0]: away/engine is described otherwise on line 7",
        ),
        (
            "providers:",
            "store: {url: 'http://x'}\nproviders:",
            "1: store.url: the store's URL cannot be used: write redis://HOST:PORT",
        ),
    ],
)
def test_what_only_the_adapter_knows_is_refused_with_its_line(old: str, new: str, complaint: str) -> None:
    """Kinds, upstream models, prices and settings are checked before anything starts."""
    text = TEXT.replace("    aliases: [sora-2-2025-12-08]\n", "").replace(old, new)
    assert complaints(text)[0].startswith(f"config.yaml:{complaint}")


@pytest.mark.parametrize(
    "url",
    ["redis://user:s3cr3t@host:notaport/0", "redis://h:6379/0?foo=s3cr3t", "redis://user:s3cr3t@[host:1/0"],
)
def test_an_address_that_the_store_cannot_use_is_refused_with_its_line(url: str) -> None:
    """Before anything starts, and without a word of it."""
    (complaint,) = complaints(TEXT + f"store:\n  url: {url}\n")
    assert complaint.startswith(f"config.yaml:{TEXT.count(chr(10)) + 2}: store.url: ")
    assert "s3cr3t" not in complaint


def test_no_secret_is_shown_when_settings_are_wrong() -> None:
    """A refusal names the key, never the value."""
    text = TEXT.replace("api_key: ${AWAY_KEY}", "settings: {second_secret: ['${AWAY_KEY}']}")
    assert "canary" not in "".join(complaints(text))


def test_ours_come_before_installed_ones(tmp_path: Path) -> None:
    """An installed package cannot take the place of an adapter of ours; the cellar is no adapter."""
    entries = tmp_path / "elsewhere_adapter-1.0.dist-info" / "entry_points.txt"
    entries.write_text("[telecine.providers]\nopenai = elsewhere_adapter:Elsewhere\n", encoding="utf-8")
    assert adapter_class("openai").__module__ == "providers.openai"
    with pytest.raises(NoAdapter):
        adapter_class("toolbox")


def test_breakers_are_configured_by_provider_and_the_sandbox_has_none_unless_it_asks() -> None:
    """In the sandbox a prompt can ask for failures: twenty of them must not keep a colleague's video waiting."""
    mock = "providers:\n  mock:\n    adapter: mock\n"
    models = "models:\n  sora-2: {routes: [mock/sora-2]}\n"
    breaker = "    breaker: {failures: 7, share: 0.25, open_s: 12.5, probes: 1}\n"
    assert not build(mock + models).breakers["mock"].opens
    assert build(mock + breaker + models).breakers["mock"] == Rules(failures=7, share=0.25, open_s=12.5, probes=1)
    assert build(TEXT).breakers["away"] == Rules()


@pytest.mark.parametrize(
    "words",
    ["failures: 0", "failures: true", "share: 0", "share: 1.5", "open_s: 601", "open_s: -1", "probes: 0", "x: 1"],
)
def test_a_breaker_that_cannot_be_is_refused(words: str) -> None:
    """With the line that says it."""
    (complaint,) = complaints(TEXT.replace("    api_key", f"    breaker: {{{words}}}\n    api_key"))
    assert "config.yaml:4" in complaint and "breaker" in complaint
