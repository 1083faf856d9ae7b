"""What a metric is made with: one registry, families of series with a bound, and the bounds of the histograms.

Labels come from closed lists (endpoints, states, verdicts) or from the configuration (providers, models); should a
caller break that, a family stops at CHILDREN_MAX series and counts the rest under `other`. With several workers `serve`
sets PROMETHEUS_MULTIPROC_DIR before this package is imported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from math import nan
from pathlib import Path
from typing import Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

M = TypeVar("M", Counter, Histogram, Gauge)
Mode: TypeAlias = Literal["livemostrecent", "livesum", "livemax"]

CHILDREN_MAX: Final = 2_000
HISTOGRAMS_MAX: Final = 500  # each is some fifteen series
OTHER: Final = "other"
NONE: Final = "none"

MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"
if _folder := os.environ.get(MULTIPROCESS):
    # Logging out removes what a user left in memory: then a worker that starts later has at least its own figures.
    Path(_folder).mkdir(mode=0o700, exist_ok=True)

REGISTRY: Final = CollectorRegistry()
_silence: Callable[[], None] = disable_created_metrics
_silence()  # a second series for each metric, of use to nobody here

# One set of bounds per kind of wait, so that quantiles mean something where each usually lies.
QUICK_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
REMOTE_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
LAG_S: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60)
RENDER_S: Final = (1, 2.5, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1_200, 1_800, 3_600)


class Facts(NamedTuple):
    """What the manual says of a metric."""

    name: str
    kind: str  # counter, gauge, histogram
    text: str
    labels: tuple[str, ...]
    subject: str


CATALOGUE: Final[list[Facts]] = []


class Family(Generic[M]):
    """A metric with its children by label values, looked up by one dictionary on the hot path."""

    def __init__(self, metric: M, labelled: bool, most: int) -> None:
        self._metric: M = metric
        self._labelled = labelled
        self._most = most
        self._children: dict[tuple[str, ...], M] = {}

    def of(self, *values: str) -> M:
        child = self._children.get(values)
        return child if child is not None else self._new(values)

    def known(self) -> set[tuple[str, ...]]:
        return set(self._children)

    def _new(self, values: tuple[str, ...]) -> M:
        if len(self._children) >= self._most:
            values = (OTHER,) * len(values)
            if values in self._children:
                return self._children[values]
        child: M = self._metric.labels(*values) if self._labelled else self._metric
        self._children[values] = child
        return child


def no_others(gauge: Family[Gauge], kept: Collection[tuple[str, ...]]) -> None:
    """Of this process's series those beside `kept` have no value from now on, and are not shown: what a limit left is
    no figure once there is no limit. Files of several workers cannot forget a series, so it is said with NaN."""
    for values in gauge.known() - set(kept):
        gauge.of(*values).set(nan)


class Subject:
    """Makes the metrics of one module, which is one part of the manual."""

    def __init__(self, title: str) -> None:
        self._title = title

    def counter(self, name: str, text: str, *labels: str) -> Family[Counter]:
        self._note(name, "counter", text, labels)
        return Family(Counter(name, text, labels, registry=REGISTRY), bool(labels), CHILDREN_MAX)

    def seconds(self, name: str, text: str, bounds: tuple[float, ...], *labels: str) -> Family[Histogram]:
        self._note(name, "histogram", text, labels)
        return Family(Histogram(name, text, labels, buckets=bounds, registry=REGISTRY), bool(labels), HISTOGRAMS_MAX)

    def gauge(self, name: str, text: str, *labels: str, mode: Mode = "livemostrecent") -> Family[Gauge]:
        """What all workers know alike: the living one that said it last is right. `livesum`: each has a part of it."""
        self._note(name, "gauge", text, labels)
        return Family(Gauge(name, text, labels, registry=REGISTRY, multiprocess_mode=mode), bool(labels), CHILDREN_MAX)

    def _note(self, name: str, kind: str, text: str, labels: tuple[str, ...]) -> None:
        CATALOGUE.append(Facts(name, kind, text, labels, self._title))
