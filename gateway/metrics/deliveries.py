"""Figures of webhooks out: tries, their time, and what waits or was given up."""

from __future__ import annotations

from typing import Final

from gateway.metrics.families import REMOTE_S, Subject

HERE: Final = Subject("Webhooks")

_tries = HERE.counter(
    "telecine_webhook_tries_total",
    "Tries to deliver a webhook, by what its receiver said, and what became of it: delivered, again or dead.",
    "heard",
    "outcome",
)
_seconds = HERE.seconds("telecine_webhook_seconds", "Time of one try to deliver a webhook.", REMOTE_S)
_on_their_way = HERE.gauge("telecine_webhooks_on_their_way", "Deliveries of webhooks that wait.")
_dead = HERE.gauge("telecine_webhooks_dead", "Dead letters: deliveries of webhooks that were given up.")
_oldest = HERE.gauge("telecine_webhooks_oldest_due_seconds", "How late the delivery is that has been due longest.")
_dropped = HERE.counter("telecine_webhooks_dropped_total", "Dead letters that went to make room for newer ones.")


def webhook_tried(heard: str, seconds: float, *, dead: bool, dropped: int) -> None:
    """`heard`: of `domain.deliveries.Heard`."""
    outcome = "dead" if dead else "delivered" if heard == "delivered" else "again"
    _tries.of(heard, outcome).inc()
    _seconds.of().observe(seconds)
    if dropped:
        _dropped.of().inc(dropped)


def webhooks(on_their_way: int, dead: int, oldest_due_s: float) -> None:
    _on_their_way.of().set(on_their_way)
    _dead.of().set(dead)
    _oldest.of().set(oldest_due_s)
