"""`docs/configuration.md` tells the truth about every key."""

from __future__ import annotations

from pathlib import Path

from gateway.config.reference import reference, undocumented

DOCS = Path(__file__).parents[2] / "docs"


def test_the_manual_is_what_the_models_say() -> None:
    """After a change: `python -m gateway.config.reference > docs/configuration.md`."""
    assert (DOCS / "configuration.md").read_text(encoding="utf-8") == reference()


def test_every_key_has_its_sentence() -> None:
    """No section is missing from the manual, and no key has nothing to say."""
    assert undocumented() == []
