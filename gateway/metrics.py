"""The gateway's figures for Prometheus: every metric with its help, its labels and the plain function that feeds it.

Labels come from closed lists (endpoints, states, verdicts) or from the configuration (providers, models); should a
caller break that, a metric stops at CHILDREN_MAX series and counts the rest under `other`. With several workers `serve`
sets PROMETHEUS_MULTIPROC_DIR before this module is imported, and `exposition` adds the workers up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

M = TypeVar("M", Counter, Histogram, Gauge)

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
BREAKER_STATES: Final = {"closed": 0, "half_open": 1, "open": 2}
CHILDREN_MAX: Final = 5_000
OTHER: Final = "other"
MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"

REGISTRY: Final = CollectorRegistry()
_silence: Callable[[], None] = disable_created_metrics
_silence()  # a second series for each metric, of use to nobody here

# One set of bounds per kind of wait, so that quantiles mean something where each usually lies.
QUICK_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
REMOTE_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
LAG_S: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60)


class _Family(Generic[M]):
    """A metric with its children by label values, looked up by one dictionary on the hot path."""

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._children: dict[tuple[str, ...], M] = {}

    def of(self, *values: str) -> M:
        child = self._children.get(values)
        return child if child is not None else self._new(values)

    def _new(self, values: tuple[str, ...]) -> M:
        if len(self._children) >= CHILDREN_MAX:
            values = (OTHER,) * len(values)
        child: M = self._metric.labels(*values) if values else self._metric
        self._children[values] = child
        return child


def _counter(name: str, text: str, *labels: str) -> _Family[Counter]:
    return _Family(Counter(name, text, labels, registry=REGISTRY))


def _seconds(name: str, text: str, bounds: tuple[float, ...], *labels: str) -> _Family[Histogram]:
    return _Family(Histogram(name, text, labels, buckets=bounds, registry=REGISTRY))


def _gauge(name: str, text: str, *labels: str) -> _Family[Gauge]:
    """What all workers know alike: the one that said it last is right."""
    return _Family(Gauge(name, text, labels, registry=REGISTRY, multiprocess_mode="mostrecent"))


_requests = _counter(
    "telecine_requests_total", "Requests answered, by endpoint, method and status.", "endpoint", "method", "status"
)
_request_seconds = _seconds(
    "telecine_request_seconds", "Time from a request's head to the end of its answer.", QUICK_S, "endpoint"
)
_budgets = _counter(
    "telecine_budget_events_total",
    "Budgets that reached a threshold or their cap, or went above it, by scope and window; once each per window.",
    "scope",
    "window",
    "reached",
)
_disputes = _counter(
    "telecine_charges_disputed_total", "Charges of a vendor that wait for an operator's word.", "provider"
)
_limited = _counter("telecine_creates_refused_total", "Creates that a limit or a cap refused, by which.", "reason")
_content_bytes = _counter("telecine_content_bytes_total", "Bytes of clips and pictures sent to clients.")
_requests_cut = _counter("telecine_requests_cut_total", "Requests that were still open when the grace of a stop ended.")
_videos = _counter("telecine_videos_total", "Videos that entered a state, by public model.", "model", "state")
_reused = _counter(
    "telecine_videos_reused_total", "Creates answered with a clip that was there, by public model.", "model"
)
_accepted = _counter("telecine_attempts_accepted_total", "Attempts that a provider accepted.", "provider")
_attempts = _counter(
    "telecine_attempts_total",
    "Attempts that ended, by provider and by what ended them.",
    "provider",
    "verdict",
)
_doubts = _counter("telecine_doubts_total", "Submissions of which nobody could tell whether they arrived.", "provider")
_poll_lag = _seconds("telecine_poll_lag_seconds", "How late a due video was claimed.", LAG_S)
_store_seconds = _seconds("telecine_store_seconds", "Time of one operation of the store.", QUICK_S, "operation")
_upstream_seconds = _seconds(
    "telecine_upstream_seconds", "Time of one call to a provider.", REMOTE_S, "provider", "verb", "outcome"
)
_waiting = _gauge("telecine_videos_waiting", "Queued videos that wait for their turn at a provider.", "provider")
_in_flight = _gauge(
    "telecine_attempts_in_flight", "Attempts that a provider with limits may be working on.", "provider"
)
_queue = _gauge(
    "telecine_provider_queue", "Jobs that wait or run at a server that tells it, of whoever asked.", "provider"
)
_odd_words = _counter(
    "telecine_states_not_known_total", "Looks at jobs whose state was told in a word that nobody knows.", "provider"
)
_doubts_open = _gauge("telecine_doubts_open", "Attempts of which nobody knows now whether they arrived.")
_balance = _gauge(
    "telecine_provider_balance", "What a vendor's account has left, as it was last read.", "provider", "unit"
)
_balance_usd = _gauge("telecine_provider_balance_usd", "The same in dollars, where its worth is known.", "provider")
_balance_at = _gauge(
    "telecine_provider_balance_read_timestamp_seconds", "When the balance was last read, Unix time.", "provider"
)
_loop_lag = _seconds("telecine_loop_lag_seconds", "How late the event loop woke a timer.", LAG_S)
_leases_lost = _counter("telecine_leases_lost_total", "Commits refused because another worker had moved the video.")
_steps_failed = _counter("telecine_steps_failed_total", "Steps that ended with an error of our own.")
_breakers = _gauge(
    "telecine_breaker_state",
    "The circuit breaker of a provider or a route: 0 closed, 1 half-open, 2 open.",
    "scope",
    "name",
)
_breaker_opens = _counter(
    "telecine_breaker_opens_total",
    "Openings of circuit breakers, by what opened them; each by the one worker that wrote it.",
    "scope",
    "name",
    "reason",
)
_success = _gauge(
    "telecine_route_success_ratio", "Decayed share of attempts that gave a clip, as all replicas saw it.", "route"
)
_latency_p50 = _gauge(
    "telecine_route_latency_p50_seconds",
    "Decayed median time from sending until the clip was ready, by length of the clip.",
    "route",
    "seconds",
)
_observations_dropped = _counter(
    "telecine_observations_dropped_total", "Observations of routes that were not shared because too many waited."
)
_config_version = _gauge("telecine_config_version", "The version of the configuration that is served by.")
_config_success = _gauge(
    "telecine_config_last_reload_success",
    "1 if the newest configuration, of the file and of the store, is served by; 0 if it was refused.",
)
_config_reloads = _counter(
    "telecine_config_reloads_total",
    "Versions of the configuration that a worker took over (applied) or could not use (refused).",
    "result",
)
_webhooks_sent = _counter(
    "telecine_webhook_tries_total",
    "Tries to deliver a webhook, by what its receiver said, and what became of it: delivered, again or dead.",
    "heard",
    "outcome",
)
_webhook_seconds = _seconds("telecine_webhook_seconds", "Time of one try to deliver a webhook.", REMOTE_S)
_webhooks_on_their_way = _gauge("telecine_webhooks_on_their_way", "Deliveries of webhooks that wait.")
_webhooks_dead = _gauge("telecine_webhooks_dead", "Dead letters: deliveries of webhooks that were given up.")
_webhooks_oldest = _gauge("telecine_webhooks_oldest_due_seconds", "How late the delivery is that has been due longest.")
_webhooks_dropped = _counter("telecine_webhooks_dropped_total", "Dead letters that went to make room for newer ones.")
_steps_cut = _counter("telecine_steps_cut_total", "Steps that were still running when the grace of a stop ended.")


def request_ended(endpoint: str, method: str, status: str, seconds: float) -> None:
    _requests.of(endpoint, method, status).inc()
    _request_seconds.of(endpoint).observe(seconds)


def content_sent(size_bytes: int) -> None:
    _content_bytes.of().inc(size_bytes)


def requests_cut(count: int = 1) -> None:
    _requests_cut.of().inc(count)


def video_moved(model: str, state: str) -> None:
    _videos.of(model, state).inc()


def video_reused(model: str) -> None:
    _reused.of(model).inc()


def attempt_accepted(provider: str) -> None:
    _accepted.of(provider).inc()


def attempt_ended(provider: str, verdict: str) -> None:
    _attempts.of(provider, verdict).inc()


def doubted(provider: str) -> None:
    _doubts.of(provider).inc()


def budget_crossed(scope: str, window: str, percent: int) -> None:
    """`scope`: key, project, provider or gateway."""
    reached = "threshold" if percent < 100 else "cap" if percent == 100 else "overrun"
    _budgets.of(scope, window, reached).inc()


def charge_disputed(provider: str) -> None:
    _disputes.of(provider).inc()


def create_refused(reason: str) -> None:
    """By `requests`, `in_flight`, `seconds`, `budget` or `waiting`."""
    _limited.of(reason).inc()


def waiting(provider: str, count: int) -> None:
    _waiting.of(provider).set(count)


def doubts_open(count: int) -> None:
    _doubts_open.of().set(count)


def in_flight(provider: str, count: int) -> None:
    _in_flight.of(provider).set(count)


def balance(provider: str, unit: str, amount: float, micros: int | None, at_ms: int) -> None:
    """`unit`: of `providers.contract.Unit`. `micros`: what it is worth, None where nobody knows."""
    _balance.of(provider, unit).set(amount)
    _balance_at.of(provider).set(at_ms / 1_000)
    if micros is not None:
        _balance_usd.of(provider).set(micros / 1_000_000)


def provider_queue(provider: str, jobs: int) -> None:
    _queue.of(provider).set(jobs)


def odd_word(provider: str) -> None:
    _odd_words.of(provider).inc()


def poll_lag(seconds: float) -> None:
    _poll_lag.of().observe(seconds)


def store_time(operation: str, seconds: float) -> None:
    _store_seconds.of(operation).observe(seconds)


def upstream(provider: str, verb: str, outcome: str, seconds: float) -> None:
    _upstream_seconds.of(provider, verb, outcome).observe(seconds)


def loop_lag(seconds: float) -> None:
    _loop_lag.of().observe(seconds)


def lease_lost() -> None:
    _leases_lost.of().inc()


def step_failed() -> None:
    _steps_failed.of().inc()


def breaker_state(scope: str, name: str, state: str) -> None:
    """`scope`: route or provider, of the configuration."""
    _breakers.of(scope, name).set(BREAKER_STATES[state])


def breaker_opened(scope: str, name: str, reason: str) -> None:
    _breaker_opens.of(scope, name, reason).inc()


def route_health(route: str, success: float, p50s: Mapping[int, float]) -> None:
    """`p50s`: seconds, by class of clip length, of which there are few."""
    _success.of(route).set(success)
    for seconds, p50_s in p50s.items():
        _latency_p50.of(route, str(seconds)).set(p50_s)


def observation_dropped(count: int = 1) -> None:
    _observations_dropped.of().inc(count)


def webhook_tried(heard: str, seconds: float, *, dead: bool, dropped: int) -> None:
    """`heard`: of `domain.deliveries.Heard`."""
    outcome = "dead" if dead else "delivered" if heard == "delivered" else "again"
    _webhooks_sent.of(heard, outcome).inc()
    _webhook_seconds.of().observe(seconds)
    if dropped:
        _webhooks_dropped.of().inc(dropped)


def webhooks(on_their_way: int, dead: int, oldest_due_s: float) -> None:
    _webhooks_on_their_way.of().set(on_their_way)
    _webhooks_dead.of().set(dead)
    _webhooks_oldest.of().set(oldest_due_s)


def steps_cut(count: int) -> None:
    _steps_cut.of().inc(count)


def config_version(number: int) -> None:
    _config_version.of().set(number)


def config_sound(sound: bool) -> None:
    _config_success.of().set(int(sound))


def config_reloaded(result: str) -> None:
    """`result`: applied or refused."""
    _config_reloads.of(result).inc()


def exposition() -> bytes:
    """Everything in Prometheus' text format: of this process, or of all workers where several run."""
    return generate_latest(_gathered())


def _gathered() -> Collector:
    folder = os.environ.get(MULTIPROCESS)
    if not folder:
        return REGISTRY
    gathered = CollectorRegistry()
    make: Callable[..., object] = MultiProcessCollector
    make(gathered, path=folder)
    return gathered
