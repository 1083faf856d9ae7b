"""Whoever types a command, as what they change is written down."""

from __future__ import annotations

import os
import time

from gateway.domain.audit import CLI
from gateway.work.hand import Hand


def my_hand() -> Hand:
    return Hand(CLI, os.urandom, time.time_ns() // 1_000_000)
