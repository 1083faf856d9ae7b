"""How urgent a video is: who has to wait for a provider goes by it. Pure.

Words for people, numbers for whoever needs more of them: 0 to 9, more is more urgent. A more urgent video has its turn
first, always; among equals the projects take turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.domain.errors import BadInput, Forbidden
from gateway.domain.fields import count, shown
from gateway.domain.limits import Owned
from providers.contract import Json

PRIORITIES: Final[Mapping[str, int]] = {"batch": 2, "standard": 5, "interactive": 8}
PRIORITY_MAX: Final = 9
STANDARD: Final = PRIORITIES["standard"]


def priority_of(param: str, value: Json) -> int:
    """A word or a number as a priority. BadInput says which there are."""
    if isinstance(value, str) and value in PRIORITIES:
        return PRIORITIES[value]
    number = count(param, value)
    if number is None or not 0 <= number <= PRIORITY_MAX:
        words = ", ".join(f"'{one}'" for one in PRIORITIES)
        raise BadInput(
            f"Invalid value: '{shown(str(value))}'. '{param}' must be {words}, or a number from 0 to {PRIORITY_MAX}; "
            "more is more urgent.",
            param=param,
        )
    return number


def parse_priority(text: str) -> int:
    """The same from a command line. ValueError."""
    if text in PRIORITIES:
        return PRIORITIES[text]
    if not (text.isascii() and text.isdigit() and len(text) == 1):
        raise ValueError(f"{text!r} is no priority; take {', '.join(PRIORITIES)}, or a number from 0 to {PRIORITY_MAX}")
    return int(text)


def told_priority(priority: int) -> str:
    """The word for it where there is one."""
    return next((word for word, number in PRIORITIES.items() if number == priority), str(priority))


def settled_priority(asked: int | None, owned: Sequence[Owned]) -> int:
    """What was asked for, else the default of the first that has one, in the bounds of all. Forbidden for more."""
    defaults = [one.limits.priority for one in owned if one.limits.priority is not None]
    bounds = [(one.limits.priority_max, one) for one in owned if one.limits.priority_max is not None]
    wanted = asked if asked is not None else next(iter(defaults), STANDARD)
    for most, one in bounds:
        if asked is not None and asked > most:
            begin = one.owner[0].upper() + one.owner[1:]
            raise Forbidden(
                f"{begin} may not ask for priority '{told_priority(asked)}'. The most is '{told_priority(most)}'.",
                param="priority",
            )
        wanted = min(wanted, most)
    return wanted
