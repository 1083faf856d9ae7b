"""A simulated day: what each strategy costs, how long its clips take, and how many fail, beside the best in hindsight.

    python -m tests.bench.day [--seeds N]

A virtual clock and fixed seeds: the figures are the same everywhere. Plans, folds and breakers are the gateway's own; a
broken job goes to the next route of its plan and is paid for. In hindsight means: ranked by `balanced` from what the
vendors really were at every moment, without having had to find it out.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from gateway.domain import breaker as breakers
from gateway.domain import chart as charts
from gateway.domain.breaker import Rules, Scope, Turn
from gateway.domain.chart import BLANK, Chart
from gateway.domain.observations import Observation, Sign
from gateway.domain.routing import plan
from gateway.domain.strategies import Strategy
from gateway.domain.videos import Request
from providers.contract import Why
from tests.bench.day_vendors import DAY_MS, VENDORS, Outcome, model_at, now_of, outcome, truth
from tests.support.videos import SIZE

HINDSIGHT: Final = "hindsight"
EVERY_MS: Final = 30_000
ATTEMPTS_MAX: Final = 3
DAY: Final = "2026-11-21"
SEEDS: Final = (1, 2, 3)
LEASE_MS: Final = 600_000


class Figures(Struct, frozen=True):
    """Of one strategy's day."""

    usd_per_clip: float  # what broken jobs cost included
    p95_s: float  # from the create to the clip
    success: float  # of attempts
    completed: float  # of videos
    beside: float  # what `balanced` would have scored the first routes if it had known, beside the best ones; 1: equal


class _Video(Struct):
    number: int
    seconds: int
    created_ms: int
    plan: tuple[str, ...] = ()
    attempts: int = 0


class Day:
    """One strategy, or hindsight, against one seed. Time is what the next event says."""

    def __init__(self, ranked_by: str, seed: int) -> None:
        self._ranked_by, self._seed = ranked_by, seed
        self._chance = random.Random(seed)
        self._charts: dict[str, Chart] = {}
        self._events: list[tuple[int, int, _Video, Outcome, str]] = []  # ends of attempts: when, order, …, the vendor
        self._count = self._good = self._spent = 0
        self._times: list[float] = []
        self._videos = 0
        self._score = self._best_score = 0.0

    def run(self) -> Figures:
        arrivals = random.Random(f"arrivals {self._seed}")
        at_ms = 0
        while (at_ms := at_ms + round(arrivals.expovariate(1 / EVERY_MS))) < DAY_MS:
            self._until(at_ms)
            self._create(_Video(self._videos, arrivals.choice((4, 8, 12)), at_ms), at_ms)
            self._videos += 1
        self._until(2 * DAY_MS)
        self._times.sort()
        return Figures(
            usd_per_clip=self._spent / 1e6 / len(self._times),
            p95_s=self._times[round(0.95 * len(self._times)) - 1],
            success=self._good / self._count,
            completed=len(self._times) / self._videos,
            beside=self._score / self._best_score,
        )

    def _create(self, video: _Video, at_ms: int) -> None:
        request = Request(model="film", prompt="a paper boat", seconds=video.seconds, size=SIZE)
        known = {f"{name}/m": truth(name, video.seconds, at_ms) for name in VENDORS}
        choices = best = plan(model_at(at_ms, Strategy.BALANCED), request, DAY, observed=known, draw=0.999)
        if self._ranked_by != HINDSIGHT:
            model, rules = model_at(at_ms, Strategy(self._ranked_by)), dict.fromkeys(VENDORS, Rules())
            observed = charts.observed_by_route(self._charts, {one.name: one for one in model.routes}, rules, at_ms)
            choices = plan(model, request, DAY, observed=observed, now_ms=at_ms, draw=self._chance.random())
        scores = {one.route: one.score or 0.0 for one in best}
        self._score += scores[choices[0].route]
        self._best_score += scores[best[0].route]
        video.plan = tuple(one.route.partition("/")[0] for one in choices)
        self._send(video, at_ms)

    def _send(self, video: _Video, at_ms: int) -> None:
        """To the next route whose breaker lets it through."""
        while video.plan and video.attempts < ATTEMPTS_MAX:
            vendor, video.plan = video.plan[0], video.plan[1:]
            if self._may_send(vendor, f"{video.number}/{vendor}", at_ms):
                video.attempts += 1
                dice = random.Random(f"{self._seed}/{video.number}/{vendor}")
                came = outcome(vendor, video.seconds, at_ms, dice)
                self._spent += now_of(vendor, at_ms).price_micros * video.seconds
                self._count += 1
                self._note(video, vendor, Sign.ACCEPTED, at_ms, at_ms)
                heapq.heappush(self._events, (at_ms + came.took_ms, self._count, video, came, vendor))
                return

    def _may_send(self, vendor: str, attempt: str, at_ms: int) -> bool:
        if self._ranked_by == HINDSIGHT:
            return True
        name = charts.name_of(Scope.ROUTE, f"{vendor}/m")
        chart = self._charts.get(name, BLANK)
        taken = breakers.take_probe(chart.breaker, attempt, at_ms, probes=Rules().probes, lease_ms=LEASE_MS)
        if taken is None:
            return False
        self._charts[name] = Chart(chart.health, taken)
        return True

    def _until(self, at_ms: int) -> None:
        """Everything that ends before."""
        while self._events and self._events[0][0] <= at_ms:
            ends_ms, _, video, came, vendor = heapq.heappop(self._events)
            sent_ms = ends_ms - came.took_ms
            if came.good:
                self._good += 1
                self._times.append((ends_ms - video.created_ms) / 1_000)
                self._note(video, vendor, Sign.RENDERED, ends_ms, sent_ms)
                self._note(video, vendor, Sign.CLIP, ends_ms, sent_ms)
            else:
                self._note(video, vendor, Sign.BROKE, ends_ms, sent_ms)
                self._send(video, ends_ms)

    def _note(self, video: _Video, vendor: str, sign: Sign, at_ms: int, sent_ms: int) -> None:
        seen = Observation(
            route=f"{vendor}/m",
            provider=vendor,
            attempt=f"{video.number}/{vendor}",
            sign=sign,
            why=Why.INTERNAL if sign is Sign.BROKE else None,
            at_ms=at_ms,
            sent_ms=sent_ms,
            seconds=video.seconds,
            latency_ms=at_ms - sent_ms if sign is Sign.RENDERED else 0,
        )
        name = charts.name_of(Scope.ROUTE, seen.route)
        turn = Turn(seen, at_ms, Rules(), self._chance.random())
        self._charts[name] = charts.after(self._charts.get(name, BLANK), Scope.ROUTE, turn)


def day(ranked_by: str, seeds: Sequence[int] = SEEDS) -> Figures:
    """The mean over the seeds."""
    found = [Day(ranked_by, seed).run() for seed in seeds]
    return Figures(*(sum(getattr(one, name) for one in found) / len(found) for name in Figures.__struct_fields__))


def table(seeds: Sequence[int]) -> str:
    best = day(HINDSIGHT, seeds)
    lines = [f"{'':<12} {'$/clip':>8} {'p95':>8} {'success':>8} {'completed':>10} {'beside the best':>16}"]
    for name, found in {HINDSIGHT: best, **{one.value: day(one.value, seeds) for one in Strategy}}.items():
        figures = f"{found.usd_per_clip:>8.3f} {found.p95_s:>6.0f} s {found.success:>8.1%} {found.completed:>10.2%}"
        lines.append(f"{name:<12} {figures} {found.beside:>16.3f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.day", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, choices=range(1, 101), default=len(SEEDS), metavar="N", help="days, 1-100")
    print(table(tuple(range(1, parser.parse_args().seeds + 1))))


if __name__ == "__main__":
    main()
