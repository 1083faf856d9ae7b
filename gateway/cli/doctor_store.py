"""The doctor's look at the store: one connection, and what follows from what is in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct

from gateway.assets import disk
from gateway.cli.options import Place
from gateway.cli.storing import store_url
from gateway.config.models import Config
from gateway.domain import breaker as breakers
from gateway.domain import chart as charts
from gateway.domain import checkup
from gateway.domain.breaker import Scope, State
from gateway.domain.budgets import Budget
from gateway.domain.checkup import Symptom, fail, ok, warn
from gateway.domain.config_versions import config_digest
from gateway.snapshot import Snapshot
from gateway.store.checks import Fitness
from gateway.store.errors import StoreAway, StoreRefused
from gateway.store.store import Store
from gateway.store.vitals import Vitals
from gateway.work.folders import STALE_MS

TIMEOUT_S = 3.0
REACH = "store.reach"


class Read(Struct, frozen=True, kw_only=True):
    """What one visit to the store brought back."""

    fitness: Fitness
    vitals: Vitals
    budgets: list[Budget]
    folders: tuple[str, ...]
    config: tuple[int, str]  # the version that counts and its digest; 0: none
    drained: frozenset[str]
    open_breakers: dict[str, str]  # by chart, why
    dead_letters: int


class Seen:
    """Of a store that could not be read: why. Then nothing that lies in it is judged."""

    def __init__(self, read: Read | None, trouble: str, file: bytes, *, wait_replicas: int) -> None:
        self._read = read
        self._trouble = trouble
        self._file = file
        self._wait_replicas = wait_replicas

    def symptoms(self) -> Iterator[Symptom]:
        if self._read is None:
            yield fail(REACH, self._trouble, "start it, or mend `store.url`; until then everything answers 503")
            return
        fitness, vitals = self._read.fitness, self._read.vitals
        yield ok(REACH, f"{fitness.server} answers")
        for refusal in fitness.refusals:
            yield fail("store.fit", refusal, "the gateway does not start on it as it is")
        for warning in fitness.warnings:
            yield warn("store.persistence", warning, "appendonly yes and appendfsync always keep every commit")
        if not fitness.warnings:
            yield ok("store.persistence", "every commit is on the store's disk before it is answered")
        yield checkup.of_latency(vitals.round_trips_s)
        yield checkup.of_clocks(vitals.ahead_s)
        yield checkup.of_replicas(vitals.info, self._wait_replicas)
        yield from (one(vitals.info) for one in (checkup.of_writing, checkup.of_memory))
        yield from self._state(self._read)

    def drained(self, snapshot: Snapshot) -> dict[str, bool]:
        """By route, whether it takes no new work: by the configuration, or by an operator's hand."""
        by_hand = self._read.drained if self._read is not None else frozenset()
        return {
            name: route.drained
            or bool({charts.name_of(Scope.ROUTE, name), charts.name_of(Scope.PROVIDER, route.provider)} & by_hand)
            for name, route in snapshot.routes.items()
        }

    def barred(self) -> dict[str, str]:
        return self._read.open_breakers if self._read is not None else {}

    def of_clips(self, folder: Path) -> Iterator[Symptom]:
        if self._read is not None:
            yield checkup.of_folders(self._read.folders, disk.known_id(folder))

    def _state(self, read: Read) -> Iterator[Symptom]:
        if read.vitals.forgot:
            yield fail(
                "store.commits",
                "the store forgot commits, and nothing is submitted",
                "telecine store show, then telecine store accept; see docs/operations.md",
            )
        number, digest = read.config
        if number and digest != config_digest(self._file):
            yield warn(
                "config.version",
                f"version {number} serves, and its text is not this file's",
                "telecine config diff shows what differs; telecine config apply makes this file the next version",
            )
        yield from checkup.of_budgets(read.budgets)
        if read.dead_letters:
            yield warn(
                "webhooks",
                f"{read.dead_letters} webhooks could not be delivered",
                "telecine webhooks dead shows them, telecine webhooks replay sends them again",
            )


@contextmanager
def opened(place: Place, config: Config) -> Iterator[Seen]:
    """The store stays for as long as this lasts: a private one may have been started for it."""
    file, wait = _bytes_of(place.config), config.store.wait_replicas
    with ExitStack() as stack:
        try:
            url = stack.enter_context(store_url(place, begins=True))
            seen = Seen(asyncio.run(_visit(url, config.gateway.name)), "", file, wait_replicas=wait)
        except (StoreAway, StoreRefused) as error:
            seen = Seen(None, str(error), file, wait_replicas=wait)
        yield seen


async def _visit(url: str, name: str) -> Read:
    store = Store(url, name=name, timeout_s=TIMEOUT_S, patience_s=TIMEOUT_S)
    now_ms = time.time_ns() // 1_000_000
    try:
        fitness, vitals = await store.check(), await store.vitals()
        found = await store.charts()
        now = await store.config_now()
        return Read(
            fitness=fitness,
            vitals=vitals,
            budgets=await store.list_budgets(now_ms),
            folders=await store.clip_folders(now_ms=now_ms, since_ms=now_ms - STALE_MS),
            config=(now.version.number, now.version.facts.digest) if now is not None else (0, ""),
            drained=await store.drained(),
            open_breakers=_open(found.raw, found.now_ms),
            dead_letters=(await store.webhook_standings(now_ms)).dead,
        )
    finally:
        await store.close()


def _open(raw: dict[str, bytes], now_ms: int) -> dict[str, str]:
    found = {}
    for name, data in raw.items():
        chart = charts.decode_chart(data)
        if chart is not None and breakers.state_of(chart.breaker, now_ms) is State.OPEN:
            found[name] = str(chart.breaker.reason or "it fails")
    return found


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
