"""Why a video is where it is: its plan, its attempts and its money, as data for an operator to read.

Pure. Whatever the plan noted of a route is shown, known here or not. No prompt, no address and no link of a vendor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.domain.ledger import Entry
from gateway.domain.moments import moment_text
from gateway.domain.money import format_usd
from gateway.domain.videos import (
    Attempt,
    AttemptState,
    Choice,
    Request,
    Video,
    Word,
    attempt_id,
    cancel_face,
    public_status,
)
from providers.contract import Json

PRIVATE: Final = frozenset(
    {"prompt", "negative_prompt", "metadata", "image", "last_image", "source", "characters", "extras"}
)
TIMES: Final = ("planned", "sent", "send_by", "accepted", "late", "closed", "follow_until", "retry_at")


def explain(video: Video, entries: Sequence[Entry] = (), *, prompt: bool = False) -> dict[str, Json]:
    """Dollars are texts, exact; times RFC 3339; what is not set is left out. `entries`: those about it, where there
    are any. `prompt`: what the client wrote is shown as well."""
    error = video.error
    told: dict[str, Json] = {
        "id": video.id,
        "status": public_status(video),
        "state": video.state.value,
        "project": video.project,
        "key": video.key_id,
        "request": _request(video.request, prompt=prompt),
        "tags": {**video.tags},
        "reused_from": video.reused_from.video if video.reused_from else None,
        "retry_of": video.retry_of,
        "preferences": video.preferences or None,
        "created_at": moment_text(video.created_ms),
        "deadline_at": moment_text(video.deadline_ms),
        "completed_at": moment_text(video.completed_ms) if video.completed_ms else None,
        "error": {"code": error.code, "message": error.message} if error else None,
        "cancel": cancel_face(video, video.cancel_ms) if video.cancel_ms else None,
        "waits_for": list(video.lined) or None,
        "strategy": video.strategy or None,
        "plan": [_choice(rank, choice) for rank, choice in enumerate(video.plan, start=1)],
        "attempts": [_attempt(video, one) for one in video.attempts],
        "money": _money(video),
        "entries": [_entry(one) for one in entries],
    }
    return _set(told)


def _request(request: Request, *, prompt: bool) -> dict[str, Json]:
    facts = msgspec.to_builtins(request, builtin_types=())
    told: dict[str, Json] = {name: _plain(value) for name, value in facts.items() if name not in PRIVATE}
    told["size"] = str(request.size)
    if request.asked_size is not None:
        told["asked_size"] = str(request.asked_size)
    source = request.source
    for name, image in (("image", request.image), ("last_image", request.last_image)):
        told[name] = f"{image.width}x{image.height} {image.media_type}" if image else None
    told["source"] = (source.video or "an uploaded clip") if source else None
    told["characters"] = [one.id for one in request.characters] or None
    told["extras"] = [*sorted(request.extras)] or None
    told["prompt_chars"] = len(request.prompt)
    if prompt:
        told |= {"prompt": request.prompt, "negative_prompt": request.negative_prompt}
    return _set(told)


def _choice(rank: int, choice: Choice) -> dict[str, Json]:
    facts = {name: getattr(choice, name) for name in choice.__struct_fields__}
    kept = choice.dropped is None
    return {"rank": rank if kept else None, "kept": kept} | _set(dict([_named(*one) for one in facts.items()]))


def _named(name: str, value: Any) -> tuple[str, Json]:
    """A field of a record as it is shown: money in dollars, names without their unit."""
    if name.endswith("_micros"):
        return f"{name.removesuffix('_micros')}_usd", None if value is None else format_usd(value)
    return name, _plain(value)


def _attempt(video: Video, attempt: Attempt) -> dict[str, Json]:
    times: dict[str, Json] = {}
    for name in TIMES:
        at_ms = getattr(attempt, f"{name}_ms", 0)
        if at_ms:
            times[name] = moment_text(at_ms)
    ended = attempt.state is AttemptState.CLOSED
    charged = attempt.charged
    told: dict[str, Json] = {
        "attempt": attempt_id(video.id, attempt.ordinal),
        "route": attempt.route,
        "model": attempt.model,
        "state": attempt.state.value,
        "current": attempt.ordinal == video.current,
        "followed": True if attempt.abandoned and not ended else None,
        "times": times,
        "sendings": attempt.sendings,
        "ref": _plain(attempt.ref),
        "why": attempt.why.value if attempt.why else None,
        "message": attempt.message or None,
        "empty_finds": attempt.empty_finds or None,
        "candidates": _plain(attempt.candidates) or None,
        "word": _word(attempt.word) if attempt.word else None,
        "lost_in_a_row": attempt.lost_in_a_row or None,
        "cancel_said": attempt.cancel_said.value if attempt.cancel_said else None,
        "price_usd": format_usd(attempt.price_micros),
        "held_usd": None if ended else format_usd(attempt.price_micros),
        "cost_usd": format_usd(attempt.cost_micros) if ended else None,
        "presumed": True if attempt.presumed else None,
        "charged": f"{charged.amount} {charged.unit}" if charged else None,
        "disputed_usd": format_usd(attempt.disputed_micros) if attempt.disputed_micros else None,
        "corrections": attempt.adjusts or None,
        "on_house": True if attempt.spared else None,
    }
    return _set(told)


def _word(word: Word) -> dict[str, Json]:
    """What an operator said of it."""
    at = moment_text(word.at_ms)
    return {"received": word.received, "ref": _plain(word.ref), "by": word.by, "at": at, "reason": word.reason}


def _money(video: Video) -> dict[str, Json]:
    closed = [one for one in video.attempts if one.state is AttemptState.CLOSED]
    return {
        "held_usd": format_usd(sum(one.price_micros for one in video.open_attempts)),
        "cost_usd": format_usd(sum(one.cost_micros for one in closed)),
        "presumed_usd": format_usd(sum(one.cost_micros for one in closed if one.presumed)),
        "disputed_usd": format_usd(sum(one.disputed_micros for one in closed)),
    }


def _entry(entry: Entry) -> dict[str, Json]:
    one = entry.posting
    told: dict[str, Json] = {
        "at": moment_text(entry.at_ms),
        "entry": one.id,
        "kind": one.kind.value,
        "amount_usd": format_usd(one.amount_micros),
        "released_usd": format_usd(one.released_micros) if one.released_micros else None,
        "presumed": True if one.presumed else None,
        "on_house": True if one.spared else None,
        "reason": one.reason or None,
    }
    return _set(told)


def _plain(value: Any) -> Json:
    """What JSON can say of a value; floats short enough to read."""
    plain: Json = msgspec.to_builtins(value)
    return round(plain, 4) if isinstance(plain, float) else plain


def _set(told: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in told.items() if value is not None}
