"""The measurements: each makes a fresh stage, measures in rounds and gives its rows."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from tests.bench import beside, load, stage
from tests.bench.rows import (
    PEER_CREATES_PER_S,
    PEER_RETRIEVES_PER_S,
    Row,
    Target,
    histogram,
    quantile,
)
from tests.support.clips import clip_bytes
from tests.support.gateway import Gateway, until

CONNECTIONS: Final = (16, 64)
CLIP_BYTES: Final = 50_000_000
SLOW_READERS: Final = 100
SLOW_BYTES_PER_S: Final = 100_000
LISTED: Final = 50
RETRIEVES: Final = {16: Target(least=20 * PEER_RETRIEVES_PER_S, ratio_least=0.75), 64: Target(ratio_least=0.75)}
CREATES: Final = {16: Target(least=10 * PEER_CREATES_PER_S), 64: Target()}


class Pace(Struct, frozen=True, kw_only=True):
    rounds: int
    seconds: float
    warm_s: float
    fetches: int
    slow_s: float
    in_flight: int
    watch_s: float


FULL: Final = Pace(rounds=5, seconds=3, warm_s=0.7, fetches=40, slow_s=8, in_flight=10_000, watch_s=20)
QUICK: Final = Pace(rounds=1, seconds=1, warm_s=0.3, fetches=5, slow_s=2, in_flight=500, watch_s=3)


def tell(what: str) -> None:
    print(what, flush=True)


def tell_processes(gateway: Gateway, floor: subprocess.Popen[bytes] | None = None) -> None:
    """Every process's command line."""
    lines = gateway.command_lines()
    for pid, role in sorted(stage.roles(gateway).items()):
        tell(f"  {role:<12} {lines.get(pid, '')}")
    for line in stage.descendants(floor) if floor is not None else []:
        tell(f"  {'floor':<12} {line}")


# --- creates -----------------------------------------------------------------------------------------------------


def creates(folder: Path, pace: Pace) -> list[Row]:
    """Each round with a gateway of its own: what was created stays in flight, and shall not weigh on the next round.
    Submissions go on meanwhile, as they would."""
    tell("creates")
    folder.mkdir(parents=True)
    seen = Figures()
    with beside.fast_vendor(folder) as vendor, beside.bare_route(folder) as (port, floor):
        for number in range(pace.rounds):
            for connections in CONNECTIONS:
                with stage.product(folder / f"{number}-{connections}", vendor) as (gateway, key):
                    if number == 0:
                        tell_processes(gateway, floor if connections == CONNECTIONS[0] else None)
                    seen.add("product", connections, _load(folder, gateway.port, stage.create(key), connections, pace))
                    submitted = _accepted(stage.scrape(gateway))
                seen.add("floor", connections, _load(folder, port, stage.create(path="/floor"), connections, pace))
                tell(
                    f"  round {number + 1}, {connections} connections: {seen.last()}, {submitted:.0f} submitted by then"
                )
    return seen.rows("creates", CREATES, {})


def _accepted(exposition: str) -> float:
    return sum(
        float(line.rpartition(" ")[2])
        for line in exposition.splitlines()
        if line.startswith("telecine_attempts_accepted_total{")
    )


# --- retrieves and lists -----------------------------------------------------------------------------------------


def reads(folder: Path, pace: Pace) -> list[Row]:
    tell("retrieves and lists")
    folder.mkdir(parents=True)
    retrieves, lists, alike = Figures(), Figures(), Figures()
    with (
        beside.fast_vendor(folder) as vendor,
        beside.bare_route(folder) as (port, floor),
        stage.product(folder / "product", vendor) as (gateway, key),
    ):
        made = [stage.call(f"{gateway.base_url}/videos", key, stage.create(key))["id"] for _ in range(LISTED)]
        tell_processes(gateway, floor)
        ones = [stage.get(f"/v1/videos/{ident}", key) for ident in made]
        for number in range(pace.rounds):
            for connections in CONNECTIONS:
                retrieves.add("product", connections, _load(folder, gateway.port, ones, connections, pace))
                bare = _load(folder, port, stage.get("/floor/video"), connections, pace)
                retrieves.add("floor", connections, bare)
                alike.add("product", connections, retrieves.seen["product", connections][-1])
                alike.add("floor", connections, _load(folder, port, stage.get("/alike/video"), connections, pace))
                page = stage.get("/v1/videos?limit=20", key)
                lists.add("product", connections, _load(folder, gateway.port, page, connections, pace))
                lists.add("floor", connections, bare)
                tell(f"  round {number + 1}, {connections} connections: {retrieves.last()}; lists: {lists.last()}")
    return retrieves.rows(
        "retrieves", RETRIEVES, {64: Target(ratio_most=1.5), 16: Target(ratio_most=1.5)}
    ) + lists.rows("lists of 20", {}, {})


def _load(folder: Path, port: int, requests: str | list[str], connections: int, pace: Pace) -> load.Answered:
    plan = load.Requests(
        port=port,
        connections=connections,
        seconds=pace.seconds,
        warm_s=pace.warm_s,
        requests=[requests] if isinstance(requests, str) else requests,
    )
    answered = stage.ask(folder, plan, load.Answered)
    assert answered.wrong == 0, f"{answered.wrong} wrong answers: {answered.first_wrong}"
    return answered


class Figures:
    """What the rounds of a measurement saw, by connections."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, int], list[load.Answered]] = {}

    def add(self, whose: str, connections: int, answered: load.Answered) -> None:
        self.seen.setdefault((whose, connections), []).append(answered)
        self._connections = connections

    def last(self) -> str:
        product, floor = (self.seen[whose, self._connections][-1] for whose in ("product", "floor"))
        return f"{product.per_s:,.0f}/s (floor {floor.per_s:,.0f}/s), p99 {product.p99_ms} ms ({floor.p99_ms} ms)"

    def rows(self, name: str, rates: Mapping[int, Target], tails: Mapping[int, Target]) -> list[Row]:
        rows = []
        for connections in CONNECTIONS:
            product, floor = self.seen["product", connections], self.seen["floor", connections]
            at = f"{name}, {connections} connections"
            rows += [
                Row(
                    name=at,
                    unit="/s",
                    products=[one.per_s for one in product],
                    floors=[one.per_s for one in floor],
                    target=rates.get(connections, Target()),
                ),
                Row(
                    name=f"{at}, p50",
                    unit="ms",
                    products=[one.p50_ms for one in product],
                    floors=[one.p50_ms for one in floor],
                ),
                Row(
                    name=f"{at}, p99",
                    unit="ms",
                    products=[one.p99_ms for one in product],
                    floors=[one.p99_ms for one in floor],
                    target=tails.get(connections, Target()),
                ),
            ]
        return rows


# --- content and memory ------------------------------------------------------------------------------------------


def content(folder: Path, pace: Pace) -> list[Row]:
    """A clip of 50 MB, fetched whole in turn with nginx; then by many slow readers at once, with an eye on memory."""
    tell("content")
    folder.mkdir(parents=True)
    clip = large_clip(folder / "clips" / "720x1280_4.mp4")
    with (
        beside.rendering_vendor(folder, clip.parent) as vendor,
        beside.nginx(folder, clip.parent) as floor,
        stage.product(folder / "product", vendor, poll_min_s=0.5, poll_max_s=0.5) as (gateway, key),
    ):
        time.sleep(1.0)
        idle = memory(gateway)
        path = f"/v1/videos/{completed(gateway, key)}/content"
        tell_processes(gateway)
        ours, floors = [], []
        for _ in range(pace.rounds):
            ours.append(_fetch(folder, gateway.port, stage.get(path, key), pace))
            if floor is not None:
                floors.append(_fetch(folder, floor, stage.get(f"/{clip.name}"), pace))
        why = "no nginx to be had" if floor is None else "-"
        before = memory(gateway)
        with streaming(folder, gateway.port, stage.get(path, key), pace):
            during = memory(gateway)
    tell(f"  resident, idle:      {_told(idle)}\n  resident, streaming: {_told(during)}")
    return [
        Row(
            name="content of 50 MB, one reader",
            unit="MB/s",
            products=[one.mb_per_s for one in ours],
            floors=[one.mb_per_s for one in floors],
            why_no_floor=why,
        ),
        Row(
            name="first byte of 50 MB, p50",
            unit="ms",
            products=[one.first_byte_p50_ms for one in ours],
            floors=[one.first_byte_p50_ms for one in floors],
            why_no_floor=why,
            target=Target(most=10),
        ),
        Row(
            name="first byte of 50 MB, p99",
            unit="ms",
            products=[one.first_byte_p99_ms for one in ours],
            floors=[one.first_byte_p99_ms for one in floors],
            why_no_floor=why,
        ),
        *_memory_rows(idle, before, during),
    ]


def large_clip(path: Path) -> Path:
    """A real clip, made 50 MB large by a box of padding."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = clip_bytes(720, 1280, 4)
    padding = CLIP_BYTES - len(data)
    path.write_bytes(data + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8))
    return path


def completed(gateway: Gateway, key: str) -> str:
    """The id of a video whose clip is here."""
    url = f"{gateway.base_url}/videos"
    ident: str = stage.call(url, key, stage.create(key))["id"]
    ended = until(lambda: stage.call(f"{url}/{ident}", key)["status"] in ("completed", "failed"), 60, every_s=0.1)
    video = stage.call(f"{url}/{ident}", key)
    assert ended and video["status"] == "completed", video
    return ident


def _fetch(folder: Path, port: int, request: str, pace: Pace) -> load.Fetched:
    fetched = stage.ask(folder, load.Fetch(port=port, request=request, times=pace.fetches), load.Fetched)
    assert fetched.size_bytes == CLIP_BYTES, fetched
    return fetched


@contextmanager
def streaming(folder: Path, port: int, request: str, pace: Pace) -> Iterator[None]:
    """The block runs when many slow readers are halfway."""
    plan = load.Slow(
        port=port,
        request=request,
        connections=SLOW_READERS,
        seconds=pace.slow_s,
        bytes_per_s=SLOW_BYTES_PER_S,
    )
    with stage.asking(folder, plan) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(pace.slow_s / 2)
        yield
        out, _ = process.communicate(timeout=stage.LOAD_S_MAX)
        tell(f"  {SLOW_READERS} slow readers: {out.decode().strip()}")


def memory(gateway: Gateway) -> dict[str, float]:
    """Resident MB by role."""
    found: dict[str, float] = {}
    for pid, role in stage.roles(gateway).items():
        found[role] = found.get(role, 0) + stage.resident_mb(pid)
    return found


def _told(found: Mapping[str, float]) -> str:
    return ", ".join(f"{role} {size:.0f} MB" for role, size in sorted(found.items()))


def _memory_rows(idle: Mapping[str, float], before: Mapping[str, float], during: Mapping[str, float]) -> list[Row]:
    rows = [
        Row(
            name=f"memory of the {role}, idle",
            unit="MB",
            products=[size],
            target=Target(most=120) if role == "worker" else Target(),
        )
        for role, size in sorted(idle.items(), reverse=True)
    ]
    growth = Row(
        name=f"memory of the worker, growth while {SLOW_READERS} slow readers stream",
        unit="MB",
        products=[max(0.0, during["worker"] - before["worker"])],
        target=Target(most=20),
    )
    return [*rows, growth]


# --- poll lag ----------------------------------------------------------------------------------------------------


def poll_lag(folder: Path, pace: Pace) -> list[Row]:
    """Many videos in flight, each looked at every few seconds: how late is a look?"""
    tell(f"poll lag with {pace.in_flight:,} videos in flight")
    folder.mkdir(parents=True)
    with (
        beside.fast_vendor(folder) as vendor,
        stage.product(folder / "product", vendor) as (gateway, key),
    ):
        began = time.monotonic()
        _fill(folder, gateway, key, pace.in_flight)
        submitted = until(lambda: _accepted(stage.scrape(gateway)) >= pace.in_flight, 120, every_s=0.5)
        assert submitted, f"only {_accepted(stage.scrape(gateway)):.0f} of {pace.in_flight} were submitted"
        tell(f"  created and submitted within {time.monotonic() - began:.1f} s")
        time.sleep(stage.POLL_S + 1)  # what the submissions delayed is over
        before = stage.scrape(gateway)
        time.sleep(pace.watch_s)
        after = stage.scrape(gateway)
        tell_processes(gateway)
    lag = "telecine_poll_lag_seconds"
    loop = "telecine_loop_lag_seconds"
    counts = histogram(after, lag), histogram(before, lag)
    polls = (max(counts[0].values()) - max(counts[1].values())) / pace.watch_s
    at = f"with {pace.in_flight:,} in flight"
    return [
        Row(name=f"looks {at}", unit="/s", products=[polls]),
        Row(name=f"poll lag {at}, p50", unit="ms", products=[1_000 * quantile(counts[1], counts[0], 0.5)]),
        Row(
            name=f"poll lag {at}, p99",
            unit="ms",
            products=[1_000 * quantile(counts[1], counts[0], 0.99)],
            target=Target(most=2_000),
        ),
        Row(
            name=f"event loop lag {at}, p99",
            unit="ms",
            products=[1_000 * quantile(histogram(before, loop), histogram(after, loop), 0.99)],
        ),
    ]


def _fill(folder: Path, gateway: Gateway, key: str, count: int) -> None:
    plan = load.Requests(
        port=gateway.port, connections=16, seconds=90, warm_s=0, requests=[stage.create(key)], count=count
    )
    answered = stage.ask(folder, plan, load.Answered)
    assert answered.answers >= count and not answered.wrong, answered


MEASURES: Final[Mapping[str, Callable[[Path, Pace], list[Row]]]] = {
    "creates": creates,
    "reads": reads,
    "content": content,
    "poll-lag": poll_lag,
}
