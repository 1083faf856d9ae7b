"""The cheapest clip that a route makes: what a trial of it asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from msgspec import Struct

from gateway.domain.pricing import cost_micros, line_for, with_sound
from gateway.domain.routing import Route
from providers.contract import Size, Verb


class Trial(Struct, frozen=True, kw_only=True):
    """A clip from words, or, where the route makes none from words alone, from an image."""

    route: Route
    seconds: int
    size: Size
    audio: bool | None = None  # said where the model has a switch
    price_micros: int

    @property
    def from_image(self) -> bool:
        return self.route.abilities.needs_image


def cheapest(routes: Iterable[Route], day: str) -> Trial | None:
    """Of equal prices the smallest and shortest, then the first. `day`: YYYY-MM-DD in UTC. None where no route makes
    anything from words or an image, or none has a price."""
    trials = [trial for route in routes for trial in _trials(route, day)]
    return min(trials, key=_order, default=None)


def _trials(route: Route, day: str) -> Iterable[Trial]:
    able = route.abilities
    if Verb.CREATE not in able.verbs:
        return
    switch = (True, False) if able.audio is None else (None,)
    for seconds, size, audio in product(able.seconds, able.sizes, switch):
        price = line_for(route.prices, size, seconds, sound=with_sound(able, audio), day=day)
        if price is not None:
            micros = cost_micros(price, seconds, verb=Verb.CREATE, image=able.needs_image)
            yield Trial(route=route, seconds=seconds, size=size, audio=audio, price_micros=micros)


def _order(trial: Trial) -> tuple[int, int, int]:
    return trial.price_micros, trial.size.width * trial.size.height, trial.seconds
