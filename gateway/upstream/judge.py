"""What a call proves: from what happened on the wire and what the adapter said, to what the gateway may believe.

Pure. An adapter reads replies; how far its reading is trusted is decided here, once for all vendors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast, get_args

import msgspec

from gateway.domain.verdicts import TAXONOMY, AtPoll, InDoubt, NoAnswer, NotSent
from gateway.upstream.replies import readable
from providers.contract import (
    Account,
    AccountVerdict,
    Call,
    CancelVerdict,
    CharacterVerdict,
    FindVerdict,
    LoadVerdict,
    NothingMade,
    NotReceived,
    PollVerdict,
    ProbeVerdict,
    Refused,
    Reply,
    SubmitVerdict,
    Why,
)
from providers.toolbox import clean

REF_BYTES_MAX = 4096
REFS_MAX = 100
SECRET_CHARS_MIN = 8  # signing also adds words such as `Bearer`, versions and dates

Verdict: TypeAlias = (
    "SubmitVerdict | PollVerdict | CancelVerdict | FindVerdict | CharacterVerdict | AccountVerdict | LoadVerdict"
    " | ProbeVerdict"
)
Proofs: TypeAlias = Mapping[str, NothingMade]

# What a flow of each verb may return, and whether it may start work.
VERDICTS: dict[str, tuple[type, ...]] = {
    "submit": get_args(SubmitVerdict),
    "resend": get_args(SubmitVerdict),
    "poll": get_args(PollVerdict),
    "cancel": get_args(CancelVerdict),
    "find": get_args(FindVerdict),
    "character": get_args(CharacterVerdict),
    "account": get_args(AccountVerdict),
    "probe": get_args(ProbeVerdict),
    "load": get_args(LoadVerdict),
}
STARTING_VERBS = frozenset({"submit", "resend", "character"})

_LINK = re.compile(r"\b(?:https?|wss?|data):\S+", re.IGNORECASE)


@dataclass(slots=True)
class Facts:
    """What is known of one flow so far."""

    started: bool = False  # the call that starts work was asked for
    sent: bool = False  # and a byte of it left
    status: int | None = None  # how it was answered
    starter: Reply | None = None  # its reply, read to the end
    last: Reply | None = None  # the latest reply of all
    signings: list[tuple[Call, Call]] = field(default_factory=list)  # each call before and after it was signed


class NoVerdict(Exception):
    """A flow that ended without an answer. `bug`: the adapter broke its contract, which is not the vendor's fault."""

    def __init__(self, what: str, why: Why, *, bug: bool = False) -> None:
        super().__init__(what)
        self.why = why
        self.bug = bug


def sound(verb: str, verdict: object) -> Verdict:
    """The verdict, if it is one that this verb may have. AssertionError for an adapter's slip."""
    assert isinstance(verdict, VERDICTS[verb]), f"{verb} cannot end with {type(verdict).__name__}"
    refs = _refs(verdict)
    assert len(refs) <= REFS_MAX, "too many candidates"
    for ref in refs:
        assert isinstance(ref, dict) and ref, "a ref is a JSON object with something in it"
        assert len(msgspec.json.encode(ref)) <= REF_BYTES_MAX, "a ref is at most 4 KB"
    return cast(Verdict, verdict)


def submission(verdict: Verdict, facts: Facts, proofs: Proofs) -> Verdict | InDoubt:
    """What is believed of a submission's verdict.

    Before the call that starts work every refusal is what it says. After it only a readable 4xx, or a proof that the
    adapter declares, shows that nothing was made.
    """
    if not isinstance(verdict, Refused):
        # A clip from a flow that never said "this call starts work": whatever made it was not fenced by `send_by`.
        return verdict if facts.started else InDoubt("the adapter accepted without a call that starts work")
    if not facts.started:
        return verdict
    reply = facts.starter
    if reply is not None and (_proven(verdict, reply, proofs) or _plain_refusal(verdict, reply)):
        return verdict
    return InDoubt("refused in a way that does not prove that nothing was made", facts.status)


def look(verdict: Verdict, facts: Facts, proofs: Proofs) -> Verdict | NoAnswer:
    """What is believed of a poll's verdict: a job ends or is lost only by the word of the vendor, not by a page of a
    proxy in front of it."""
    if not isinstance(verdict, Refused) or TAXONOMY[verdict.why].at_poll not in (AtPoll.END, AtPoll.LOST):
        return verdict
    if facts.last is None or readable(facts.last) or _proven(verdict, facts.last, proofs):
        return verdict
    return NoAnswer("an answer that is not the vendor's own", Why.UNREADABLE)


def search(verdict: Verdict, facts: Facts, proofs: Proofs) -> Verdict | NoAnswer:
    """What is believed of a find's verdict: money is given back for `NotReceived`, so a real list must have said it."""
    if isinstance(verdict, NotReceived) and not (readable(facts.last) and _conclusive(facts.last)):
        return NoAnswer("an empty list that is not the vendor's own", Why.UNREADABLE)
    return verdict


def account(verdict: Verdict, facts: Facts, proofs: Proofs) -> Verdict | NoAnswer:
    """What is believed of a look at an account: only an answer that says something shows that a credential is right."""
    if isinstance(verdict, Account) and facts.last is not None and not _says_something(facts.last):
        return NoAnswer("an answer that is not the vendor's own", Why.UNREADABLE)
    return verdict


def as_said(verdict: Verdict, facts: Facts, proofs: Proofs) -> Verdict:
    return verdict


def without_verdict(facts: Facts, message: str) -> NotSent | InDoubt:
    """What a submission is that brought no verdict: free only if not a byte of the call that starts work left."""
    if not facts.sent:
        return NotSent(message)
    return InDoubt(message, facts.status)


def redacted(verdict: Any, signings: Sequence[tuple[Call, Call]]) -> Any:
    """The verdict with the vendor's sentence fit to be kept: no credential that it echoes, no link, bounded."""
    message = getattr(verdict, "message", "")
    if not message:
        return verdict
    for secret in sorted(secrets_of(signings), key=len, reverse=True):
        message = _hidden(message, secret)
    return msgspec.structs.replace(verdict, message=clean(_LINK.sub("[link]", message)))


def _hidden(message: str, secret: str) -> str:
    """Also where an adapter clipped the sentence in the midst of the secret."""
    message = message.replace(secret, "[secret]")
    clipped = (secret[:length] for length in range(len(secret) - 1, SECRET_CHARS_MIN - 1, -1))
    tail = next((start for start in clipped if message.endswith(start)), "")
    return message.removesuffix(tail) + "[secret]" if tail else message


def secrets_of(signings: Iterable[tuple[Call, Call]]) -> set[str]:
    """The values that signing added, and the words in them: `Bearer abc` hides `abc`, `Key a:b` both halves."""
    found: set[str] = set()
    for plain, signed in signings:
        for before, after in ((plain.headers, signed.headers), (dict(plain.query), dict(signed.query))):
            added = [value for name, value in after.items() if before.get(name) != value]
            words = {word for value in added for word in (value, *value.split(), *re.split(r"[\s:]", value))}
            found.update(word for word in words if len(word) >= SECRET_CHARS_MIN)
    return found


def _plain_refusal(verdict: Refused, reply: Reply) -> bool:
    own = 400 <= reply.status < 500 and reply.status != 408
    return own and verdict.why is not Why.UNREADABLE and readable(reply)


def _proven(verdict: Refused, reply: Reply, proofs: Proofs) -> bool:
    proof = proofs.get(verdict.proof) if verdict.proof is not None else None
    return proof is not None and proof.status == reply.status


def _says_something(reply: Reply) -> bool:
    return readable(reply) and bool(msgspec.json.decode(reply.body))


def _conclusive(reply: Reply | None) -> bool:
    return reply is not None and (200 <= reply.status < 300 or reply.status in (404, 410))


def _refs(verdict: Any) -> tuple[Any, ...]:
    many = getattr(verdict, "refs", None)
    if many is not None:
        return tuple(many)
    one = getattr(verdict, "ref", None)
    return () if one is None else (one,)
