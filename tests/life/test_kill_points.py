"""A real gateway killed at every kill point, wholly and by its master alone, and started again: every video that was
admitted ends, and no vendor renders it twice unless the policy took that risk.

The vendors are processes of their own, so what they received survives every death.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.domain.suspects import CLAIMS_MAX
from gateway.killpoints import BY_CALLBACK, BY_COMMAND, CHORES, COMMITS, POINTS, SENDS, WEBHOOKS
from gateway.store.embedded import borrowed
from tests.life.scenarios import CONFIG, SCENARIOS, Scenario
from tests.support.gateway import Gateway, until
from tests.support.vendor import vendor_process

ENDED = ("completed", "failed")
REACHES_S_MAX = 40.0
ENDS_S_MAX = 90.0  # the longest deadline of a scenario, and room
WAITS_S = 3  # a vendor that throttles for two
NOBODY = "http://127.0.0.1:9/v1"


def points_of(scenario: Scenario, *sides: str) -> list[str]:
    """In the order in which a life passes them."""
    places = [("commit", label) for label in scenario.commits] + [("send", label) for label in scenario.sends]
    return [f"{side}.{place}.{label}" for place, label in places for side in sides or ("before", "after")]


# A master's death ends its workers by one mechanism, whatever they were doing.
OF_THE_MASTER = ["after.commit.ask", "after.send.submit"]


def cases() -> Iterator[object]:
    """In the long run every life at all of its points, of the whole group and of the master alone. In every run: what a
    death after a commit leaves is what one before the next leaves, so the first life shows both, and the others die
    before each point."""
    for index, (name, scenario) in enumerate(SCENARIOS.items()):
        whole = points_of(scenario)
        yield pytest.param(name, True, whole, id=f"{name}-group", marks=pytest.mark.slow if index else ())
        yield pytest.param(name, False, whole, id=f"{name}-master", marks=pytest.mark.slow)
        if index:
            yield pytest.param(name, True, points_of(scenario, "before"), id=f"{name}-before")
        else:
            yield pytest.param(name, False, OF_THE_MASTER, id=f"{name}-master-twice")


def test_every_kill_point_has_a_life_that_passes_it() -> None:
    """A commit or a send without a point cannot be made (`reach` refuses it), and no point goes untried. Chores
    come long after a life: `tests/store` kills them; webhooks beside it: `test_webhooks` does."""
    lives = {point for scenario in SCENARIOS.values() for point in points_of(scenario)}
    others = (*BY_CALLBACK, *BY_COMMAND, *CHORES, *WEBHOOKS)
    beside = {f"{side}.commit.{label}" for side in ("before", "after") for label in others}
    beside |= {f"{side}.send.{label}" for side in ("before", "after") for label in WEBHOOKS}
    assert lives | beside == POINTS
    assert len(POINTS) == 2 * (len(COMMITS) + len(others) + len(SENDS) + len(WEBHOOKS))


@pytest.mark.timeout(280)
@pytest.mark.parametrize(("name", "whole", "points"), [*cases()])
async def test_a_death_at_any_point_loses_nothing_and_renders_nothing_twice(
    name: str, whole: bool, points: list[str], tmp_path: Path
) -> None:
    """One gateway dies at every point of a life in turn; what it left unfinished lives on beside the next video."""
    scenario = SCENARIOS[name]
    options = {"render_s": 0.2, **scenario.vendor}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with (
        vendor_process(tmp_path / "a", **options) as a,
        vendor_process(tmp_path / "b", **options) as b,
    ):
        config = CONFIG % {
            "deadline": scenario.deadline,
            "doubt": scenario.doubt,
            "settings": scenario.settings,
            "limits": scenario.limits,
            "late": scenario.late,
            "a": NOBODY if scenario.a_is_down else a.base_url,
            "b": b.base_url,
        }
        with ExitStack() as stack:
            gateway = stack.push(Gateway(tmp_path / "gateway", config=config))
            key = await asyncio.to_thread(gateway.create_key)
            admitted: list[str] = []
            for point in points:
                await a.program(*scenario.faults)
                await b.program(*scenario.faults_b)
                admitted += await asyncio.to_thread(_die_at, gateway, key, scenario, point, whole=whole)
            await asyncio.to_thread(_all_end, gateway, key, admitted if not scenario.deletes else [])
        jobs = [[job["prompt"] for job in await one.jobs()] for one in (a, b)]
    twice = {prompt: count for made in jobs for prompt, count in Counter(made).items() if count > 1}
    assert not twice or scenario.at_risk, f"rendered more than once: {twice}"


def _die_at(gateway: Gateway, key: str, scenario: Scenario, point: str, *, whole: bool) -> list[str]:
    """Start it armed, make a video, kill it where it stands. The video's id, if the client heard of it."""
    reached = gateway.folder / f"reached {point}"
    gateway.env.update(TELECINE_KILL_POINT=point, TELECINE_KILL_FILE=str(reached))
    # A video of an earlier death may bring it there before it listens.
    gateway.start(unless=reached.exists)
    before = [f"boat {number} before {point}" for number in range(scenario.crowd)]
    heard: list[str] = []
    for prompt in (*before, f"a boat for {point}"):
        heard += [] if reached.exists() else _live(gateway, key, scenario, prompt)
    assert until(reached.exists, REACHES_S_MAX), f"never reached {point}: {gateway.log()[-3_000:]}"
    _kill(gateway, whole=whole)
    return heard


def _all_end(gateway: Gateway, key: str, admitted: list[str]) -> None:
    gateway.env.clear()
    gateway.start()
    videos = [video["id"] for video in _list(gateway, key)]
    assert set(admitted) <= set(videos), "an acknowledged video is lost"
    assert until(lambda: all(one["status"] in ENDED for one in _list(gateway, key)), ENDS_S_MAX), (
        f"{_list(gateway, key)}: {gateway.log()[-4_000:]}"
    )
    assert gateway.telecine("ledger", "verify")["differences"] == []


def _kill(gateway: Gateway, *, whole: bool) -> None:
    if whole:
        gateway.kill()
    else:
        gateway.kill_master()
        assert until(lambda: not gateway.pids(), 10), f"outlived its master: {gateway.command_lines()}"


def _live(gateway: Gateway, key: str, scenario: Scenario, prompt: str) -> list[str]:
    """Create a video; cancel it, or delete it at its end, where the scenario says so. Its id if an answer came."""
    fields: dict[str, Any] = {"prompt": prompt, "seconds": "4", "size": "720x1280"}
    created = _call(gateway, key, "POST", "/videos", fields)
    if created is None:
        return []
    video: str = created["id"]
    if scenario.in_vain:
        _suspect(gateway, video)
    if scenario.cancels:
        _call(gateway, key, "POST", f"/videos/{video}/cancel", {})
    if scenario.deletes:
        until(lambda: (_call(gateway, key, "GET", f"/videos/{video}") or {}).get("status") in ENDED, REACHES_S_MAX)
        _call(gateway, key, "DELETE", f"/videos/{video}")
    return [video]


def _suspect(gateway: Gateway, video: str) -> None:
    """As if it had killed one runner after the other. Each commit forgets that, so it is said until the video waits."""
    with borrowed(gateway.data_dir) as url, redis.Redis.from_url(url) as store, suppress(redis.ConnectionError):
        for _ in range(WAITS_S * 20):
            store.hset("{telecine}:claims", video, CLAIMS_MAX + 1)
            time.sleep(0.05)


def _list(gateway: Gateway, key: str) -> list[dict[str, Any]]:
    answer = _call(gateway, key, "GET", "/videos?limit=100")
    assert answer is not None
    data: list[dict[str, Any]] = answer["data"]
    return data


def _call(gateway: Gateway, key: str, method: str, path: str, body: object = None) -> dict[str, Any] | None:
    """The answer; None if the gateway died over it."""
    request = urllib.request.Request(
        gateway.base_url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=8) as reply:
            answer: dict[str, Any] = json.loads(reply.read())
            return answer
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error
    except OSError:
        return None
