"""Deliveries of webhooks: the headers that sign one, what its receiver's answer means, when it is tried again. Pure.

2xx is delivered; 410 is the receiver's word that nobody is there any more; an address that may not be reached is given
up at once; all else is tried again by SCHEDULE_S, and given up when that ends. What is given up is a dead letter.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.events import Event
from gateway.domain.moments import moment_text
from gateway.domain.targets import SECRET_PREFIX, Target, shown_url
from providers.contract import Json

SCHEDULE_S: Final = (5, 30, 120, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 86_400)
"""Pauses before the second try and the others: about two days and 22 hours in all, twelve tries."""
JITTER: Final = 0.2
RETRY_AFTER_S_MAX: Final = 86_400
LIFE_MS: Final = 80 * 3_600_000
"""After that nothing is tried again, also where a crowd in front took the time of some tries."""

LANE_AT_ONCE: Final = 16
LANES_OF_REQUESTS: Final = 4  # of one project


class Heard(StrEnum):
    """What came of one try: a closed list, for metrics too."""

    DELIVERED = "delivered"
    GONE = "gone"  # 410
    REFUSED = "refused"  # any other answer that is no redirect
    REDIRECTED = "redirected"  # by an answer that would make a GET of it, or too often
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"  # the address, or one that it redirects to, may not be reached
    DISABLED = "disabled"  # nothing was sent: the target is disabled
    REMOVED = "removed"  # nothing was sent: there is no such target any more


class Answer(Struct, frozen=True):
    heard: Heard
    status: int = 0  # 0: there was none
    retry_after_s: int = 0


class Delivery(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event on its way to one target. `body` is sent byte by byte the same, however often."""

    id: str  # `<event id>.<target id>`
    event: str  # its id: `webhook-id`, the same for every try
    type: Event
    about: str  # the video, the budget, the provider
    project: str = ""
    target: str
    lane: str
    url: str = ""  # of a request; empty: the target's
    body: str
    made_ms: int
    tries: int = 0
    tried_ms: int = 0
    heard: Heard | None = None  # by the latest try
    status: int = 0
    dead_ms: int = 0  # when it was given up; 0: it was not
    replays: int = 0

    @property
    def why(self) -> str:
        """What the latest try heard, in a few words."""
        words = "" if self.heard is None else WHY[self.heard]
        return f"{words} ({self.status})" if self.status else words


WHY: Final = {
    Heard.DELIVERED: "delivered",
    Heard.GONE: "its receiver says that nobody is there any more",
    Heard.REFUSED: "its receiver answered with an error",
    Heard.REDIRECTED: "its receiver redirects in a way that cannot be followed",
    Heard.TIMEOUT: "its receiver did not answer in time",
    Heard.UNREACHABLE: "its receiver cannot be reached",
    Heard.FORBIDDEN: "its address is not a public one",
    Heard.DISABLED: "its target is disabled",
    Heard.REMOVED: "its target was removed",
}


class Next(Struct, frozen=True):
    """What becomes of a delivery after a try: `record` None: it is done; `due_ms` None: it is a dead letter."""

    record: Delivery | None
    due_ms: int | None = None


_FINAL: Final = frozenset({Heard.GONE, Heard.FORBIDDEN, Heard.DISABLED, Heard.REMOVED})


def after(delivery: Delivery, answer: Answer, now_ms: int, *, jitter: float) -> Next:
    """`jitter`: in [0, 1)."""
    if answer.heard is Heard.DELIVERED:
        return Next(None)
    sent = answer.heard not in (Heard.DISABLED, Heard.REMOVED)
    tried = replace(delivery, tries=delivery.tries + sent, tried_ms=now_ms, heard=answer.heard, status=answer.status)
    pause_ms = pause_after_ms(tried.tries, answer.retry_after_s, jitter=jitter)
    if answer.heard in _FINAL or pause_ms is None or now_ms + pause_ms > delivery.made_ms + LIFE_MS:
        return Next(replace(tried, dead_ms=now_ms))
    return Next(tried, now_ms + pause_ms)


def pause_after_ms(tries: int, retry_after_s: int = 0, *, jitter: float) -> int | None:
    """Until the next try, spread by ± JITTER / 2; a receiver may ask for a longer one. None: there is none."""
    if not 1 <= tries <= len(SCHEDULE_S):
        return None
    plain_ms = SCHEDULE_S[tries - 1] * 1_000 * (1 - JITTER / 2 + JITTER * jitter)
    return max(round(plain_ms), min(retry_after_s, RETRY_AFTER_S_MAX) * 1_000)


def replayed(dead: Delivery, now_ms: int) -> Delivery:
    """A dead letter as a delivery that is due again, with the whole schedule before it and the same event."""
    return replace(dead, tries=0, tried_ms=0, heard=None, status=0, dead_ms=0, made_ms=now_ms, replays=dead.replays + 1)


def disabled(target: Target, now_ms: int) -> Target:
    """After its receiver's 410."""
    return replace(target, disabled=WHY[Heard.GONE], disabled_ms=now_ms)


def shown(delivery: Delivery) -> dict[str, Json]:
    """A delivery as JSON, its address as far as it holds no password."""
    return {
        "id": delivery.id,
        "event": delivery.event,
        "type": delivery.type.value,
        "about": delivery.about,
        "target": delivery.target,
        "url": shown_url(delivery.url) or None,
        "created_at": moment_text(delivery.made_ms),
        "given_up_at": moment_text(delivery.dead_ms) if delivery.dead_ms else None,
        "tries": delivery.tries,
        "replays": delivery.replays,
        "heard": delivery.heard.value if delivery.heard else None,
        "status": delivery.status or None,
        "why": delivery.why,
    }


def room(in_flight: int, free: int, *, slow: bool) -> int:
    """How many more deliveries of a lane one process may begin. A lane whose receiver kept us waiting, or was not
    there, gets one at a time until it answers: a thousand of its deliveries then hold up nobody else's."""
    return max(0, min((1 if slow else LANE_AT_ONCE) - in_flight, free))


def is_slow(answer: Answer) -> bool:
    return answer.heard in (Heard.TIMEOUT, Heard.UNREACHABLE)


def headers(delivery: Delivery, secrets: Sequence[str], now_ms: int) -> list[tuple[str, str]]:
    """By Standard Webhooks: one id for all tries, the time of this one, a signature by each secret."""
    timestamp = str(now_ms // 1_000)
    signed = f"{delivery.event}.{timestamp}.{delivery.body}".encode()
    signatures = " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets)
    return [
        ("webhook-id", delivery.event),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signatures),
    ]


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Delivery).decode


def encode_delivery(delivery: Delivery) -> bytes:
    return _encode(delivery)


def decode_delivery(data: bytes) -> Delivery:
    """msgspec.ValidationError or DecodeError if this is no delivery of ours."""
    return _decode(data)
