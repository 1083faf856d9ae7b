"""The kill points: every place where a death of the process must change nothing that was promised.

One stands before and one after every commit and every send. `reach` does nothing unless TELECINE_KILL_POINT names the
point; then the first process there says so in the file TELECINE_KILL_FILE and stands still, so that a test can kill it
right there, or write more into the file, on which it walks on like one that was suspended.
"""

from __future__ import annotations

import os
import time
from itertools import product
from pathlib import Path

from gateway.domain.news import LABELS

BY_CALLBACK = ("misnamed", "named")  # commits about what a vendor's callback says
COMMITS = ("admit", *sorted(set(LABELS.values()) - set(BY_CALLBACK)), "delete", "sweep", "rest")
BY_COMMAND = ("rule",)  # commits of `telecine`, not of the gateway
CHORES = ("roll_up", "remove", "trim", "config")  # commits beside or long after a video's life
WEBHOOKS = ("deliver",)  # commits and sends of what goes out
SENDS = ("submit", "resend", "find", "poll", "cancel", "download")
POINTS = frozenset(
    [
        *(
            f"{side}.commit.{name}"
            for side, name in product(("before", "after"), (*COMMITS, *BY_CALLBACK, *BY_COMMAND, *CHORES, *WEBHOOKS))
        ),
        *(f"{side}.send.{name}" for side, name in product(("before", "after"), (*SENDS, *WEBHOOKS))),
    ]
)
STAND_S_MAX = 60
LOOK_S = 0.1

_armed = os.environ.get("TELECINE_KILL_POINT") or None


def reach(point: str) -> None:
    """Pass a kill point. AssertionError for a point that is not in the list: no commit or send goes without one."""
    assert point in POINTS, point
    if _armed == point:
        _stand(point)


def _stand(point: str) -> None:
    path = Path(os.environ["TELECINE_KILL_FILE"])
    said = f"{point} {os.getpid()}\n"
    try:
        with path.open("x", encoding="ascii") as file:
            file.write(said)
    except FileExistsError:
        return
    for _ in range(round(STAND_S_MAX / LOOK_S)):
        time.sleep(LOOK_S)
        if path.read_text(encoding="ascii") != said:
            return
    os._exit(70)
