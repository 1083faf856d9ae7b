"""The configuration that ships: it serves everything from the mock, and its commented block is not decoration."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.config.load import parse_config
from gateway.config.reference import SECTIONS
from gateway.snapshot import Snapshot, build_snapshot
from providers.contract import BILLION, Size, Verb

SHIPPED = Path(__file__).parents[2] / "config.yaml"
# Prose has one blank behind its `#`; configuration that waits has two or more.
VARIABLE = re.compile(r"\$\{(\w+_KEY)\}")
WAITING = re.compile(r"^#(?=  +\S)", re.MULTILINE)


def build(text: str, **environ: str) -> Snapshot:
    return build_snapshot(parse_config("config.yaml", text.encode(), environ), sandbox_socket="/run/sandbox.sock")


def test_it_serves_openais_models_from_the_mock() -> None:
    """Every name that OpenAI had, every verb, every size, without any variable set."""
    snapshot = build(SHIPPED.read_text(encoding="utf-8"))
    assert snapshot.uses_sandbox
    assert set(snapshot.models) == {"sora-2", "sora-2-pro", "mock-video"}
    for name in ("sora-2", "sora-2-2025-10-06", "sora-2-2025-12-08"):
        model = snapshot.model(name)
        assert model is not None
        assert model.name == "sora-2"
    pro = snapshot.model("sora-2-pro-2025-10-06")
    assert pro is not None
    able = pro.routes[0].abilities
    assert set(able.verbs) == set(Verb)
    assert able.characters
    assert able.image
    assert {Size(1024, 1792), Size(1920, 1080), Size(720, 1280)} <= set(able.sizes)


def test_a_real_vendor_takes_over_when_the_block_is_uncommented() -> None:
    """The waiting lines are valid as they stand: the vendor comes first, the mock stays behind it."""
    text = SHIPPED.read_text(encoding="utf-8")
    text = WAITING.sub("", text.replace("  url: null  ", "  # url: null").replace("  dir: null  ", "  # dir: null"))
    keys = dict.fromkeys(VARIABLE.findall(text), "k")
    snapshot = build(text, **{**keys, "REDIS_URL": "redis://db:6379/0"})
    for name in ("sora-2", "sora-2-pro"):
        assert [route.provider for route in snapshot.models[name].routes] == ["vendor", "mock"]
    assert snapshot.routes["runway/gen4.5"].prices[0].per_second_credit_billionths == 12 * BILLION
    assert snapshot.routes["kling/kling-3.0"].prices[0].credit_usd_billionths == BILLION * 14 // 100
    assert snapshot.routes["vendor/sora-2"].prices[0].per_second_micros == 100_000
    assert snapshot.settings.store.url is not None


def test_it_says_the_defaults_that_the_code_has() -> None:
    """Where the file spells a default out, it is the default: a file without these sections means the same."""
    full = build(SHIPPED.read_text(encoding="utf-8")).settings
    bare = re.sub(r"(?ms)^(gateway|store|server|retention):.*?(?=^# ---)", "", SHIPPED.read_text(encoding="utf-8"))
    assert build(bare).settings == full


def test_it_shows_every_key() -> None:
    """Whoever reads the file has seen everything that can be said, in use or waiting behind a `#`."""
    text = SHIPPED.read_text(encoding="utf-8")
    missing = [
        f"{section}.{key}"
        for section, model in SECTIONS
        for key in model.model_fields
        if not re.search(rf"\b{key}:", text)
    ]
    assert missing == []
