"""`telecine videos`: what became of one video, as an operator needs to know it; an end to it. No prompt is shown.

`list` and `retry` are rooms of their own."""

from __future__ import annotations

import click

from gateway.cli.failure import Failure
from gateway.cli.hands import my_hand
from gateway.cli.options import Place, json_option, place_options
from gateway.cli.output import print_json, utc
from gateway.cli.storing import with_store
from gateway.cli.videos_list import list_
from gateway.cli.videos_retry import retry
from gateway.domain.ids import VIDEO_ID
from gateway.domain.ledger import tags_text
from gateway.domain.money import format_dollars
from gateway.domain.videos import FINAL, Attempt, AttemptState, Choice, Video, cancel_face, public_status
from gateway.work.cancel import note_cancel
from providers.contract import Json


@click.group("videos")
def command() -> None:
    """Find videos; look into one: its plan, its attempts, what they cost; have it cancelled, or made again."""


command.add_command(list_)
command.add_command(retry)


@command.command("show")
@click.argument("video_id", metavar="ID")
@json_option
@place_options
def show(video_id: str, json: bool, place: Place) -> None:
    """Show how the video ID was planned and made: every route with its price or the reason why not, every attempt.

    \b
    EXAMPLE
      telecine videos show video_0123456789abcdef… --json
    """
    video = with_store(place, lambda store: store.read(video_id)) if VIDEO_ID.fullmatch(video_id) else None
    if video is None:
        raise Failure(f'no video has the id "{video_id}"')
    if json:
        print_json(shown(video))
    else:
        click.echo("\n".join(told(video)))


@command.command("cancel")
@click.argument("video_id", metavar="ID")
@json_option
@place_options
def cancel(video_id: str, json: bool, place: Place) -> None:
    """Have the video ID cancelled: free before it was sent, else as far as its vendor does it.

    The gateway acts on it as soon as it runs; `telecine videos show` tells what came of it.

    \b
    EXAMPLE
      telecine videos cancel video_0123456789abcdef…
    """

    known = VIDEO_ID.fullmatch(video_id)
    video = with_store(place, lambda store: note_cancel(store, video_id, my_hand())) if known else None
    if video is None:
        raise Failure(f'no video has the id "{video_id}"')
    if video.state in FINAL and not video.cancel_ms:
        raise Failure(f"{video_id} is {video.state.value} already: it is too late to cancel it")
    face = cancel_face(video, video.cancel_ms)
    if json:
        print_json({"id": video.id, **face})
    else:
        most = f"it may cost ${face['may_cost_usd']} at most, ${face['cost_usd']} are booked"
        click.echo(f"{video_id}: cancel {face['state']}; {most}")


def shown(video: Video) -> dict[str, Json]:
    """A video's inside as JSON."""
    return {
        "id": video.id,
        "status": public_status(video),
        "state": video.state.value,
        "project": video.project,
        "model": video.request.model,
        "seconds": video.request.seconds,
        "size": str(video.request.size),
        "tags": {**video.tags},
        "reused_from": video.reused_from.video if video.reused_from else None,
        "created_at": utc(video.created_ms),
        "completed_at": utc(video.completed_ms) if video.completed_ms else None,
        "strategy": video.strategy or None,
        "plan": [
            {"route": one.route, "price_usd": _dollars(one.price_micros), "dropped": one.dropped} for one in video.plan
        ],
        "attempts": [
            {
                "route": one.route,
                "state": one.state.value,
                "price_usd": _dollars(one.price_micros),
                "cost_usd": _dollars(one.cost_micros) if _ended(one) else None,
                "disputed_usd": _dollars(one.disputed_micros) if one.disputed_micros else None,
                "on_house": bool(one.spared),
                "why": one.why.value if one.why else None,
                "message": one.message or None,
            }
            for one in video.attempts
        ],
    }


def told(video: Video) -> list[str]:
    """The same for people."""
    request = video.request
    lines = [
        f"{video.id}: {public_status(video)} ({video.state.value})",
        f"  {request.model}, {request.seconds} s, {request.size}, created {utc(video.created_ms)}",
        "  plan:",
        *(f"    {_choice(one)}" for one in video.plan),
        "  attempts:",
        *(f"    {_attempt(one)}" for one in video.attempts),
    ]
    if video.tags:
        lines.insert(2, f"  tags: {tags_text(video)}")
    if video.reused_from:
        lines.append(f"  the clip of {video.reused_from.video}, used again")
    elif video.completed_ms:
        lines.append(
            f"  completed {utc(video.completed_ms)}, after {(video.completed_ms - video.created_ms) / 1000:.1f} s"
        )
    return lines


def _choice(choice: Choice) -> str:
    if choice.price_micros is None:
        return f"{choice.route}: not asked: it {choice.dropped}"
    return f"{choice.route}: {format_dollars(choice.price_micros)}"


def _attempt(attempt: Attempt) -> str:
    end = f", {attempt.why.value}: {attempt.message}" if attempt.why else ""
    return f"{attempt.ordinal}. {attempt.route}: {attempt.state.value}, {_money(attempt)}{end}"


def _money(attempt: Attempt) -> str:
    """`$0.40`, and what became of it where that is another story."""
    words = [format_dollars(attempt.price_micros)]
    if _ended(attempt) and attempt.cost_micros != attempt.price_micros:
        words.append(f"cost {format_dollars(attempt.cost_micros)}")
    if attempt.spared:
        words.append("on the house")
    if attempt.disputed_micros:
        words.append(f"{format_dollars(attempt.disputed_micros)} disputed")
    return ", ".join(words)


def _ended(attempt: Attempt) -> bool:
    return attempt.state is AttemptState.CLOSED


def _dollars(micros: int | None) -> str | None:
    return None if micros is None else format_dollars(micros).removeprefix("$")
