"""Why a worker should get no requests now: a closed list of words, and what an operator does about each. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from providers.contract import Json


class Obstacle(StrEnum):
    STORE_AWAY = "store_away"  # it does not answer
    STORE_UNFIT = "store_unfit"  # it answers, and must not be written
    STORE_FORGOT = "store_forgot_commits"  # nothing is submitted until an operator has looked
    DISK_REFUSES = "disk_refuses"  # a file could not be written where clips stand, or not in time
    NO_CONFIGURATION = "no_configuration"  # no version of the configuration is in force yet
    STOPPING = "stopping"  # this worker was told to end


ADVICE: Final = {
    Obstacle.STORE_AWAY: "the store does not answer; look at it and at the network: telecine doctor",
    Obstacle.STORE_FORGOT: "the store has forgotten commits; nothing is submitted until: telecine store accept",
    Obstacle.DISK_REFUSES: "the folder of the clips cannot be written; look at its disk: telecine doctor",
    Obstacle.NO_CONFIGURATION: "the configuration is not in force yet; it is once the store has answered",
    Obstacle.STOPPING: "this worker is stopping; another one takes its place",
}
"""For an unfit store its own sentences say it."""


def told(obstacles: Sequence[Obstacle], refusals: Sequence[str]) -> dict[str, Json]:
    """The body of /readyz. `refusals`: what makes the store unfit, in sentences."""
    if not obstacles:
        return {"status": "ready", "reasons": []}
    todo = [ADVICE[one] for one in obstacles if one in ADVICE]
    return {"status": "unready", "reasons": [str(one) for one in obstacles], "todo": [*refusals, *todo]}
