"""The doctor's judgements of figures: each bound from both sides, and the worst finding decides."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.domain import checkup
from gateway.domain.checkup import Level, Symptom, worst

OK, WARN, FAIL = Level.OK, Level.WARN, Level.FAIL


@pytest.mark.parametrize(("seconds", "level"), [(0.0001, OK), (0.0049, OK), (0.005, WARN), (0.2, WARN), (0.25, FAIL)])
def test_the_median_round_trip_counts(seconds: float, level: Level) -> None:
    """One slow answer among many says nothing."""
    assert checkup.of_latency([seconds] * 11).level is level
    assert checkup.of_latency([*[0.001] * 11, *[9.0] * 10]).level is OK


@pytest.mark.parametrize(
    ("ahead_s", "level"), [(0.0, OK), (-0.9, OK), (1.0, WARN), (-1.5, WARN), (5.0, FAIL), (-60.0, FAIL)]
)
def test_clocks_may_be_apart_by_a_second(ahead_s: float, level: Level) -> None:
    assert checkup.of_clocks(ahead_s).level is level


@pytest.mark.parametrize(
    ("info", "level"),
    [
        ({}, OK),
        ({"connected_slaves": "2"}, WARN),
        ({"connected_slaves": "2", "min_slaves_good_slaves": "0"}, WARN),
        ({"connected_slaves": "2", "min_slaves_good_slaves": "1"}, OK),
    ],
)
def test_replicas_that_nobody_waits_for_are_a_risk(info: dict[str, str], level: Level) -> None:
    assert checkup.of_replicas(info).level is level


def test_replicas_that_are_waited_for_have_to_be_there() -> None:
    assert checkup.of_replicas({"connected_slaves": "1"}, 1).level is OK
    assert checkup.of_replicas({"connected_slaves": "1"}, 2).level is FAIL


def test_a_store_that_could_not_write_fails() -> None:
    assert checkup.of_writing({"aof_last_write_status": "ok"}).level is OK
    found = checkup.of_writing({"aof_last_write_status": "err", "rdb_last_bgsave_status": "ok"})
    assert (found.level, "aof_last_write_status" in found.says) == (FAIL, True)


@pytest.mark.parametrize(("used", "level"), [("10", OK), ("80", WARN), ("96", FAIL)])
def test_memory_is_told_before_it_is_full(used: str, level: Level) -> None:
    assert checkup.of_memory({"used_memory": used, "maxmemory": "100"}).level is level
    assert checkup.of_memory({"used_memory": used, "maxmemory": "0"}).level is OK


@pytest.mark.parametrize(
    ("free_bytes", "sync_s", "levels"),
    [
        (100 * 10**9, 0.001, [OK, OK]),
        (10**9, 0.5, [WARN, WARN]),
        (10**8, 3.0, [FAIL, FAIL]),
    ],
)
def test_a_disk_is_judged_by_room_and_speed(free_bytes: int, sync_s: float, levels: list[Level]) -> None:
    assert [one.level for one in checkup.of_disk("disk.data", free_bytes, sync_s)] == levels


@pytest.mark.parametrize(
    ("folders", "mine", "level"),
    [
        ((), None, OK),
        ((), "a", OK),
        (("a",), "a", OK),
        (("a",), None, OK),
        (("b",), "a", FAIL),
        (("a", "b"), "a", FAIL),
    ],
)
def test_clips_belong_into_one_folder(folders: tuple[str, ...], mine: str | None, level: Level) -> None:
    assert checkup.of_folders(folders, mine).level is level


@pytest.mark.parametrize("count", range(5))
def test_the_worst_finding_decides(count: int) -> None:
    order = [OK, WARN, FAIL]
    for levels in product(order, repeat=count):
        found = worst([Symptom("a", level, "b") for level in levels])
        assert order.index(found) == max(map(order.index, levels), default=0)
