"""What `telecine doctor` thinks of what it found: a symptom says how bad it is, what it is, and what to do. Pure.

Every judgement is of plain figures, so that each can be provoked without the illness. Bounds are named here once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from gateway.domain.budgets import Budget
from gateway.domain.cheapest import cheapest
from gateway.domain.money import format_dollars
from gateway.domain.routing import Model, Route

LATENCY_WARN_S: Final = 0.005  # a create makes one round trip, a step two
LATENCY_FAIL_S: Final = 0.25
CLOCK_WARN_S: Final = 1.0
CLOCK_FAIL_S: Final = 5.0  # what the notes about forgotten commits allow for
FREE_WARN_BYTES: Final = 2 * 1024**3
FREE_FAIL_BYTES: Final = 200 * 1024**2
SYNC_WARN_S: Final = 0.1
SYNC_FAIL_S: Final = 2.0
MEMORY_WARN: Final = 0.8
MEMORY_FAIL: Final = 0.95
BYTES_GB: Final = 1_000_000_000


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Symptom(Struct, frozen=True):
    """`check`: what was looked at, the same words for the same look. `todo`: what helps; "" where nothing is wrong."""

    check: str
    level: Level
    says: str
    todo: str = ""


def ok(check: str, says: str) -> Symptom:
    return Symptom(check, Level.OK, says)


def warn(check: str, says: str, todo: str) -> Symptom:
    return Symptom(check, Level.WARN, says, todo)


def fail(check: str, says: str, todo: str) -> Symptom:
    return Symptom(check, Level.FAIL, says, todo)


def worst(symptoms: Iterable[Symptom]) -> Level:
    found = {one.level for one in symptoms}
    return Level.FAIL if Level.FAIL in found else Level.WARN if Level.WARN in found else Level.OK


# --- the store ------------------------------------------------------------------------------------------------------


def of_latency(round_trips_s: Sequence[float]) -> Symptom:
    median_s = sorted(round_trips_s)[len(round_trips_s) // 2]
    says = f"a round trip takes {median_s * 1_000:.2f} ms (median of {len(round_trips_s)})"
    todo = "put the gateway next to the store; every create waits for it"
    if median_s >= LATENCY_FAIL_S:
        return fail("store.latency", says, todo)
    return warn("store.latency", says, todo) if median_s >= LATENCY_WARN_S else ok("store.latency", says)


def of_clocks(ahead_s: float) -> Symptom:
    """`ahead_s`: how far the store's clock is ahead of ours."""
    says = f"the store's clock and this machine's are {abs(ahead_s):.2f} s apart"
    todo = "let both machines follow a time server (chrony, systemd-timesyncd)"
    if abs(ahead_s) >= CLOCK_FAIL_S:
        return fail("store.clock", says, todo)
    return warn("store.clock", says, todo) if abs(ahead_s) >= CLOCK_WARN_S else ok("store.clock", says)


def of_replicas(info: Mapping[str, str], waited_for: int = 0) -> Symptom:
    """`info`: the store's INFO. Replicas are told of a commit after its answer; `waited_for`: so many before a send."""
    count = _whole(info, "connected_slaves")
    if waited_for > count:
        return fail(
            "store.replicas",
            f"store.wait_replicas is {waited_for}, and the store has {count} connected: nothing is submitted",
            "connect its replicas again, or lower store.wait_replicas and restart",
        )
    if waited_for:
        return ok("store.replicas", f"{count} replicas; {waited_for} must have a commit before anything is sent")
    if not count:
        return ok("store.replicas", "no replica; what the store acknowledged is as safe as its own disk")
    good = _whole(info, "min_slaves_good_slaves")
    if "min_slaves_good_slaves" in info and good:
        return ok("store.replicas", f"{count} replicas, {good} of them near enough to be waited for")
    return warn(
        "store.replicas",
        f"{count} replicas, and the store answers without waiting for any: a failover can lose the last commits",
        "set store.wait_replicas to 1; after a failover, look at telecine store show",
    )


def of_writing(info: Mapping[str, str]) -> Symptom:
    """Whether the store's own last writes to its disk went well."""
    names = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
    failed = [name for name in names if info.get(name, "ok") != "ok"]
    if failed:
        return fail(
            "store.disk",
            f"the store could not write to its disk ({', '.join(failed)})",
            "look at its log and at the space on its disk",
        )
    return ok("store.disk", "the store's last writes to its disk went well")


def of_memory(info: Mapping[str, str]) -> Symptom:
    used, most = _whole(info, "used_memory"), _whole(info, "maxmemory")
    if not most:
        return ok("store.memory", f"{used / BYTES_GB:.2f} GB used, no bound of its own")
    share = used / most
    says = f"{share:.0%} of maxmemory ({most / BYTES_GB:.2f} GB) are used"
    todo = "raise maxmemory, or shorten `retention`; creates are refused when it is full"
    if share >= MEMORY_FAIL:
        return fail("store.memory", says, todo)
    return warn("store.memory", says, todo) if share >= MEMORY_WARN else ok("store.memory", says)


def of_budgets(budgets: Sequence[Budget]) -> Iterator[Symptom]:
    over = [one for one in budgets if one.overrun_micros]
    for one in over:
        yield warn(
            "budgets",
            f"{one.scope}/{one.window}: {format_dollars(one.overrun_micros)} above the cap; nothing new is let in",
            "raise the cap with telecine budgets set, or wait for the next window",
        )
    if not over:
        yield ok("budgets", f"{len(budgets)} caps, none overrun" if budgets else "no caps are set")


def of_folders(folders: Sequence[str], mine: str | None) -> Symptom:
    """`folders`: those in which workers keep clips now; `mine`: this machine's, None if there is none yet."""
    todo = "mount one folder on every replica, and name it in assets.dir"
    if len(folders) > 1:
        return fail("assets.shared", f"replicas keep clips in {len(folders)} folders, and lack each other's", todo)
    if folders and mine is not None and mine not in folders:
        return fail("assets.shared", "the running gateways keep clips in another folder than this one", todo)
    return ok("assets.shared", "every running worker keeps clips in one folder" if folders else "no worker runs now")


# --- the configuration ----------------------------------------------------------------------------------------------


def of_models(models: Iterable[Model], drained: Mapping[str, bool], day: str) -> Iterator[Symptom]:
    """`drained`: by route, whether it takes no new work now. `day`: YYYY-MM-DD in UTC."""
    sound = 0
    for model in models:
        open_routes = [route for route in model.routes if not drained.get(route.name)]
        if not open_routes:
            yield fail(
                "config.models",
                f"every route of the model {model.name} is drained: its creates are refused",
                "telecine providers enable NAME, or give the model another route",
            )
        elif not any(_priced(route, day) for route in open_routes):
            yield fail(
                "config.models",
                f"no route of the model {model.name} has a price today: its creates are refused",
                "write a price line that has begun already; see docs/configuration.md",
            )
        else:
            sound += 1
    if sound:
        yield ok("config.models", f"{sound} models can be asked for")


def of_prices(routes: Iterable[Route], day: str) -> Iterator[Symptom]:
    for route in routes:
        if not _priced(route, day):
            yield warn(
                "config.prices",
                f"{route.name} has no price that counts today, so it is passed over",
                "write a price line that has begun already; see docs/configuration.md",
            )


def _priced(route: Route, day: str) -> bool:
    """Routes that make nothing from words or an image alone are not judged."""
    return not route.abilities.sizes or not route.abilities.seconds or cheapest([route], day) is not None


# --- places ---------------------------------------------------------------------------------------------------------


def of_disk(check: str, free_bytes: int, sync_s: float) -> Iterator[Symptom]:
    says = f"{free_bytes / BYTES_GB:.1f} GB are free"
    todo = "make room, or shorten gateway.asset_life_s"
    if free_bytes < FREE_FAIL_BYTES:
        yield fail(check, says, todo)
    else:
        yield warn(check, says, todo) if free_bytes < FREE_WARN_BYTES else ok(check, says)
    says = f"a small file is on the disk after {sync_s * 1_000:.1f} ms"
    todo = "take a faster disk: what waits for it, waits this long each time"
    if sync_s >= SYNC_FAIL_S:
        yield fail(check, says, todo)
    else:
        yield warn(check, says, todo) if sync_s >= SYNC_WARN_S else ok(check, says)


def _whole(info: Mapping[str, str], name: str) -> int:
    text = info.get(name, "0")
    return int(text) if text.isdigit() else 0
