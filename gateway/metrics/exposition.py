"""What `/metrics` answers: every series, of this process or of all workers, without those of names that are gone.

With several workers each writes its figures to files of its own, and whoever is asked adds them up. A file of a worker
that died is folded into one for all of them (`serve`), so that counters never go back and files do not pile up; both
take turns by a lock.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from gateway.metrics.families import MULTIPROCESS, NONE, OTHER, REGISTRY

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
LOCK: Final = "lock"


class Named(NamedTuple):
    """The names that the configuration has, and has had a while ago."""

    providers: Set[str]
    routes: Set[str]
    models: Set[str]


def exposition(named: Named | None = None) -> bytes:
    """Everything in Prometheus' text format. With `named`, series of other providers, routes and models stay away."""
    folder = os.environ.get(MULTIPROCESS)
    if not folder:
        return generate_latest(_gathered(REGISTRY, named))
    several: Callable[..., Collector] = MultiProcessCollector
    with turn(Path(folder), fcntl.LOCK_SH):
        return generate_latest(_gathered(several(None, path=folder), named))


@contextmanager
def turn(folder: Path, kind: int) -> Iterator[None]:
    """While the files of the workers are read (LOCK_SH) or folded (LOCK_EX)."""
    folder.mkdir(mode=0o700, exist_ok=True)
    place = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(place, kind)
        yield
    finally:
        os.close(place)


def _gathered(source: Collector, named: Named | None) -> CollectorRegistry:
    gathered = CollectorRegistry()
    gathered.register(_Those(source, named))
    return gathered


class _Those(Collector):
    """A source of metrics without what is of no configured name, or has no value any more."""

    def __init__(self, source: Collector, named: Named | None) -> None:
        self._source = source
        self._named = named

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        for metric in self._source.collect():
            metric.samples = [
                one
                for one in metric.samples
                if not isnan(one.value) and (self._named is None or _shown(one.labels, self._named))
            ]
            yield metric


def _shown(labels: Mapping[str, str], named: Named) -> bool:
    """`name` is a provider's or a route's, as `scope` says."""
    scope = labels.get("scope", "") if "name" in labels else ""
    return (
        _has(named.providers, labels.get("provider") or (scope == "provider" and labels["name"]))
        and _has(named.routes, labels.get("route") or (scope == "route" and labels["name"]))
        and _has(named.models, labels.get("model"))
    )


def _has(names: Set[str], name: str | bool | None) -> bool:
    return not name or name in names or name in (OTHER, NONE)
