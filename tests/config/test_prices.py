"""Price lists in `config.yaml`: every price is an exact number, and no line contradicts itself or never counts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config.load import parse_config
from gateway.config.problems import ConfigError
from gateway.snapshot import build_snapshot
from providers.contract import BILLION, Modifier, Price, Size
from tests.support.adapters import install_adapter

TEXT = """\
providers:
  away: {adapter: elsewhere, api_key: k}
models:
  sora-2:
    routes:
      - route: away/engine
        prices:
"""
DATED = "as_of: 2026-11-01, source: s"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A foreign package with an adapter: clips of 4 seconds in 1280x720, no images, no remixes."""
    install_adapter(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("elsewhere_adapter", None)


def build(*lines: str) -> tuple[Price, ...]:
    text = TEXT + "".join(f"          - {{{line}, {DATED}}}\n" for line in lines)
    file = parse_config("config.yaml", text.encode(), {})
    return build_snapshot(file, sandbox_socket=None).routes["away/engine"].prices


def complaints(*lines: str) -> list[str]:
    """Each without the file's name, and without the place in the file that all of them share."""
    with pytest.raises(ConfigError) as caught:
        build(*lines)
    return [
        one.removeprefix("config.yaml:").replace("models.sora-2.routes[0].prices", "")
        for one in str(caught.value).splitlines()
    ]


def test_every_kind_of_price_is_read_exactly() -> None:
    in_dollars, in_credits = build(
        'per_second: "0.10", per_clip: 0.000001, sizes: [1280x720], audio: true, credit_usd: 0.0000005',
        'credits_per_second: "4.5", credits_per_clip: 0.7, credit_usd: "0.005", valid_from: 2026-12-01',
    )
    assert in_dollars == Price(
        per_second_micros=100_000, per_clip_micros=1, sizes=(Size(1280, 720),), audio=True, credit_usd_billionths=500,
        as_of="2026-11-01", source="s",
    )  # fmt: skip
    assert in_credits == Price(
        per_second_credit_billionths=4_500_000_000, per_clip_credit_billionths=700_000_000,
        credit_usd_billionths=5_000_000, valid_from="2026-12-01", as_of="2026-11-01", source="s",
    )  # fmt: skip


def test_modifiers_are_a_factor_or_an_amount() -> None:
    """As far as the model can do what they are for."""
    text = """\
providers:
  mock: {adapter: mock, base_url: "https://a.example"}
models:
  sora-2:
    routes:
      - route: mock/sora-2
        prices:
          - per_second: "0.1"
            credit_usd: "0.01"
            image: {add: "0.04"}
            remix: {factor: 0.5}
            edit: {add_credits: "2.5"}
            as_of: 2026-11-01
            source: s
"""
    (price,) = build_snapshot(parse_config("c", text.encode(), {}), sandbox_socket=None).routes["mock/sora-2"].prices
    assert price.image == Modifier(add_micros=40_000)
    assert price.remix == Modifier(factor_billionths=BILLION // 2)
    assert price.edit == Modifier(add_credit_billionths=2_500_000_000)
    assert price.extend is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("audio: true", '[0]: needs per_second or per_clip, or credits_per_second or credits_per_clip ("0" if free)'),
        ("credit_usd: 1", "[0]: needs per_second"),
        ("per_second: 1, credits_per_clip: 1, credit_usd: 1", "[0]: is in dollars and in credits; keep one of them"),
        ("per_second: 1, credits_per_clip: 1", "[0]: credits need a rate: credit_usd"),
        ("credits_per_clip: 1", "[0]: credits need a rate: credit_usd"),
        ("per_second: 1, credit_usd: 0", "[0].credit_usd: must be more than 0"),
        ("per_second: 1, image: {}", "[0].image: needs one of factor, add and add_credits"),
        ("per_second: 1, remix: {factor: 2, add: 1}", "[0].remix: needs one of factor, add and add_credits"),
        ("per_second: 1, image: {add_credits: 1}", "[0].image.add_credits: credits need a rate"),
        ("per_second: -1", "[0].per_second: '-1' is not an amount of dollars such as 0.10"),
        ('per_second: "0.0000001"', "[0].per_second: '0.0000001' is not an amount of dollars"),
        ("per_second: 9999999999.9", "[0].per_second: '9999999999.9' is more than the ledger can count"),
        ("per_second: .inf", "[0].per_second: "),
        ("per_second: true", "[0].per_second: write a number as text"),
        ("per_second: 0.12345678901234567", "[0].per_second: write a number as text"),
        ("per_second: 1, credit_usd: -1", "[0].credit_usd: '-1' is not a number such as 0.005"),
        ('per_second: 1, credit_usd: "0.0000000001"', "[0].credit_usd: '0.0000000001' is not a number such as 0.005"),
        ('per_second: 1, credit_usd: "1e3"', "[0].credit_usd: '1e3' is not a number such as 0.005"),
        ("per_second: 1, remix: {factor: -0.5}", "[0].remix.factor: '-0.5' is not a number such as 0.005"),
        ("per_second: 1, remix: {add: -0.5}", "[0].remix.add: '-0.5' is not an amount of dollars"),
        ("per_second: 1, remix: {times: 2}", "[0].remix.times: unknown key"),
        ("per_second: 1, valid_from: soon", "[0].valid_from: write a date as YYYY-MM-DD"),
        ("per_second: 1, valid_from: 2026-13-01", "[0].valid_from: write a date as YYYY-MM-DD"),
        ("per_second: 9000000000", "[0]: its dearest clip costs more than the ledger can count"),
        ("credits_per_clip: 9999999999, credit_usd: 9", "[0]: its dearest clip costs more than the ledger can count"),
        ("per_second: 1, image: {add: 1}", "[0]: `image` never counts: the model cannot do that"),
        ("per_second: 1, remix: {factor: 2}", "[0]: `remix` never counts: the model cannot do that"),
        ("per_second: 1, sizes: [640x360]", "[0]: never counts: the model renders none of these sizes"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_with_its_place(line: str, complaint: str) -> None:
    assert any(one.startswith(f"8: {complaint}") for one in complaints(line)), complaints(line)


def test_a_line_behind_its_better_is_refused() -> None:
    """On the same day only: the one that begins later takes over, wherever it stands."""
    assert complaints("per_second: 1", "per_second: 2, sizes: [1280x720]") == [
        "9: [1]: never counts: lines before it that begin on the same day fit all that it fits"
    ]
    assert len(build("per_second: 1", "per_second: 2, sizes: [1280x720], valid_from: 2026-12-01")) == 2
    assert len(build("per_second: 2, sizes: [1280x720], audio: true", "per_second: 1")) == 2
