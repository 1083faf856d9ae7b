"""The manual of the metrics, made from what declares them: `python -m gateway.metrics.reference > docs/metrics.md`."""

from __future__ import annotations

from itertools import groupby
from typing import Final

import gateway.metrics as every_subject
from gateway.metrics.families import CATALOGUE, CHILDREN_MAX, HISTOGRAMS_MAX, NONE, OTHER, Facts

INTRODUCTION: Final = f"""\
# Metrics

`GET /metrics` answers in Prometheus' text format, without a key, for all workers of a replica together, whichever of
them is asked. Keep it from strangers as you keep the port. This page is made from the code (`make docs`).

- Each replica is a target. Counters and histograms are each replica's own: add them up. Gauges about what replicas
  share (the queue, doubts, holds, balances, breakers, the configuration) are alike on each: take `max`, not `sum`.
- A worker's death takes no counter back; its gauges go with it. A restart of the gateway begins from 0, as Prometheus
  expects.
- No label holds a project, a key, a video or what a client wrote. A metric has at most {CHILDREN_MAX:,} series, a
  histogram {HISTOGRAMS_MAX:,} times its buckets; what would be more is counted under `{OTHER}`. Series of a provider,
  route or model that left the configuration are gone an hour later; what stood of its limits, breaker, health, queue
  and balance at once, as that of a limit that was taken away.
- `deploy/prometheus/` has a configuration, recording rules and alerts, `deploy/grafana/telecine.json` a dashboard.
"""

LABELS: Final = {
    "endpoint": "the name of a path, such as `videos`, `video`, `content`, `admin_audit`",
    "method": "of HTTP",
    "status": "of HTTP; `0` where nothing could be answered",
    "reason": "`requests`, `in_flight`, `seconds`, `budget`, `waiting`; of a breaker the class that opened it",
    "way": "`stored`, `sent`",
    "model": "a public model of the configuration, by its own name",
    "provider": f"a provider of the configuration; `{NONE}` where a video has no attempt",
    "state": "a state of a video: `queued` to `completed`, `failed`, `cancelled`",
    "verdict": "what ended it: `stored`, `refused`, `broke`, `not_sent`, `lost`, `cancelled`, `give_up` and the like",
    "why": "of the closed list: `invalid`, `blocked`, `unauthorised`, `no_credit`, `throttled`, `overloaded`, …",
    "project_class": "what an operator gave a project or key by `telecine projects limit NAME --project-class CLASS`; "
    "else `default`, and beyond 32 classes `other`",
    "entry": "`hold`, `settle`, `void`, `adjust_up`, `adjust_down`, `dispute`",
    "scope": "`key`, `project`, `provider` or `gateway`; of a breaker `provider` or `route`",
    "window": "`day`, `month`, `total`",
    "reached": "`threshold`, `cap`, `overrun`",
    "name": "of the provider or route",
    "route": "a route of the configuration",
    "seconds": "length of the clip, of a few classes",
    "verb": "what was asked: `submit`, `poll`, `cancel`, `find`, `download` and the like",
    "outcome": "what came of it, of a closed list; of a webhook `delivered`, `again`, `dead`",
    "unit": "`usd`, `credits` and the like",
    "limit": "`rpm`, `concurrency`",
    "operation": "a script or a command of the store",
    "heard": "what the receiver said, of a closed list",
    "result": "`applied`, `refused`",
}


def reference() -> str:
    """The page, deterministic."""
    parts = [INTRODUCTION]
    for subject, facts in groupby(CATALOGUE, key=lambda one: one.subject):
        rows = "\n".join(_row(one) for one in facts)
        parts.append(f"## {subject}\n\n| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n{rows}\n")
    labels = "\n".join(f"| `{name}` | {text} |" for name, text in sorted(LABELS.items()))
    parts.append(f"## Labels\n\n| label | values |\n| --- | --- |\n{labels}\n")
    return "\n".join(parts)


def undocumented() -> list[str]:
    """Labels without a word, and words without a label."""
    used = {label for one in CATALOGUE for label in one.labels}
    return sorted(used ^ LABELS.keys())


def _row(one: Facts) -> str:
    return f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.text} |"


if __name__ == "__main__":
    assert every_subject.__doc__, "all of them are declared once it is imported"
    print(reference(), end="")  # noqa: T201 - a page on stdout is what this command is for
