"""Every send has its two kill points, and they stand where they say: before the wire, and after the answer."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from gateway.killpoints import SENDS
from tests.support.http_desk import Desk, say
from tests.upstream.house import ACCEPTED


async def test_a_death_before_a_send_leaves_no_trace_and_one_after_it_exactly_one(tmp_path: Path) -> None:
    """A process is stopped at each point of each send; the vendor has seen nothing before, and one request after."""
    at_once = asyncio.Semaphore(4)

    async def stopped_at(point: str) -> tuple[str, int]:
        note = tmp_path / point
        env = {**os.environ, "TELECINE_KILL_POINT": point, "TELECINE_KILL_FILE": str(note)}
        async with at_once, Desk(lambda _: say(200, ACCEPTED)) as desk:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.upstream.child_send", point.rpartition(".")[2], desk.url, env=env
            )
            try:
                async with asyncio.timeout(30):
                    while not note.exists():
                        assert child.returncode is None, f"{point} was not reached"
                        await asyncio.sleep(0.02)
                await asyncio.sleep(0.05)
            finally:
                if child.returncode is None:
                    child.kill()
                await child.wait()
            return point, len(desk.asked)

    points = [f"{side}.send.{send}" for side in ("before", "after") for send in SENDS]
    seen = dict(await asyncio.gather(*(stopped_at(point) for point in points)))
    assert seen == {point: int(point.startswith("after")) for point in points}
