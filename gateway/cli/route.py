"""`telecine route`: where a video would go now, and why; a dry run of the plan that makes, holds and stores nothing."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Mapping
from typing import Any, Final

import click
from msgspec.structs import replace

from gateway.cli.failure import Failure
from gateway.cli.options import Dollars, Place, Whole, json_option, option, place_options
from gateway.cli.output import print_json, print_table
from gateway.cli.storing import with_store
from gateway.cli.vendors import a_driver
from gateway.config.load import load_config
from gateway.config.rules import did_you_mean
from gateway.domain import preferences as prefs
from gateway.domain.chart import BLANK, decode_chart, observed_by_route
from gateway.domain.fitting import DEFAULT_SECONDS, DEFAULT_SIZE
from gateway.domain.ledger import utc_day
from gateway.domain.money import format_usd
from gateway.domain.nearest import nearest_seconds, nearest_size
from gateway.domain.observed import Observed, with_ahead
from gateway.domain.preferences import Preferences
from gateway.domain.routing import Model, ranked, sift
from gateway.domain.strategies import Strategy
from gateway.domain.videos import Choice, Request
from gateway.snapshot import Snapshot, build_snapshot
from gateway.store.store import Store
from gateway.work.queueing import jobs_at, tells
from providers.contract import Json, Size, Verb

COLUMNS = ("rank", "route", "price", "expected", "p50_s", "p95_s", "success", "reason")
SECONDS_MAX = 3_600
BUSY: Final = {
    "paused": "takes nothing for {left_s} s, as it asked",
    "rpm": "takes nothing for {left_s} s: its rpm is used up",
    "concurrency": "takes nothing now: its concurrency is used up",
    "line": "others wait for it",
}


class Extent(click.ParamType[Size]):
    """`1280x720`."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Size:
        try:
            return value if isinstance(value, Size) else Size.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("route")
@option("--model", required=True, metavar="NAME", help="As clients name it.")
@option("--size", type=Extent(), default=DEFAULT_SIZE, show_default=True, help="Of the clip.")
@option("--seconds", type=Whole(1, SECONDS_MAX), default=DEFAULT_SECONDS, show_default=True, help="Of the clip.")
@option("--verb", type=click.Choice([verb.value for verb in Verb]), default="create", show_default=True, help="Of it.")
@option("--audio", type=click.Choice(["true", "false"]), help="With or without sound, as `audio` in a request.")
@option("--strategy", type=click.Choice([one.value for one in Strategy]), help="Instead of the model's.")
@option("--max-price", type=Dollars(), metavar="DOLLARS", help="As `max_cost_usd` in a request.")
@json_option
@place_options
def command(
    *,
    model: str,
    size: Size,
    seconds: int,
    verb: str,
    audio: str | None,
    strategy: str | None,
    max_price: int | None,
    json: bool,
    place: Place,
) -> None:
    """Show every route of a model in the order in which it would be asked now: its price, what a clip is expected to
    come to there, how long it takes, how often it succeeds; and of those that would not be asked, why.

    Servers of one's own are asked how many jobs wait there.

    What was observed, and which providers take nothing now, is read from the store: a video that finds its first
    provider busy goes to the next one, or waits. It may begin with another route than the first one if it is one of
    those that explore. Limits of keys and budgets are not asked.

    \b
    EXAMPLES
      telecine route --model sora-2
      telecine route --model sora-2 --size 1280x720 --seconds 8 --strategy cheapest --json
    """
    snapshot = build_snapshot(load_config(place.config, os.environ), sandbox_socket=None)
    found = snapshot.model(model)
    if found is None:
        raise Failure(f'no model is called "{model}"{did_you_mean(model, [*snapshot.models, *snapshot.aliases])}')
    chosen = Strategy(strategy) if strategy is not None else None
    wanted = Preferences(strategy=chosen, max_cost_micros=max_price)
    sound = None if audio is None else audio == "true"
    asked = Request(verb=Verb(verb), model=model, prompt="", seconds=seconds, size=size, audio=sound)
    request = _request(found, asked)
    observed, busy = with_store(place, lambda store: _looked(store, snapshot, found))
    choices = tuple(_with_busy(one, busy) for one in _planned(found, request, wanted, observed))
    if json:
        print_json(*(shown(one, rank) for rank, one in enumerate(choices, 1)))
        return
    if (request.size, request.seconds) != (size, seconds):
        click.echo(f"the nearest that {found.name} renders: {request.size}, {request.seconds} s")
    print_table(COLUMNS, [told(one, rank) for rank, one in enumerate(choices, 1)])


def _request(model: Model, request: Request) -> Request:
    """What would be rendered: the nearest, where the model's policy says so."""
    able = [route.abilities for route in model.routes if request.verb in route.abilities.verbs]
    if not model.nearest or not able:
        return request
    sizes = list(dict.fromkeys(size for one in able for size in one.sizes))
    size = request.size if request.size in sizes else nearest_size(request.size, sizes)
    lengths = [seconds for one in able if size in one.sizes for seconds in one.seconds]
    seconds = request.seconds if request.seconds in lengths else nearest_seconds(request.seconds, lengths)
    return replace(request, size=size, seconds=seconds)


async def _looked(store: Store, snapshot: Snapshot, model: Model) -> tuple[Mapping[str, Observed], dict[str, str]]:
    """What was observed, by route; and why a provider takes nothing now, by its name."""
    found = await store.charts()
    known = {name: decode_chart(raw) or BLANK for name, raw in found.raw.items()}
    busy = {}
    for provider in dict.fromkeys(route.provider for route in model.routes):
        room = await store.room_at("", [provider])
        if room.provider is None:
            left_s = max(1, -(-(room.until_ms - found.now_ms) // 1_000))
            busy[provider] = BUSY[room.why].format(left_s=left_s)
    observed = observed_by_route(known, snapshot.routes, snapshot.breakers, found.now_ms, drained=found.drained)
    provider_of = ((route.name, route.provider) for route in model.routes)
    return with_ahead(observed, provider_of, await _queues(snapshot, model)), busy


async def _queues(snapshot: Snapshot, model: Model) -> dict[str, int]:
    """Jobs that wait or run at each provider of the model that tells it. One that does not answer has none."""
    names = dict.fromkeys(route.provider for route in model.routes)
    telling = [snapshot.endpoints[name] for name in names if tells(snapshot.endpoints[name].adapter)]
    async with a_driver() as driver:
        counts = await asyncio.gather(*(jobs_at(driver, endpoint) for endpoint in telling))
    return {one.provider: jobs for one, jobs in zip(telling, counts, strict=True) if jobs is not None}


def _with_busy(choice: Choice, busy: dict[str, str]) -> Choice:
    """A video that finds a provider busy goes to the next route, or waits."""
    why = busy.get(choice.route.partition("/")[0])
    if why is None or choice.dropped is not None:
        return choice
    return replace(choice, note=f"{choice.note}; {why}" if choice.note else why)


def _planned(
    model: Model, request: Request, wanted: Preferences, observed: Mapping[str, Observed]
) -> tuple[Choice, ...]:
    """Without exploring; only `weighted` draws lots."""
    now_ms = time.time_ns() // 1_000_000
    choices = prefs.held_to(wanted, sift(model, request, utc_day(now_ms)), model, request, observed)
    policy = replace(prefs.policy_of(wanted, model), explore=0.0)
    return ranked(choices, policy, request, observed=observed, now_ms=now_ms, draw=random.random())  # noqa: S311


def shown(choice: Choice, rank: int) -> dict[str, Json]:
    kept = choice.dropped is None
    return {
        "route": choice.route,
        "kept": kept,
        "rank": rank if kept else None,
        "price_usd": _usd(choice.price_micros),
        "expected_usd": _usd(choice.expected_micros),
        "p50_s": choice.p50_s,
        "p95_s": choice.p95_s,
        "success": choice.success,
        "score": choice.score,
        "reason": choice.dropped or choice.note,
    }


def told(choice: Choice, rank: int) -> dict[str, Json]:
    """The same for people: dollars with their sign, shares in percent."""
    row = shown(choice, rank)
    success = f"{choice.success:.1%}" if choice.success is not None else None
    reason = f"not asked: {choice.dropped}" if choice.dropped else choice.note
    return {**row, "price": row["price_usd"], "expected": row["expected_usd"], "success": success, "reason": reason}


def _usd(micros: int | None) -> str | None:
    return format_usd(micros) if micros is not None else None
