"""A vendor that never finishes, and a policy that does not wait: what the client gets, and what both vendors made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.domain.videos import AttemptState
from tests.support.house import house
from tests.support.redis import RedisServer
from tests.support.vendor_faults import Fault

CONFIG = """
gateway: {lease_s: 20}
providers:
  a: {adapter: openai, base_url: "{a}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1, settings: {SETTINGS}}
  b: {adapter: openai, base_url: "{b}", api_key: "{key}", poll_min_s: 0.05, poll_max_s: 0.1}
models:
  sora-2: {routes: [{route: a/sora-2, late: {failover_after_s: 0.5}}, b/sora-2]}
"""


@pytest.mark.parametrize("cancels", [False, True])
async def test_a_job_that_is_late_is_stopped_or_left_and_the_client_gets_the_next_clip(
    empty_redis: RedisServer, tmp_path: Path, cancels: bool
) -> None:
    """Stopped, it is booked and over; left at risk, its hold stays as long as it may still finish."""
    settings = "{delete_cancels: true}" if cancels else "{}"
    options: dict[str, dict[str, Any]] = {
        "a": {"render_s": 0.1, "cancels": cancels},
        "b": {"render_s": 0.1},
    }
    config = CONFIG.replace("{SETTINGS}", settings)
    async with house(empty_redis.url, tmp_path, config, vendors=options) as here:
        here.vendors["a"].program(Fault(on="create", do="never"))
        video = await here.create()
        assert (await here.until(video))["status"] == "completed"
        record = await here.record(video)
        first, second = record.attempts
        assert (first.provider, second.provider) == ("a", "b")
        kinds = [(kind, attempt) for kind, attempt, _ in await here.money(video)]
        assert kinds.count(("hold", "1")) == kinds.count(("hold", "2")) == kinds.count(("settle", "2")) == 1
        if cancels:
            assert first.state is AttemptState.CLOSED and first.message == "cancelled because it was late"
            assert not record.open_attempts
        else:
            assert first.abandoned and first.state is AttemptState.RUNNING
            assert len(kinds) == 3
        assert (here.vendors["a"].counts["renders"], here.vendors["b"].counts["renders"]) == (1, 1)
        assert await here.tools.store.verify() == []
