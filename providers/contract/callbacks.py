"""Callbacks of vendors: what came in, what it says, and what the vendor wants to hear."""

from __future__ import annotations

from msgspec import Struct

from providers.contract.verdicts import PollVerdict
from providers.contract.words import Ref


class Inbound(Struct, frozen=True, kw_only=True):
    """A vendor's callback, raw: signatures are over bytes."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str]
    body: bytes
    received_ms: int


class Answer(Struct, frozen=True, kw_only=True):
    """What the vendor wants to hear back: a challenge echoed, an exact word."""

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""


class Notice(Struct, frozen=True, kw_only=True):
    """One piece of news in a callback. Unverified news only makes the video due."""

    ref: Ref | None = None
    attempt: str | None = None
    verified: bool = False
    verdict: PollVerdict | None = None
