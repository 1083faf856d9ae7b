"""The gateway's figures for Prometheus: plain functions that feed them, a module for each subject.

`docs/metrics.md` is made from what these modules declare. Labels are closed lists or names of the configuration.
"""

from __future__ import annotations

from gateway.metrics.configuration import config_reloaded, config_sound, config_version
from gateway.metrics.deliveries import webhook_tried, webhooks
from gateway.metrics.exposition import CONTENT_TYPE, Named, exposition
from gateway.metrics.money import budget_crossed, charge_disputed, held, posted, presumed
from gateway.metrics.requests import asset_stored, content_sent, create_refused, request_ended, requests_cut
from gateway.metrics.vendors import (
    balance,
    balances_known,
    breaker_opened,
    breaker_states,
    in_flight,
    limits_left,
    observation_dropped,
    odd_word,
    provider_queues,
    route_health,
    routes_known,
    upstream,
    waiting,
)
from gateway.metrics.videos import (
    attempt_accepted,
    attempt_ended,
    doubted,
    doubts_open,
    failed_over,
    orphaned,
    video_moved,
    video_over,
    video_rendered,
    video_reused,
    video_taken,
)
from gateway.metrics.workers import (
    assets_free,
    due,
    lease_lost,
    loop_lag,
    poll_lag,
    step_failed,
    steps_cut,
    store_state,
    store_time,
    worker_began,
)

__all__ = [
    "CONTENT_TYPE",
    "Named",
    "asset_stored",
    "assets_free",
    "attempt_accepted",
    "attempt_ended",
    "balance",
    "balances_known",
    "breaker_opened",
    "breaker_states",
    "budget_crossed",
    "charge_disputed",
    "config_reloaded",
    "config_sound",
    "config_version",
    "content_sent",
    "create_refused",
    "doubted",
    "doubts_open",
    "due",
    "exposition",
    "failed_over",
    "held",
    "in_flight",
    "lease_lost",
    "limits_left",
    "loop_lag",
    "observation_dropped",
    "odd_word",
    "orphaned",
    "poll_lag",
    "posted",
    "presumed",
    "provider_queues",
    "request_ended",
    "requests_cut",
    "route_health",
    "routes_known",
    "step_failed",
    "steps_cut",
    "store_state",
    "store_time",
    "upstream",
    "video_moved",
    "video_over",
    "video_rendered",
    "video_reused",
    "video_taken",
    "waiting",
    "webhook_tried",
    "webhooks",
    "worker_began",
]
