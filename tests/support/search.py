"""Breadth-first search of a graph of states: everything that can be reached, the shortest way to what must not be, and
what cannot come to an end."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from msgspec import Struct

S = TypeVar("S", bound=Hashable)


class Found(Struct, Generic[S], frozen=True):
    """`wrong`: what must not be and the way to it, or None; `stuck`: the way to a state without an end, or None."""

    states: int
    steps: int
    ends: int
    wrong: str | None
    way: tuple[str, ...]
    stuck: tuple[str, ...] | None


def search(
    begin: S,
    steps: Callable[[S], Iterable[tuple[str, S]]],
    over: Callable[[S], bool],
    *,
    wrong: type[Exception],
    states_max: int,
) -> Found[S]:
    """AssertionError for a graph of more than `states_max` states. The collector rests meanwhile: it would look at
    every state again and again, and none is garbage."""
    gc.disable()
    try:
        return _search(begin, steps, over, wrong, states_max)
    finally:
        gc.enable()


def _search(
    begin: S,
    steps: Callable[[S], Iterable[tuple[str, S]]],
    over: Callable[[S], bool],
    wrong: type[Exception],
    states_max: int,
) -> Found[S]:
    numbers: dict[S, int] = {begin: 0}
    came: list[tuple[int, str]] = [(-1, "")]
    before: list[list[int]] = [[]]  # who leads here
    ends: list[int] = []
    queue, taken = deque([begin]), 0
    while queue:
        state = queue.popleft()
        here = numbers[state]
        try:
            if over(state):
                ends.append(here)
            for label, after in steps(state):
                taken += 1
                there = numbers.setdefault(after, len(came))
                if there == len(came):
                    came.append((here, label))
                    before.append([])
                    queue.append(after)
                before[there].append(here)
        except wrong as error:
            return Found(len(came), taken, len(ends), str(error), _way(came, here), None)
        assert len(came) <= states_max, f"more than {states_max} states"
    stuck = _stuck(before, ends)
    return Found(len(came), taken, len(ends), None, (), None if stuck is None else _way(came, stuck))


def _way(came: list[tuple[int, str]], state: int) -> tuple[str, ...]:
    labels = []
    while state > 0:
        state, label = came[state]
        labels.append(label)
    return tuple(reversed(labels))


def _stuck(before: list[list[int]], ends: list[int]) -> int | None:
    """The first state from which no end can be reached."""
    alive = bytearray(len(before))
    queue = deque(ends)
    for end in ends:
        alive[end] = 1
    while queue:
        for one in before[queue.popleft()]:
            if not alive[one]:
                alive[one] = 1
                queue.append(one)
    return next((number for number, ok in enumerate(alive) if not ok), None)
