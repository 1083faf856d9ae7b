"""`telecine doubts`: submissions of which nobody knows whether they arrived, and an operator's word about one."""

from __future__ import annotations

import os
import time
from typing import Final

import click
import msgspec

from gateway.cli.failure import Failure
from gateway.cli.ledger_word import sane
from gateway.cli.options import Place, Whole, json_option, option, place_options
from gateway.cli.output import print_json, print_table, utc
from gateway.cli.storing import with_store
from gateway.cli.who import who
from gateway.domain import doubts
from gateway.domain.money import format_dollars, format_usd
from gateway.domain.orphans import bound
from gateway.domain.rulings import Misruled, Ruling
from gateway.domain.videos import FINAL, Attempt, AttemptState, Video, attempt_id
from gateway.store.store import Store
from gateway.work.presumptions import presumptions
from gateway.work.rule import Ruled, find_attempt, rule
from providers.contract import Json, Ref

COLUMNS: Final = ("attempt", "route", "sent", "age", "stake", "until", "candidates")
DAY_MS: Final = 86_400_000
DECIDED: Final = "doubt.decided"
REF_CHARS_MAX: Final = 4_096


@click.group("doubts")
def command() -> None:
    """List submissions of which nobody knows whether they arrived, and say what became of one.

    A call that broke off may have reached its vendor. The gateway finds out what it can: it sends again where the
    vendor honours keys, and looks for the job where the vendor lists them. What is left waits until its video's
    deadline, and is then booked as presumed, unless somebody looks at the vendor's own pages and says what is there.
    """


@command.command("list")
@option("--presumed", is_flag=True, help="List what was booked without proof instead, and nobody has corrected.")
@option("--days", type=Whole(1, 400), default=7, show_default=True, help="With --presumed: of so many days.")
@json_option
@place_options
def list_(*, presumed: bool, days: int, json: bool, place: Place) -> None:
    """List every submission in doubt: since when, until when it waits, what is at stake, and the jobs that a find took
    for probably this one.

    \b
    EXAMPLES
      telecine doubts list
      telecine doubts list --presumed --days 30 --json
    """

    async def look(store: Store) -> tuple[list[tuple[Video, Attempt]], bool]:
        if presumed:
            return await presumptions(store, since_ms=_now_ms() - days * DAY_MS)
        found = await store.doubtful()
        return [(video, one) for video in found.videos for one in doubts.of_video(video)], found.whole

    found, whole = with_store(place, look)
    if json:
        print_json(*(_facts(*one) for one in found))
    elif found:
        print_table(COLUMNS, [_row(*one) for one in found])
    else:
        click.echo("nothing was presumed" if presumed else "nothing is in doubt")
    if not whole:
        click.echo("there are more than are shown; decide some of these first", err=True)


@command.command("decide")
@click.argument("attempt")
@option("--received", is_flag=True, help="The vendor has it.")
@option("--not-received", is_flag=True, help="It never arrived: nothing was made, and it is free.")
@option("--ref", default=None, metavar="JSON", help="With --received: the vendor's job, as `list --json` shows refs.")
@option("--reason", default="decided by an operator", show_default=True, help="Stands in the record.")
@json_option
@place_options
def decide(
    attempt: str, *, received: bool, not_received: bool, ref: str | None, reason: str, json: bool, place: Place
) -> None:
    """Say what became of ATTEMPT. The running gateway acts on it at once.

    What was received is polled as any other job: its clip is the client's where the video still waits for it, else it
    is stopped if that can be done, and booked. What was not received is free, and the video goes on to its next route.
    Of what was booked as presumed already, only the books are corrected.

    \b
    EXAMPLES
      telecine doubts decide video_0123456789abcdef….1 --not-received --reason "not on their dashboard"
      telecine doubts decide video_0123456789abcdef….1 --received --ref '{"id": "video_4711"}'
    """
    if received == not_received or (ref is not None and not received):
        raise click.UsageError("say --received, with --ref or without, or --not-received")
    said = sane(reason)
    known = None if ref is None else _read_ref(ref)
    ruling = _ruling(known, said, received=received)

    async def take(store: Store) -> Ruled:
        await _refuse_taken(store, attempt, known)
        ruled = await rule(store, attempt, ruling, random=os.urandom)
        what = "received" if received else "not received"
        told = {"attempt": attempt, "text": f"{what}, by {who()}: {said}"}
        await store.announce(DECIDED, told, once=os.urandom(12).hex())  # beside the record, which keeps it as well
        return ruled

    try:
        ruled = with_store(place, take)
    except Misruled as error:
        raise Failure(str(error)) from error
    if json:
        print_json({"attempt": attempt, "received": received, "state": ruled.after.state.value})
    else:
        click.echo(f"{attempt}: {'received' if received else 'not received'}; {_consequence(ruled, received=received)}")


def _ruling(ref: Ref | None, reason: str, *, received: bool) -> Ruling:
    if received:
        return doubts.received(ref, by=who(), now_ms=_now_ms(), reason=reason)
    return doubts.not_received(by=who(), now_ms=_now_ms(), reason=reason)


async def _refuse_taken(store: Store, name: str, ref: Ref | None) -> None:
    """A vendor's job belongs to one attempt for ever."""
    if ref is None:
        return
    video, attempt = await find_attempt(store, name)
    job = bound(video, attempt, ref)
    owner = await store.attempt_of_ref(job.account, job.ref)
    if owner not in (None, name):
        raise Misruled(f"that job of the vendor belongs to {owner}")


def _consequence(ruled: Ruled, *, received: bool) -> str:
    if ruled.after.state is AttemptState.DOUBTFUL:
        return "the gateway acts on it as soon as it runs"
    before, after = format_dollars(ruled.before.cost_micros), format_dollars(ruled.after.cost_micros)
    return f"it stays booked at {after}" if received else f"it is booked at {after} now, before at {before}"


def _facts(video: Video, attempt: Attempt) -> dict[str, Json]:
    word = attempt.word
    return {
        "attempt": attempt_id(video.id, attempt.ordinal),
        "route": attempt.route,
        "provider": attempt.provider,
        "project": video.project,
        "video_state": video.state.value,
        "sent_at": utc(attempt.sent_ms),
        "until": utc(_until_ms(video, attempt)) if attempt.state is AttemptState.DOUBTFUL else None,
        "at_stake_usd": format_usd(_stake_micros(attempt)),
        "message": attempt.message or None,
        "empty_finds": attempt.empty_finds,
        "candidates": [dict(one) for one in attempt.candidates],
        "word": None if word is None else ("received" if word.received else "not received"),
    }


def _row(video: Video, attempt: Attempt) -> dict[str, Json]:
    facts = _facts(video, attempt)
    refs = " ".join(msgspec.json.encode(one).decode() for one in attempt.candidates)
    age_s = max(0, _now_ms() - attempt.sent_ms) // 1_000
    return facts | {
        "sent": facts["sent_at"],
        "age": f"{age_s // 3_600}:{age_s // 60 % 60:02d}:{age_s % 60:02d}",
        "stake": format_dollars(_stake_micros(attempt)),
        "candidates": "".join(char if char.isprintable() else "?" for char in refs),
    }


def _stake_micros(attempt: Attempt) -> int:
    return attempt.cost_micros if attempt.state is AttemptState.CLOSED else attempt.price_micros


def _until_ms(video: Video, attempt: Attempt) -> int:
    followed = attempt.abandoned or video.state in FINAL
    return attempt.follow_until_ms if followed else video.deadline_ms


def _read_ref(text: str) -> Ref:
    try:
        ref = msgspec.json.decode(text, type=dict)
    except (msgspec.DecodeError, ValueError):
        ref = {}
    if not ref or len(text) > REF_CHARS_MAX:
        raise click.BadParameter('write a JSON object, such as {"id": "video_4711"}', param_hint="--ref")
    return ref


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
