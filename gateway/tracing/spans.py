"""Where the running task is in a trace, and the plain functions that tell a span once it has ended.

Off, everything here is one look at a variable. On, a span is told whole, with its beginning and its end, to whoever
exports: there is no span that is open, so none that a dying process could lose but the one it works on. Attributes are
names, numbers and words from closed lists; never a prompt, a key or a vendor's address.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final, TypeAlias

from msgspec import Struct

from gateway.domain.traces import Place, read_traceparent, written

Attributes: TypeAlias = Mapping[str, "str | int | float | bool"]
Observe: TypeAlias = Callable[..., None]

NEEDS: Final = ("opentelemetry.sdk", "opentelemetry.exporter")
SPAN_BYTES: Final = 8
TRACE_BYTES: Final = 16
GOOD: Final = frozenset(
    {"accepted", "finished", "running", "downloaded", "cancelled", "exactly", "not_received", "account", "load"}
)
"""What may come of a call when nothing is wrong."""

_NOTHING: Final = nullcontext()
_here: ContextVar[Place | None] = ContextVar("trace", default=None)


class Span(Struct, frozen=True, kw_only=True):
    name: str
    place: Place
    parent: str = ""  # the id of a span in the same trace
    began_ns: int  # since 1970
    ended_ns: int
    attributes: Attributes = {}
    failed: bool = False
    server: bool = False  # it answers somebody else's request
    client: bool = False  # it is a call to somebody else


Tell: TypeAlias = Callable[[Span], None]


@dataclass(slots=True)
class _Sink:
    """Of this process: who exports, what share of new traces, and whose dice."""

    tell: Tell | None = None
    share: float = 1.0
    chance: Callable[[], float] = field(default=lambda: 0.0)
    random: Callable[[int], bytes] = field(default=bytes)
    close: Callable[[], None] = field(default=lambda: None)


_sink: Final = _Sink()


def installed() -> bool:
    """Whether the extra is there. Imports no more than the namespace that it stands in."""
    try:
        return all(find_spec(one) is not None for one in NEEDS)
    except ModuleNotFoundError:
        return False


def start(
    *, endpoint: str, headers: Mapping[str, str], name: str, share: float, chance: Callable[[], float],
    random: Callable[[int], bytes],
) -> None:  # fmt: skip
    """Export from now on to an OTLP/HTTP collector. `share` of the videos, unless their clients have decided."""
    exporter: Any = importlib.import_module("gateway.tracing.otlp").Exporter(endpoint, headers, name)
    begin(exporter.tell, share=share, chance=chance, random=random, close=exporter.close)


def begin(
    tell: Tell,
    *,
    share: float,
    chance: Callable[[], float],
    random: Callable[[int], bytes],
    close: Callable[[], None] = lambda: None,
) -> None:
    _sink.tell, _sink.share, _sink.close = tell, share, close
    _sink.chance, _sink.random = chance, random


def stop() -> None:
    """What was told leaves, as far as the collector takes it in a few seconds. Blocks: for a thread."""
    _sink.tell = None
    _sink.close()


def on() -> bool:
    return _sink.tell is not None


# --- where we are -------------------------------------------------------------------------------------------------


def enter(place: Place | None) -> None:
    """What the running task does from now on belongs below this span; None: to no trace."""
    if _here.get() is not place:
        _here.set(place)


def carried() -> str:
    """For a record: the span that the running task is in, as a `traceparent`; empty where it is in none."""
    place = _here.get()
    return "" if place is None else written(place)


def serving(name: str, traceparent: str | None, attributes: Attributes) -> AbstractContextManager[None]:
    """A request that may begin a trace: its client's, if that one is recorded, else one of its own."""
    if _sink.tell is None:
        return _NOTHING
    place, parent = _begun(traceparent)
    return _NOTHING if place is None else _within(name, place, parent, attributes, server=True)


def span(name: str, attributes: Attributes) -> AbstractContextManager[None]:
    """A piece of work of the running task."""
    outer = _here.get()
    if _sink.tell is None or outer is None:
        return _NOTHING
    return _within(name, Place(outer.trace, _sink.random(SPAN_BYTES).hex()), outer.span, attributes, server=False)


@contextmanager
def _within(name: str, place: Place, parent: str, attributes: Attributes, *, server: bool) -> Iterator[None]:
    began_ns, token, failed = time.time_ns(), _here.set(place), True
    try:
        yield
        failed = False
    finally:
        _here.reset(token)
        _told(Span(
            name=name, place=place, parent=parent, began_ns=began_ns, ended_ns=time.time_ns(), attributes=attributes,
            failed=failed, server=server,
        ))  # fmt: skip


def _begun(traceparent: str | None) -> tuple[Place | None, str]:
    """The place of a new request, None where it is not recorded, and the span above it."""
    given = read_traceparent(traceparent)
    if given is None:
        recorded, trace, parent = _sink.chance() < _sink.share, _sink.random(TRACE_BYTES).hex(), ""
    else:
        recorded, trace, parent = given.sampled, given.place.trace, given.place.span
    return (Place(trace, _sink.random(SPAN_BYTES).hex()) if recorded else None), parent


# --- what ended ---------------------------------------------------------------------------------------------------


def ended(name: str, place: Place, parent: str, began_ms: int, attributes: Attributes, *, failed: bool) -> None:
    """A span with a place of its own, which ends now and may have begun in another process."""
    began_ns, ended_ns = began_ms * 1_000_000, time.time_ns()
    _told(Span(
        name=name, place=place, parent=parent, began_ns=min(began_ns, ended_ns), ended_ns=ended_ns,
        attributes=attributes, failed=failed,
    ))  # fmt: skip


def calls(observe: Observe) -> Observe:
    """The same observer of vendors' calls, and each call of a trace as a span."""

    def observed(provider: str, verb: str, outcome: str, seconds: float) -> None:
        observe(provider, verb, outcome, seconds)
        attributes = {"telecine.provider": provider, "telecine.verb": verb, "telecine.outcome": outcome}
        _now(f"upstream {verb}", seconds, attributes, failed=outcome not in GOOD)

    return observed if on() else observe


def operations(observe: Observe) -> Observe:
    """The same observer of the store's operations, and each that belongs to a trace as a span."""

    def observed(operation: str, seconds: float) -> None:
        observe(operation, seconds)
        _now(f"store {operation}", seconds, {"telecine.operation": operation}, failed=False)

    return observed if on() else observe


def _now(name: str, seconds: float, attributes: Attributes, *, failed: bool) -> None:
    """What has just ended and took so long."""
    outer = _here.get()
    if outer is None or _sink.tell is None:
        return
    ended_ns = time.time_ns()
    _told(Span(
        name=name, place=Place(outer.trace, _sink.random(SPAN_BYTES).hex()), parent=outer.span,
        began_ns=ended_ns - round(seconds * 1e9), ended_ns=ended_ns, attributes=attributes, failed=failed, client=True,
    ))  # fmt: skip


def _told(one: Span) -> None:
    if _sink.tell is not None:
        _sink.tell(one)
