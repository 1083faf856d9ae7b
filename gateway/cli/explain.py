"""`telecine explain`: why a video is where it is, for a terminal or as JSON."""

from __future__ import annotations

from typing import Any, Final

import click

from gateway.cli.failure import Failure
from gateway.cli.options import Place, json_option, option, place_options
from gateway.cli.output import print_json
from gateway.cli.storing import with_store
from gateway.domain.explain import explain
from gateway.domain.ids import VIDEO_ID
from gateway.store.store import Store
from providers.contract import Json

HEAD: Final = ("project", "key", "reused_from", "retry_of", "created_at", "deadline_at", "completed_at", "strategy")
ROUTE: Final = frozenset({"rank", "kept", "route", "price_usd", "dropped", "skipped", "credit_usd_billionths"})
ATTEMPT: Final = frozenset({"attempt", "route", "state", "times", "message", "why"})


@click.command("explain")
@click.argument("video_id", metavar="ID")
@option("--prompt", is_flag=True, help="Show what the client wrote as well.")
@json_option
@place_options
def command(video_id: str, *, prompt: bool, json: bool, place: Place) -> None:
    """Tell why the video ID is where it is.

    Every route of its plan with the reason why it was kept, skipped or dropped; every attempt with its times, what the
    vendor said, and its money; the entries of the ledger.

    \b
    EXAMPLES
      telecine explain video_0123456789abcdef…
      telecine explain video_0123456789abcdef… --json
    """

    async def look(store: Store) -> dict[str, Json] | None:
        video = await store.read(video_id)
        if video is None:
            return None
        entries, whole = await store.entries_about(video_id, video.created_ms)
        return explain(video, entries, prompt=prompt) | {"entries_complete": whole}

    told = with_store(place, look) if VIDEO_ID.fullmatch(video_id) else None
    if told is None:
        raise Failure(f'no video has the id "{video_id}"')
    if json:
        print_json(told)
    else:
        click.echo("\n".join(map(_printable, lines(told))))


def lines(told: Any) -> list[str]:
    """`explain`'s data as text, a fact a line."""
    request = told["request"]
    written = f"a prompt of {request['prompt_chars']} characters"
    shown = [
        f"{told['id']}: {told['status']} ({told['state']})",
        f"  {request['model']}, {request['seconds']} s, {request['size']}, {written}",
        *_rest(request, frozenset({"model", "seconds", "size", "prompt_chars"})),
        *(f"  {name}: {told[name]}" for name in HEAD if name in told),
        *([f"  tags: {_words(told['tags'])}"] if told["tags"] else []),
        *([f"  cancel: {_words(told['cancel'])}"] if "cancel" in told else []),
        *([f"  waits for its turn at: {', '.join(told['waits_for'])}"] if "waits_for" in told else []),
        *([f"  error: {told['error']['code']}: {told['error']['message']}"] if "error" in told else []),
        "plan",
        *(f"  {_choice(one)}" for one in told["plan"]),
        "attempts",
    ]
    for one in told["attempts"]:
        shown += _attempt(one)
    shown += ["money", f"  {_words(told['money'])}", "ledger"]
    shown += [f"  {_entry(one)}" for one in told["entries"]]
    if not told["entries_complete"]:
        shown.append(
            "  some of its entries have left the ledger, or lie too far behind; telecine ledger export has all"
        )
    return shown


def _choice(one: Any) -> str:
    price = f" ${one['price_usd']}" if "price_usd" in one else ""
    if not one["kept"]:
        return f"-  {one['route']}{price}: dropped: it {one['dropped']}"
    why = [f"skipped: {one['skipped']}"] if "skipped" in one else []
    why += [_words({name: value for name, value in one.items() if name not in ROUTE})]
    reasons = ", ".join(word for word in why if word)
    return f"{one['rank']}. {one['route']}{price}{': ' + reasons if reasons else ''}"


def _attempt(one: Any) -> list[str]:
    end = ": ".join(one[name] for name in ("why", "message") if name in one)
    times = _words(one["times"])
    facts = _words({name: value for name, value in one.items() if name not in ATTEMPT})
    return [
        f"  {one['attempt']} at {one['route']}: {one['state']}{', ' + end if end else ''}",
        f"    {times}",
        f"    {facts}",
    ]


def _entry(one: Any) -> str:
    marks = [mark for mark in ("presumed", "on_house") if one.get(mark)]
    words = [
        f"{one['kind']} ${one['amount_usd']} of {one['entry']}",
        *marks,
        *([one["reason"]] if "reason" in one else []),
    ]
    return f"{one['at']} {', '.join(words)}"


def _rest(facts: Any, known: frozenset[str]) -> list[str]:
    return [f"  {name}: {value}" for name, value in facts.items() if name not in known]


def _words(facts: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def _printable(line: str) -> str:
    """What a vendor or a client wrote moves no cursor."""
    return "".join(char if char.isprintable() else "?" for char in line)
