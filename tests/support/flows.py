"""Walking through an adapter's flow without a network: a function plays the vendor, every call is kept."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from msgspec import Struct

from providers.contract import Adapter, Call, Reply, Unreadable

CALLS_MAX = 64  # more than any flow needs; the driver stops there too


class Walk(Struct, frozen=True):
    """`end`: the verdict, or the `Unreadable` that ended the flow."""

    calls: tuple[Call, ...]
    end: Any


def walk(flow: Generator[Call, Reply, Any], answer: Callable[[Call], Reply]) -> Walk:
    """AssertionError if the flow asks for more than CALLS_MAX calls."""
    calls: list[Call] = []
    try:
        call = next(flow)
        while True:
            calls.append(call)
            assert len(calls) <= CALLS_MAX, "a flow without an end"
            call = flow.send(answer(call))
    except StopIteration as stop:
        return Walk(tuple(calls), stop.value)
    except Unreadable as error:
        return Walk(tuple(calls), error)


def begin(adapter: Adapter[Any], verb: str, asked: dict[str, Any]) -> Generator[Call, Reply, Any]:
    """The flow of a verb."""
    flow: Generator[Call, Reply, Any] = getattr(adapter, verb)(**asked)
    return flow
