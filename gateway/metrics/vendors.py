"""Figures of providers and routes: their answers, limits, queues, balances, breakers and health."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from gateway.metrics.families import REMOTE_S, Subject, no_others

HERE: Final = Subject("Providers and routes")
BREAKER_STATES: Final = {"closed": 0, "half_open": 1, "open": 2}

_upstream_seconds = HERE.seconds(
    "telecine_upstream_seconds", "Time of one call to a provider.", REMOTE_S, "provider", "verb", "outcome"
)
_waiting = HERE.gauge("telecine_videos_waiting", "Queued videos that wait for their turn at a provider.", "provider")
_in_flight = HERE.gauge(
    "telecine_attempts_in_flight", "Attempts that a provider with limits may be working on.", "provider"
)
_limit_left = HERE.gauge(
    "telecine_provider_limit_left",
    "What a provider's limit allows now: attempts more in flight, submissions more in this minute.",
    "provider",
    "limit",
)
_queue = HERE.gauge(
    "telecine_provider_queue", "Jobs that wait or run at a server that tells it, of whoever asked.", "provider"
)
_odd_words = HERE.counter(
    "telecine_states_not_known_total", "Looks at jobs whose state was told in a word that nobody knows.", "provider"
)
_balance = HERE.gauge(
    "telecine_provider_balance", "What a vendor's account has left, as it was last read.", "provider", "unit"
)
_balance_usd = HERE.gauge("telecine_provider_balance_usd", "The same in dollars, where its worth is known.", "provider")
_balance_at = HERE.gauge(
    "telecine_provider_balance_read_timestamp_seconds", "When the balance was last read, Unix time.", "provider"
)
_breakers = HERE.gauge(
    "telecine_breaker_state",
    "The circuit breaker of a provider or a route: 0 closed, 1 half-open, 2 open.",
    "scope",
    "name",
)
_breaker_opens = HERE.counter(
    "telecine_breaker_opens_total",
    "Openings of circuit breakers, by what opened them; each by the one worker that wrote it.",
    "scope",
    "name",
    "reason",
)
_success = HERE.gauge(
    "telecine_route_success_ratio", "Decayed share of attempts that gave a clip, as all replicas saw it.", "route"
)
_latency_p50 = HERE.gauge(
    "telecine_route_latency_p50_seconds",
    "Decayed median time from sending until the clip was ready, by length of the clip.",
    "route",
    "seconds",
)
_observations_dropped = HERE.counter(
    "telecine_observations_dropped_total", "Observations of routes that were not shared because too many waited."
)


def upstream(provider: str, verb: str, outcome: str, seconds: float) -> None:
    _upstream_seconds.of(provider, verb, outcome).observe(seconds)


def waiting(provider: str, count: int) -> None:
    _waiting.of(provider).set(count)


def in_flight(counts: Mapping[str, int]) -> None:
    """By provider; others have no limits."""
    for provider, count in counts.items():
        _in_flight.of(provider).set(count)
    no_others(_in_flight, [(provider,) for provider in counts])


def limits_left(left: Mapping[tuple[str, str], int]) -> None:
    """By provider and `concurrency` or `rpm`; others have no such limit."""
    for names, count in left.items():
        _limit_left.of(*names).set(count)
    no_others(_limit_left, left.keys())


def provider_queues(jobs: Mapping[str, int]) -> None:
    """By provider; of others nobody knows."""
    for provider, count in jobs.items():
        _queue.of(provider).set(count)
    no_others(_queue, [(provider,) for provider in jobs])


def odd_word(provider: str) -> None:
    _odd_words.of(provider).inc()


def balance(provider: str, unit: str, amount: float, micros: int | None, at_ms: int) -> None:
    """`unit`: of `providers.contract.Unit`. `micros`: what it is worth, None where nobody knows."""
    _balance.of(provider, unit).set(amount)
    _balance_at.of(provider).set(at_ms / 1_000)
    if micros is not None:
        _balance_usd.of(provider).set(micros / 1_000_000)


def balances_known(units: Mapping[str, str]) -> None:
    """By provider, all whose balance is read; others have none."""
    no_others(_balance, list(units.items()))
    for one in (_balance_usd, _balance_at):
        no_others(one, [(provider,) for provider in units])


def breaker_states(states: Mapping[tuple[str, str], str]) -> None:
    """By scope and name, of everything that is configured."""
    for names, state in states.items():
        _breakers.of(*names).set(BREAKER_STATES[state])
    no_others(_breakers, states.keys())


def breaker_opened(scope: str, name: str, reason: str) -> None:
    _breaker_opens.of(scope, name, reason).inc()


def route_health(route: str, success: float, p50s: Mapping[int, float]) -> None:
    """`p50s`: seconds, by class of clip length, of which there are few."""
    _success.of(route).set(success)
    for seconds, p50_s in p50s.items():
        _latency_p50.of(route, str(seconds)).set(p50_s)


def routes_known(routes: Collection[str]) -> None:
    """All that are configured; others have no health."""
    no_others(_success, [(route,) for route in routes])
    no_others(_latency_p50, [one for one in _latency_p50.known() if one[0] in routes])


def observation_dropped(count: int = 1) -> None:
    _observations_dropped.of().inc(count)
