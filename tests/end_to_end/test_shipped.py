"""The configuration as shipped: any program written for OpenAI runs before a vendor's key is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.matrix import PINNED
from tests.sdk.run import run_checks
from tests.support.gateway import Gateway

PROMPTS = {"plain": "[mock:fast]", "fails": "[mock:fast,break]", "runs": "[mock:slow=600]"}


async def test_the_sdk_uses_every_verb_of_the_shipped_configuration(tmp_path: Path) -> None:
    """Create, poll, download, remix, edit (of an upload too), extend and characters, all rendered by the mock."""
    with Gateway(tmp_path) as gateway:
        order = {
            "mode": "verbs",
            "base_url": gateway.base_url,
            "key": gateway.create_key(),
            "tag": "",
            "prompts": PROMPTS,
            "uploads": True,
        }
        outcome = await run_checks(PINNED[0], order)
    if outcome.failures:
        pytest.fail("\n".join(outcome.failures), pytrace=False)
    assert outcome.checks > 80
