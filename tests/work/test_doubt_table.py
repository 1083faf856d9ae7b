"""Each way in which a submission's outcome gets lost, by what the vendor can do and by policy: what the client sees,
what the vendors rendered, what the ledger says. What is found later is booked, and cancelled where that can be done."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tests.support.house import house
from tests.support.redis import RedisServer
from tests.support.vendor import Fault
from tests.support.vendor_faults import Point
from tests.work.test_faults import CONFIG, PAID_A, PRESUMED_A

AT_RISK = [("hold", "1", 400_000), ("hold", "2", 400_000), ("settle", "2", 400_000), ("presumed", "1", 400_000)]
VENDORS: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1}, "b": {"render_s": 0.1}}


class Loss(Struct, frozen=True):
    """`made`: whether the vendor has the job all the same."""

    fault: Fault
    made: int = 1


LOSSES = {
    "reply lost": Loss(Fault(on="create", do="close", at=Point.AFTER_MAKING)),
    "reset": Loss(Fault(on="create", do="close", at=Point.AFTER_MAKING, reset=True)),
    "request lost": Loss(Fault(on="create", do="close", at=Point.AFTER_BODY), made=0),
    "timeout": Loss(Fault(on="create", do="hang", at=Point.AFTER_MAKING, seconds=5)),
    "500 of a job that exists": Loss(Fault(on="create", do="refuse", at=Point.AFTER_MAKING, status=500)),
    "a proxy's page": Loss(Fault(on="create", do="html", at=Point.AFTER_MAKING, status=502)),
    "half an answer": Loss(Fault(on="create", do="half")),
}
CASES = tuple(product(LOSSES, ("hold", "failover")))
IN_EVERY_RUN = (("reply lost", "hold"), ("request lost", "failover"))  # of those that take long


@pytest.mark.parametrize(("name", "doubt"), CASES)
async def test_a_vendor_that_can_do_nothing(name: str, doubt: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    """Held: failed at the deadline, presumed. At risk: the other route renders, and the ledger names both."""
    loss = LOSSES[name]
    config = CONFIG.format(deadline=5, doubt=doubt, settings="")
    async with house(empty_redis.url, tmp_path, config, vendors=VENDORS) as here:
        here.vendors["a"].program(loss.fault)
        video = await here.create()
        face = await here.until(video)
        assert face["status"] == ("failed" if doubt == "hold" else "completed")
        await here.until_closed(video)
        assert await here.money(video) == (PRESUMED_A if doubt == "hold" else AT_RISK)
        renders = (here.vendors["a"].counts["renders"], here.vendors["b"].counts["renders"])
        assert renders == (loss.made, int(doubt == "failover"))
        assert await here.tools.store.verify() == []


@pytest.mark.parametrize(("name", "doubt"), CASES)
async def test_a_vendor_that_honours_keys(name: str, doubt: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    """Resent under its key: one render, paid once, whatever the policy."""
    config = CONFIG.format(deadline=60, doubt=doubt, settings="honours_idempotency_key: true")
    vendors: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1, "keys": "replay"}, "b": {"render_s": 0.1}}
    async with house(empty_redis.url, tmp_path, config, vendors=vendors) as here:
        here.vendors["a"].program(LOSSES[name].fault)
        video = await here.create()
        assert (await here.until(video))["status"] == "completed"
        assert await here.money(video) == PAID_A
        assert (here.vendors["a"].counts["renders"], here.vendors["b"].counts["renders"]) == (1, 0)
        assert await here.tools.store.verify() == []


LISTS = (
    CONFIG.replace("lists: false, ", "", 1)
    .replace("doubt: {doubt}", "doubt: {doubt}, exclusive_account: true", 1)
    .replace("lease_s: 5", "lease_s: 2.5, submit_margin_s: 0.5", 1)
)
NEXT_ROUTE = [("hold", "1", 400_000), ("void", "1", -400_000), ("hold", "2", 400_000), ("settle", "2", 400_000)]


@pytest.mark.parametrize(
    ("name", "doubt"),
    [
        pytest.param(name, doubt, marks=() if (name, doubt) in IN_EVERY_RUN else pytest.mark.slow)
        for name, doubt in CASES
    ],
)
async def test_a_vendor_that_can_list(name: str, doubt: str, empty_redis: RedisServer, tmp_path: Path) -> None:
    """On an account of our own the one job that looks like it is it; where there is none, the next route is asked, and
    the first is free."""
    loss = LOSSES[name]
    config = LISTS.format(deadline=80, doubt=doubt, settings="lists: true, visible_after_s: 0.5")
    async with house(empty_redis.url, tmp_path, config, vendors=VENDORS) as here:
        here.vendors["a"].program(loss.fault)
        video = await here.create()
        assert (await here.until(video, seconds=40))["status"] == "completed"
        assert await here.money(video) == (PAID_A if loss.made else NEXT_ROUTE)
        assert (here.vendors["a"].counts["renders"], here.vendors["b"].counts["renders"]) == (loss.made, 1 - loss.made)
        assert await here.tools.store.verify() == []


async def test_a_list_that_lags_is_asked_until_its_time(empty_redis: RedisServer, tmp_path: Path) -> None:
    """What it does not show yet is not taken for never received."""
    config = LISTS.format(deadline=80, doubt="hold", settings="lists: true, visible_after_s: 4")
    vendors: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1, "list_lag_s": 3.5}, "b": {"render_s": 0.1}}
    async with house(empty_redis.url, tmp_path, config, vendors=vendors) as here:
        here.vendors["a"].program(LOSSES["reply lost"].fault)
        video = await here.create()
        assert (await here.until(video, seconds=40))["status"] == "completed"
        assert await here.money(video) == PAID_A
        assert (here.vendors["a"].counts["renders"], here.vendors["b"].counts["renders"]) == (1, 0)


@pytest.mark.parametrize("doubt", ["hold", "failover"])
async def test_a_resend_that_is_refused_proves_that_the_first_arrived(
    doubt: str, empty_redis: RedisServer, tmp_path: Path
) -> None:
    """The vendor knows the key and does not say whose job it is: the doubt stays, and the policy decides."""
    config = CONFIG.format(deadline=5, doubt=doubt, settings="honours_idempotency_key: true")
    vendors: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1, "keys": "refuse"}, "b": {"render_s": 0.1}}
    async with house(empty_redis.url, tmp_path, config, vendors=vendors) as here:
        here.vendors["a"].program(LOSSES["reply lost"].fault)
        video = await here.create()
        face = await here.until(video)
        assert (face["status"], face["error"]["code"]) == ("failed", "outcome_unknown")
        await here.until_closed(video)
        assert await here.money(video) == PRESUMED_A
        assert (here.vendors["a"].counts["renders"], here.vendors["b"].counts["renders"]) == (1, 0)
        assert here.vendors["a"].counts["repeats"] > 0, "it was asked again under its key"


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_late_success_after_failed_was_shown_is_booked_and_not_shown(
    empty_redis: RedisServer, tmp_path: Path
) -> None:
    """Who is only followed is looked at once a minute."""
    config = LISTS.format(deadline=4, doubt="hold", settings="lists: true, visible_after_s: 0.5")
    async with house(empty_redis.url, tmp_path, config, vendors=VENDORS) as here:
        here.vendors["a"].program(LOSSES["reply lost"].fault)
        video = await here.create()
        face = await here.until(video)
        assert (face["status"], face["error"]["code"]) == ("failed", "outcome_unknown")
        await here.until_closed(video, seconds=150)
        assert await here.money(video) == PAID_A
        after = await here.face(video)
        assert (after["status"], after["error"]["code"]) == ("failed", "outcome_unknown")
        assert await here.tools.store.verify() == []


async def test_an_orphan_is_cancelled_at_its_vendor_and_booked(empty_redis: RedisServer, tmp_path: Path) -> None:
    """The client was told `failed` at the deadline; the job that still ran is stopped, and its hold ends once."""
    config = CONFIG.format(deadline=2, doubt="hold", settings="delete_cancels: true")
    vendors: dict[str, dict[str, Any]] = {"a": {"render_s": 0.1, "cancels": True}, "b": {}}
    async with house(empty_redis.url, tmp_path, config, vendors=vendors) as here:
        here.vendors["a"].program(Fault(on="create", do="never"))
        video = await here.create()
        face = await here.until(video)
        assert (face["status"], face["error"]["code"]) == ("failed", "deadline_exceeded")
        await here.until_closed(video)
        assert here.vendors["a"].counts["delete"] == 1
        assert [kind for kind, *_ in await here.money(video)] == ["hold", "presumed"]
        assert (await here.face(video))["error"]["code"] == "deadline_exceeded"
        assert await here.tools.store.verify() == []
