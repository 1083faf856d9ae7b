"""Routes and the plan: which of them can serve a request, in which order, and why the others cannot.

Pure. `sift` drops what cannot serve, `ranked` orders the rest by the model's strategy, `plan` does both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.image_limits import unkept
from gateway.domain.observed import NOTHING_OBSERVED, UNKNOWN, Observed
from gateway.domain.pricing import Quote, quote, with_sound
from gateway.domain.strategies import Policy, Ranked, candidate, rank
from gateway.domain.videos import Choice, Request
from providers.contract import BILLION, Abilities, Price, Verb

CHARGE_FACTOR_BILLIONTHS: Final = 2 * BILLION
"""Unless the configuration says otherwise, a charge is believed up to twice the price."""


class Doubt(StrEnum):
    """What a route's policy says when nobody can find out whether a submission arrived."""

    HOLD = "hold"
    FAILOVER = "failover"


class Bearer(StrEnum):
    """Who pays for an attempt that gave the client no clip."""

    PROJECT = "project"
    HOUSE = "house"


class Route(Struct, frozen=True, kw_only=True):
    """One provider's upstream model that can serve a public model: facts only."""

    name: str  # `provider/upstream-model`
    provider: str
    account: str  # pins provider, base URL and account
    model: str
    abilities: Abilities
    prices: tuple[Price, ...]
    doubt: Doubt = Doubt.HOLD
    exclusive_account: bool = False  # nobody but this gateway makes jobs there
    losses: Bearer = Bearer.PROJECT
    charge_factor_billionths: int = CHARGE_FACTOR_BILLIONTHS  # of the price: what is charged beyond waits as disputed
    submit_timeout_s: float = 60.0
    poll_timeout_s: float = 30.0
    socket_timeout_s: float = 10.0  # the kernel delivers nothing later
    poll_min_s: float = 2.0
    poll_max_s: float = 15.0
    sandbox: bool = False  # its vendor is the simulator: nothing costs money
    drained: bool = False  # its provider takes no new work; what runs there is followed to its end


class LateRule(Struct, frozen=True, kw_only=True):
    """From when on a running attempt is late: a fixed time, or a quantile of the learnt latency, times a factor, and at
    least so long. In seconds from its sending."""

    after_s: float | None = None
    p95: bool = True  # else p50
    times: float = 1.0
    at_least_s: float = 60.0


class Model(Struct, frozen=True, kw_only=True):
    """A public model: its routes in the configuration's order and its policies."""

    name: str
    routes: tuple[Route, ...]
    created: int = 0
    owned_by: str = "telecine"
    attempts_max: int = 3
    deadline_s: int = 3_600
    asset_life_s: int = 86_400
    blocked_stops: bool = True
    policy: Policy = Policy()
    late: Mapping[str, LateRule] = {}  # by route; where there is none, no attempt is ever late
    nearest: bool = False  # where no route renders the size or the seconds asked for: what is nearest, else a refusal


class _Lack(Struct, frozen=True):
    """What a route may lack. `asked`: whether the request needs it at all, which is the same for all its routes."""

    asked: Callable[[Request], bool]
    missing: Callable[[Abilities, Route, Request], bool]
    reason: str


def why_not(route: Route, request: Request) -> str | None:
    """The reason why a route cannot render this request, None if it can."""
    return _why_not(route, request, _lacks_for(request))


def _lacks_for(request: Request) -> tuple[_Lack, ...]:
    """What any route could lack for this request."""
    return tuple(one for one in _LACKS if one.asked(request))


def _why_not(route: Route, request: Request, lacks: Sequence[_Lack]) -> str | None:
    able = route.abilities
    for one in lacks:
        if one.missing(able, route, request):
            return one.reason.format(request=request, able=able)
    return None


def _elsewhere(able: Abilities, route: Route, request: Request) -> bool:
    source = request.source
    if source is None or not able.needs_source_ref:
        return False
    return source.ref is None or source.account != route.account


def _too_long(able: Abilities, route: Route, request: Request) -> bool:
    before = request.source.seconds if request.source is not None else 0
    return before + request.seconds > able.extend_total_seconds_max


def prompt_units(text: str) -> int:
    """How long a prompt is for a vendor that limits it: in UTF-16 units, the strictest way in which any counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def takes_prompts(able: Abilities, *texts: str | None) -> bool:
    """Whether none of these is too long there."""
    limit = able.prompt_max
    return limit is None or all(prompt_units(text) <= limit for text in texts if text is not None)


def _from_words(request: Request) -> bool:
    return not request.images and request.verb is Verb.CREATE


def _only_its_end(request: Request) -> bool:
    return request.last_image is not None and request.image is None


def _always(_: Request) -> bool:
    return True


_LACKS: Final = (
    _Lack(_always, lambda able, _, request: request.verb not in able.verbs, "cannot {request.verb}"),
    _Lack(_always, lambda able, _, request: request.size not in able.sizes, "cannot render {request.size}"),
    _Lack(
        _always,
        lambda able, _, request: request.seconds not in able.seconds,
        "cannot render {request.seconds} seconds",
    ),
    _Lack(
        _always,
        lambda able, _, request: not takes_prompts(able, request.prompt, request.negative_prompt),
        "takes at most {able.prompt_max} characters of a prompt",
    ),
    _Lack(lambda request: request.image is not None, lambda able, *_: not able.image, "takes no image"),
    _Lack(lambda request: request.last_image is not None, lambda able, *_: not able.last_image, "takes no last frame"),
    _Lack(
        lambda request: bool(request.images),
        lambda able, _, request: bool(unkept(able, request.images)),
        "takes no image of this type or measure",
    ),
    _Lack(
        lambda request: request.last_image is not None,
        lambda able, _, request: request.size not in (able.last_image_sizes or able.sizes),
        "takes no last frame at {request.size}",
    ),
    _Lack(_only_its_end, lambda able, *_: not able.last_image_alone, "needs a first frame for a last one"),
    _Lack(_from_words, lambda able, *_: able.needs_image, "needs an image"),
    _Lack(lambda request: bool(request.characters), lambda able, *_: not able.characters, "has no characters"),
    _Lack(lambda request: request.seed is not None, lambda able, *_: not able.seed, "takes no seed"),
    _Lack(
        lambda request: request.negative_prompt is not None,
        lambda able, *_: not able.negative_prompt,
        "takes no negative prompt",
    ),
    _Lack(lambda request: request.audio is True, lambda able, *_: able.audio is False, "makes no sound"),
    _Lack(lambda request: request.audio is False, lambda able, *_: able.audio is True, "makes no clips without sound"),
    _Lack(
        lambda request: bool(request.extras),
        lambda able, _, request: not request.extras.keys() <= set(able.extras),
        "does not take these extras",
    ),
    _Lack(lambda request: request.source is not None, _elsewhere, "did not render the source clip"),
    _Lack(
        lambda request: bool(request.characters),
        lambda _, route, request: any(one.account != route.account for one in request.characters),
        "does not own the character",
    ),
    _Lack(
        lambda request: request.verb is Verb.EXTEND and request.source is not None,
        _too_long,
        "extends to at most {able.extend_total_seconds_max} seconds",
    ),
)
"""The first that is missing is the reason."""


def quote_on(route: Route, request: Request, day: str) -> Quote | None:
    """What the request costs there on a day (YYYY-MM-DD in UTC), None if the route has no price for it."""
    return quote(route.prices, request, sound=with_sound(route.abilities, request.audio), day=day)


def plan(
    model: Model,
    request: Request,
    day: str,
    *,
    observed: Mapping[str, Observed] = NOTHING_OBSERVED,
    now_ms: int = 0,
    draw: float = 1.0,
) -> tuple[Choice, ...]:
    """Every route of the model: the kept ones first, ranked and priced as on `day` (YYYY-MM-DD in UTC); then the
    dropped ones with the reason."""
    return ranked(sift(model, request, day), model.policy, request, observed=observed, now_ms=now_ms, draw=draw)


def sift(model: Model, request: Request, day: str) -> tuple[Choice, ...]:
    """Every route of the model in the configuration's order: with its price, or dropped with the reason."""
    return tuple(_sifted(model, request, day))


def _sifted(model: Model, request: Request, day: str) -> Iterator[Choice]:
    lacks = _lacks_for(request)
    for route in model.routes:
        reason = _why_not(route, request, lacks)
        quoted = None if reason else quote_on(route, request, day)
        if quoted is None:
            yield Choice(route=route.name, dropped=reason or "has no price for this request")
        else:
            rate = quoted.price.credit_usd_billionths
            yield Choice(route=route.name, price_micros=quoted.micros, credit_usd_billionths=rate)


def ranked(
    choices: Sequence[Choice],
    policy: Policy,
    request: Request,
    *,
    observed: Mapping[str, Observed],
    now_ms: int,
    draw: float,
) -> tuple[Choice, ...]:
    """The kept ones in the order in which they are to be asked, then the dropped ones. `draw`: a number in [0, 1)."""
    candidates, kept = [], {}
    for place, choice in enumerate(choices):
        if choice.dropped is None:
            kept[choice.route] = choice
            seen = observed.get(choice.route, UNKNOWN)
            candidates.append(candidate(choice.route, place, choice.price_micros or 0, seen, request.seconds))
    order = rank(policy, candidates, now_ms=now_ms, draw=draw)
    told = (_told(kept[one.candidate.route], one) for one in order)
    return (*told, *(choice for choice in choices if choice.dropped is not None))


def _told(choice: Choice, one: Ranked) -> Choice:
    """With what was known of the route, and what came of that; a guess from nothing is not told."""
    expected, seen = one.candidate.forecast, one.candidate.observed.weight > 0
    return replace(
        choice,
        expected_micros=one.candidate.cost_micros if seen else None,
        success=round(expected.success, 4) if seen else None,
        p50_s=None if expected.p50_s is None else round(expected.p50_s, 1),
        p95_s=None if expected.p95_s is None else round(expected.p95_s, 1),
        score=one.score,
        note=one.note or _queue(one.candidate.observed.ahead),
    )


def _queue(ahead: int) -> str | None:
    return f"{ahead} jobs wait or run there" if ahead else None
