"""Creates, retrieves and lists: product and floor in turn, at a few and at many connections."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.bench import beside, load, stage
from tests.bench.pace import Pace, tell, tell_processes
from tests.bench.rows import PEER_CREATES_PER_S, PEER_RETRIEVES_PER_S, Row, Target

CONNECTIONS: Final = (16, 64)
PEER_CONNECTIONS: Final = 16
LISTED: Final = 50
RETRIEVES: Final = {16: Target(least=20 * PEER_RETRIEVES_PER_S, ratio_least=0.75), 64: Target(ratio_least=0.75)}
LIMITED: Final = Target(ratio_least=0.85)
CREATES: Final = {16: Target(least=10 * PEER_CREATES_PER_S), 64: Target()}


def creates(folder: Path, pace: Pace) -> list[Row]:
    """Once with everything that serves on one core, the store too, and once with every core free for it."""
    folder.mkdir(parents=True)
    return [
        *_creates(folder / "one-core", pace, "creates", stage.SERVES),
        *_creates(folder / "every-core", pace, "creates, every core", ()),
    ]


def _creates(folder: Path, pace: Pace, name: str, pinned: tuple[str, ...]) -> list[Row]:
    """Each round with a gateway of its own: what was created stays in flight, and shall not weigh on the next round.
    Submissions go on meanwhile, as they would."""
    tell(name)
    folder.mkdir()
    seen = Figures()
    with beside.fast_vendor(folder) as vendor, beside.bare_route(folder, pinned) as port:
        for number in range(pace.rounds):
            for connections in CONNECTIONS:
                with stage.product(folder / f"{number}-{connections}", vendor, pinned=pinned) as (gateway, key):
                    if not seen.seen:
                        tell_processes(gateway)
                    seen.add("product", connections, _load(folder, gateway.port, stage.create(key), connections, pace))
                    submitted = stage.accepted(gateway)
                seen.add("floor", connections, _load(folder, port, stage.create(path="/floor"), connections, pace))
                tell(
                    f"  round {number + 1}, {connections} connections: {seen.last()}, {submitted:.0f} submitted by then"
                )
    return seen.rows(name, CREATES, {})


def limited(folder: Path, pace: Pace) -> list[Row]:
    """Creates under every limit and cap; the floor is the product without any."""
    tell("creates with all limits and caps")
    folder.mkdir(parents=True)
    seen = Figures()
    with beside.fast_vendor(folder) as vendor:
        for number in range(pace.rounds):
            for connections in CONNECTIONS:
                for whose in ("product", "floor"):
                    with stage.product(folder / f"{number}-{connections}-{whose}", vendor) as (gateway, key):
                        if whose == "product":
                            stage.limit(gateway)
                        answered = _load(folder, gateway.port, stage.create(key), connections, pace)
                    seen.add(whose, connections, answered)
                tell(f"  round {number + 1}, {connections} connections: {seen.last()}")
    return seen.rows("creates with all limits and caps", dict.fromkeys(CONNECTIONS, LIMITED), {})


def peer(program: str, folder: Path, pace: Pace) -> list[Row]:
    """Creates and retrieves beside a peer on this machine, in turn: in these rows the peer is the floor. Once with
    everything that serves on one core, once with every core free for both: the peer is one process, the product has its
    store beside it."""
    folder.mkdir(parents=True)
    rows = []
    for where, pinned in (("one core", stage.SERVES), ("every core", ())):
        tell(f"creates and retrieves beside a peer, {where}")
        rows += _beside_peer(program, folder / where.replace(" ", "-"), pace, where, pinned)
    return rows


def _beside_peer(program: str, folder: Path, pace: Pace, where: str, pinned: tuple[str, ...]) -> list[Row]:
    folder.mkdir()
    made, read = Figures((PEER_CONNECTIONS,)), Figures((PEER_CONNECTIONS,))
    with (
        beside.fast_vendor(folder) as vendor,
        beside.litellm(folder, program, vendor, pinned) as port,
    ):
        theirs = stage.create(beside.PEER_KEY)
        known = stage.call(f"http://127.0.0.1:{port}/v1/videos", beside.PEER_KEY, theirs)["id"]
        for number in range(pace.rounds):
            with stage.product(folder / f"{number}", vendor, pinned=pinned) as (gateway, key):
                ours = stage.create(key)
                mine = stage.call(f"{gateway.base_url}/videos", key, ours)["id"]
                asked = stage.get(f"/v1/videos/{mine}", key)
                read.add("product", PEER_CONNECTIONS, _load(folder, gateway.port, asked, PEER_CONNECTIONS, pace))
                made.add("product", PEER_CONNECTIONS, _load(folder, gateway.port, ours, PEER_CONNECTIONS, pace))
            asked = stage.get(f"/v1/videos/{known}", beside.PEER_KEY)
            read.add("floor", PEER_CONNECTIONS, _load(folder, port, asked, PEER_CONNECTIONS, pace))
            made.add("floor", PEER_CONNECTIONS, _load(folder, port, theirs, PEER_CONNECTIONS, pace))
            tell(f"  round {number + 1}: creates {made.last()}; retrieves {read.last()}")
    return [
        *made.rows(f"creates beside the peer, {where}", {PEER_CONNECTIONS: Target(ratio_least=10)}, {}),
        *read.rows(f"retrieves beside the peer, {where}", {PEER_CONNECTIONS: Target(ratio_least=20)}, {}),
    ]


def reads(folder: Path, pace: Pace) -> list[Row]:
    tell("retrieves and lists")
    folder.mkdir(parents=True)
    retrieves, lists, alike = Figures(), Figures(), Figures()
    with (
        beside.fast_vendor(folder) as vendor,
        beside.bare_route(folder) as port,
        stage.product(folder / "product", vendor) as (gateway, key),
    ):
        made = [stage.call(f"{gateway.base_url}/videos", key, stage.create(key))["id"] for _ in range(LISTED)]
        tell_processes(gateway)
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
    return [
        *retrieves.rows("retrieves", RETRIEVES, dict.fromkeys(CONNECTIONS, Target(ratio_most=1.5))),
        *alike.rows("retrieves beside a floor with our Redis client", {}, {}),
        *lists.rows("lists of 20", {}, {}),
    ]


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

    def __init__(self, connections: tuple[int, ...] = CONNECTIONS) -> None:
        self._at = connections
        self.seen: dict[tuple[str, int], list[load.Answered]] = {}

    def add(self, whose: str, connections: int, answered: load.Answered) -> None:
        self.seen.setdefault((whose, connections), []).append(answered)
        self._connections = connections

    def last(self) -> str:
        product, floor = (self.seen[whose, self._connections][-1] for whose in ("product", "floor"))
        return f"{product.per_s:,.0f}/s (floor {floor.per_s:,.0f}/s), p99 {product.p99_ms} ms ({floor.p99_ms} ms)"

    def rows(self, name: str, rates: Mapping[int, Target], tails: Mapping[int, Target]) -> list[Row]:
        rows = []
        for connections in self._at:
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
