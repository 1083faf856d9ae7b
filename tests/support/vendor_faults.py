"""What the simulated vendor can be told to do wrong, and the book of faults that are still to happen.

A fault names the verb it waits for, what it does and at which point of a request. The book hands a fault out when its
point is reached, `times` times after `skip` chances were let pass. Pure, but for the book's own memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

STARTS = frozenset({"create", "remix", "edits", "extensions"})
VERBS = STARTS | {"characters", "retrieve", "list", "delete", "content", "models", "result"}


class Point(StrEnum):
    BEFORE_BODY = "before_body"  # headers have come, the body is left in the socket
    AFTER_BODY = "after_body"  # the request is here whole, nothing is done yet
    MAKING = "making"  # a job is being made: its fate
    AFTER_MAKING = "after_making"  # all is done, the answer is not written yet
    CONTENT = "content"  # a clip is being sent


WIRE = (Point.AFTER_BODY, Point.BEFORE_BODY, Point.AFTER_MAKING)
# What a fault may do, and where; the first point is meant when none is named.
POINTS: Mapping[str, tuple[Point, ...]] = {
    "refuse": WIRE,  # answer with status, code, kind, message and, if given, Retry-After
    "close": WIRE,  # end the connection without a word; `reset` sends RST
    "hang": WIRE,  # say nothing for `seconds`, then go on
    "html": WIRE,  # a proxy's page with `status`
    "garbage": WIRE,  # a 200 whose JSON ends in the middle
    "empty": WIRE,  # a 200 with no body
    "half": (Point.AFTER_MAKING,),  # the true answer, cut in the middle
    "trickle": (Point.AFTER_MAKING,),  # the true answer, a byte each `seconds`
    "lag": (Point.AFTER_BODY,),  # a list without the jobs of the last `seconds`
    "fail": (Point.MAKING,),  # the job fails at its end with code and message
    "never": (Point.MAKING,),  # the job runs for ever
    "forget": (Point.MAKING,),  # the job is made and then unknown
    "complete_empty": (Point.MAKING,),  # completed without a clip
    "complete_with_error": (Point.MAKING,),  # completed with an error beside it
    "truncate": (Point.CONTENT,),  # promise the whole clip, send half, close
    "cut": (Point.CONTENT,),  # half the clip, consistent headers
    "cut_unmeasured": (Point.CONTENT,),  # half the clip, and no length told
    "wrong_size": (Point.CONTENT,),  # another clip: half as wide and high
    "wrong_seconds": (Point.CONTENT,),  # another clip: a second shorter, or longer
    "slow": (Point.CONTENT,),  # 64 KiB each `seconds`
}


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    on: str  # a verb, `submit` for any that makes a job, `any`
    do: str
    at: str | None = None  # a point; None: the first at which this can happen
    times: int | None = 1  # None: always
    skip: int = 0
    each: int | None = None  # at most so often for one and the same prompt
    prompt: str | None = None  # only where this is part of the prompt
    status: int = 500
    code: str | None = None
    kind: str = "invalid_request_error"
    message: str = "simulated"
    retry_after: str | None = None  # as sent: a number, a date, garbage
    seconds: float = 30.0
    reset: bool = False

    @property
    def point(self) -> str:
        return self.at or POINTS[self.do][0]

    def check(self) -> None:
        """ValueError if this can never happen."""
        if self.on not in VERBS | {"submit", "any"}:
            raise ValueError(f"no verb {self.on!r}")
        if self.do not in POINTS:
            raise ValueError(f"no fault {self.do!r}; there are {', '.join(sorted(POINTS))}")
        if self.point not in POINTS[self.do]:
            raise ValueError(f"{self.do} cannot happen at {self.point}")
        if self.prompt is not None and self.point == Point.BEFORE_BODY:
            raise ValueError("before the body there is no prompt")


def throttle(on: str = "submit", retry_after: str | None = "1", times: int | None = 1) -> Fault:
    """429 as OpenAI says it."""
    return Fault(
        on=on,
        do="refuse",
        status=429,
        code="rate_limit_exceeded",
        kind="requests",
        retry_after=retry_after,
        times=times,
    )


class Book:
    """The faults that are still to happen, oldest first."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.happened = 0
        self._by_prompt: Counter[tuple[Fault, str]] = Counter()

    def program(self, faults: Sequence[Fault]) -> None:
        """All of them or, with a ValueError, none."""
        for fault in faults:
            fault.check()
        self.faults.extend(faults)

    def clear(self) -> None:
        self.faults.clear()

    def take(self, verb: str, point: Point, prompt: str = "") -> Fault | None:
        """The fault that happens here and now, if any."""
        for index, fault in enumerate(self.faults):
            if fault.point != point or not _meant(fault, verb, prompt):
                continue
            if fault.skip:
                self.faults[index] = replace(fault, skip=fault.skip - 1)
                continue
            if fault.each is not None:
                if self._by_prompt[fault, prompt] >= fault.each:
                    continue
                self._by_prompt[fault, prompt] += 1
            if fault.times is not None and fault.times <= 1:
                del self.faults[index]
            elif fault.times is not None:
                self.faults[index] = replace(fault, times=fault.times - 1)
            self.happened += 1
            return fault
        return None


def _meant(fault: Fault, verb: str, prompt: str) -> bool:
    right = fault.on in (verb, "any") or (fault.on == "submit" and verb in STARTS)
    return right and (fault.prompt is None or fault.prompt in prompt)
