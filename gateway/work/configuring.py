"""What a process needs to change the configuration of all: how texts are read here, what is served now, whose file
follows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.work.following import Follower
from gateway.work.making import Maker

FILE_REFUSED: Final = "config.refused"
"""In the data directory while what the file says is refused: why, a line for each reason."""


@dataclass(frozen=True, slots=True)
class Configuring:
    maker: Maker
    follower: Follower
    replica: str  # whose file is written when a version is made here; "": none's
    refused: Path  # FILE_REFUSED
