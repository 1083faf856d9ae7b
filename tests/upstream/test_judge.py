"""How far an adapter's word goes, beyond what the tests over the wire show."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gateway.domain.verdicts import InDoubt, NoAnswer, NotSent
from gateway.upstream import judge
from gateway.upstream.driver import WORDS
from gateway.upstream.judge import Facts
from providers.contract import (
    Accepted,
    Account,
    Broken,
    CannotTell,
    Exactly,
    NothingMade,
    NotReceived,
    Probably,
    Refused,
    Reply,
    Why,
)

PROOFS = {"gone": NothingMade(status=404, source="docs")}


def reply(status: int, body: bytes = b"{}") -> Reply:
    return Reply(status, {}, body)


@pytest.mark.parametrize(
    ("last", "believed"),
    [
        (reply(200), True), (reply(200, b"[]"), True), (reply(404), True), (reply(410), True),
        (reply(200, b""), False), (reply(200, b"<html>"), False), (reply(500), False), (reply(302), False),
        (reply(401), False), (reply(400), False), (reply(404, b"not found"), False), (None, False),
    ],
)  # fmt: skip
def test_not_received_needs_the_vendors_own_list(last: Reply | None, believed: bool) -> None:
    """Money is given back for it: no page, no error and no silence says so."""
    verdict = judge.search(NotReceived(), Facts(last=last), {})
    assert verdict == NotReceived() if believed else isinstance(verdict, NoAnswer)


@pytest.mark.parametrize("verdict", [Exactly({"id": "1"}), Probably(({"id": "1"},)), CannotTell("x")])
def test_other_finds_pass(verdict: Any) -> None:
    """They give nothing back."""
    assert judge.search(verdict, Facts(last=reply(500)), {}) == verdict


@pytest.mark.parametrize("why", list(Why))
def test_a_poll_may_end_a_job_with_a_declared_proof(why: Why) -> None:
    """A vendor whose "unknown job" is no JSON says so in `nothing_made`."""
    verdict = Refused(why=why, proof="gone")
    assert judge.look(verdict, Facts(last=reply(404, b"no such job")), PROOFS) == verdict


def test_a_refusal_of_class_unreadable_is_never_believed() -> None:
    """An adapter that could not read an answer cannot know that nothing was made."""
    facts = Facts(started=True, status=400, starter=reply(400))
    assert judge.submission(Refused(why=Why.UNREADABLE), facts, {}) == InDoubt(
        "refused in a way that does not prove that nothing was made", 400
    )


def test_an_unknown_proof_proves_nothing() -> None:
    """It must be declared."""
    facts = Facts(started=True, status=500, starter=reply(500))
    assert isinstance(judge.submission(Refused(why=Why.INTERNAL, proof="mine"), facts, PROOFS), InDoubt)


@pytest.mark.parametrize(
    ("last", "believed"),
    [
        (reply(200, b'{"data": []}'), True), (reply(404, b'{"detail": "none"}'), True), (None, True),
        (reply(200, b"<html>"), False), (reply(200, b""), False), (reply(200, b"null"), False),
        (reply(200, b"[]"), False), (reply(200, b"{}"), False), (reply(404, b"no such page"), False),
    ],
)  # fmt: skip
def test_an_account_needs_an_answer_that_says_something(last: Reply | None, believed: bool) -> None:
    """A page, or nothing at all, does not show that a credential is right."""
    told = judge.account(Account(), Facts(last=last), PROOFS)
    assert isinstance(told, Account if believed else NoAnswer)


def test_without_a_byte_there_is_no_doubt() -> None:
    """And with one there is."""
    assert judge.without_verdict(Facts(started=True), "x") == NotSent("x")
    assert judge.without_verdict(Facts(started=True, sent=True, status=502), "x") == InDoubt("x", 502)


@pytest.mark.parametrize(
    ("verb", "verdict"),
    [
        ("submit", None), ("submit", Broken(why=Why.INTERNAL)), ("poll", Accepted({"id": "1"})),
        ("find", Accepted({"id": "1"})), ("submit", Accepted({})), ("submit", Accepted(cast(Any, "job_1"))),
        ("submit", Accepted({"id": cast(Any, object())})), ("find", Exactly({})),
        ("find", Probably(tuple([{"id": number} for number in range(101)]))), ("find", Probably(({},))),
    ],
)  # fmt: skip
def test_a_verdict_must_fit_its_verb(verb: str, verdict: Any) -> None:
    """And a ref must be a small JSON object."""
    with pytest.raises((AssertionError, TypeError)):
        judge.sound(verb, verdict)


def test_every_verdict_has_a_word_for_the_metrics() -> None:
    """A closed list, in one form."""
    names = {kind.__name__ for kinds in judge.VERDICTS.values() for kind in kinds}
    assert names <= WORDS.keys()
    assert WORDS["InDoubt"] == "in_doubt"
    assert len(set(WORDS.values())) == len(WORDS)
