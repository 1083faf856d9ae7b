"""What a reseller's answers come to: an accepted job, a refusal, a job's state with its clip and what it took. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from providers import contract as c
from providers.contract import NothingMade, Reply, Unreadable, Why
from providers.reseller import words
from providers.reseller.money import charge_of
from providers.reseller.places import first, link_in, look
from providers.reseller.settings import Wire
from providers.toolbox import Node, read_json, retry_after_s

NOTHING_MADE: Final[Mapping[str, NothingMade]] = {
    "said_200": NothingMade(200, "kie.ai's error table: the HTTP status is 200 for most failures, only `code` counts"),
    "said_500": NothingMade(500, "CometAPI: 500 `invalid_request` is bad input; new-api: no channel was found to ask"),
    "said_503": NothingMade(503, "new-api: `model_not_found`, `system_*_overloaded` come before any channel is asked"),
}  # fmt: skip
GONE: Final = ("not exist", "not found", "no such", "is null", "task_not_exist")
EXPIRES_MAX_S: Final = 2**40


class Look(Struct, frozen=True):
    """One answer to a poll. `document` is there where the answer speaks of the job."""

    verdict: c.PollVerdict | None  # None: done, and the clip's place is still to be found
    document: Node


def ok(wire: Wire, reply: Reply, document: Node) -> bool:
    """Whether the answer says success, by HTTP's status and, where the reseller has one, by the body's own."""
    return 200 <= reply.status < 300 and _body_ok(wire, document) and document["success"].raw is not False


def _body_ok(wire: Wire, document: Node) -> bool:
    if wire.ok is None:
        return True
    said = look(document, wire.ok.at).raw
    return said is None or any(said == value and type(said) is type(value) for value in wire.ok.values)


def ident_of(wire: Wire, document: Node) -> str:
    return first(document, wire.id_paths).ident()


def refusal(wire: Wire, reply: Reply) -> c.Refused:
    """Unreadable where the answer holds no error in any form that is known."""
    document = read_json(reply)
    said = words.said_in(document)
    if not said.codes and not said.message:
        raise Unreadable(f"HTTP {reply.status} without an error")
    status = _own_status(wire, reply, document)
    return c.Refused(
        why=words.why_of(wire.errors, said, status),
        message=said.message,
        retry_after_s=retry_after_s(reply),
        proof=_proof(wire, reply, document, said),
    )


def _own_status(wire: Wire, reply: Reply, document: Node) -> int:
    """The body's number instead of a 200 that does not mean it."""
    code = look(document, wire.ok.at).raw if wire.ok is not None else None
    return code if type(code) is int and reply.status == 200 and 300 <= code < 600 else reply.status


def _proof(wire: Wire, reply: Reply, document: Node, said: words.Said) -> str | None:
    """What proves that nothing was made although HTTP's status does not."""
    if reply.status == 200 and wire.ok is not None:
        code = look(document, wire.ok.at).raw
        refused = type(code) is int and ((400 <= code < 500 and code != 408) or code in wire.ok.made_nothing)
        return "said_200" if refused else None
    listed = reply.status in (500, 503) and any(code in wire.errors.made_nothing for code in said.codes)
    return f"said_{reply.status}" if listed else None


def taken(wire: Wire, reply: Reply) -> str | c.Refused:
    """The id of the job that was made, or the refusal."""
    if not 200 <= reply.status < 300:
        return refusal(wire, reply)
    document = read_json(reply)
    return ident_of(wire, document) if ok(wire, reply, document) else refusal(wire, reply)


def look_at(wire: Wire, reply: Reply) -> Look:
    """What a poll's answer says, as far as it says it alone."""
    about_job = 200 <= reply.status < 300 or reply.status in wire.poll.statuses
    document = read_json(reply)
    # Such a status may stand in the body once more, beside the task.
    fine = reply.status in wire.poll.statuses or _body_ok(wire, document)
    told = about_job and fine and words.state_word(wire, document) is not None
    if not told:
        return Look(unasked(wire, reply), document)
    match words.state_of(wire, document):
        case "running":
            running = c.Running(words.progress_of(wire, document), words.odd_word(wire, document))
            return Look(running, document)
        case "failed":
            return Look(failed(wire, document), document)
        case _:
            return Look(None, document)


def unasked(wire: Wire, reply: Reply) -> c.Refused:
    """A refused poll. A job that goes wrong says so in its state: here an error speaks of the question."""
    refused = refusal(wire, reply)
    gone = any(word in refused.message.lower() for word in GONE)
    if refused.why in (Why.INVALID, Why.BLOCKED):
        return replace(refused, why=Why.NOT_FOUND if gone else Why.INTERNAL)
    return refused


def failed(wire: Wire, document: Node) -> c.Broken:
    said = words.job_error(wire.errors, document)
    return c.Broken(
        why=words.why_failed(wire.errors, said),
        message=said.message,
        # Where the price is given back, the record keeps saying what was taken at first.
        charged=None if wire.failed_jobs_free else charge_of(wire.charge, document),
    )


def finished(wire: Wire, document: Node) -> c.Finished | c.Broken | None:
    """A job that is done: its clip, or why there is none, which is not free: the vendor says that it did it. None where
    the clip's place has to be asked for."""
    charged = charge_of(wire.charge, document)
    if wire.result.blocked_at is not None and look(document, wire.result.blocked_at).raw is True:
        return c.Broken(why=Why.BLOCKED, message="the clip was blocked", charged=charged, free=False)
    link = link_of(wire, document)
    said = words.job_error(wire.errors, document)
    wrong = said.message and not said.message.startswith(("http", "[link", "data:"))
    if wrong and link is None and (said.codes != ("0",)):
        return c.Broken(why=words.why_failed(wire.errors, said), message=said.message, charged=charged, free=False)
    for way in wire.result.order:
        # A clip inside the answer would have to be kept in the record: better from a path, where there is one.
        if way == "url" and link is not None and link.startswith("data:") and "content" in wire.result.order:
            continue
        if way == "content" or (way == "url" and link is not None):
            return c.Finished(assets=(remote(wire, document, None if way == "content" else link),), charged=charged)
        if way == "artifacts":
            return None
    return c.Broken(why=Why.INTERNAL, message="done without a clip", charged=charged, free=False)


def link_of(wire: Wire, document: Node) -> str | None:
    found = (link_in(look(document, place)) for place in wire.result.url_paths)
    return next((link for link in found if link is not None), None)


def remote(wire: Wire, document: Node, link: str | None) -> c.Remote:
    until_s = first(document, wire.result.expires_paths).raw
    known = isinstance(until_s, int) and not isinstance(until_s, bool) and 0 < until_s < EXPIRES_MAX_S
    return c.Remote(link=link, expires_ms=int(str(until_s)) * 1000 if known else None)


def artifact_link(reply: Reply) -> str | None:
    """The clip among a task's artifacts; None where it is not there yet."""
    if not 200 <= reply.status < 300:
        return None
    listed = read_json(reply)["artifacts"]
    found = listed if isinstance(listed.raw, list) else ()
    return next((link_in(one["content_url"]) for one in found if one["type"].raw == "video"), None)


def further(one: c.PollVerdict, other: c.PollVerdict) -> c.PollVerdict:
    """Of two answers about one job, the one that knows more: an end before a state, a state before an error."""

    def rank(verdict: c.PollVerdict) -> int:
        if isinstance(verdict, c.Finished | c.Broken):
            return 2
        return 1 if isinstance(verdict, c.Running) else 0

    return other if rank(other) > rank(one) else one
