"""What a look at an account finds, what a balance is worth, and what it lets be held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.accounts import (
    Finding,
    asks,
    cap_micros,
    decode_standing,
    encode_standing,
    figure,
    finding_of,
    standing_of,
)
from gateway.domain.verdicts import NoAnswer
from providers.contract import BILLION, Account, AccountVerdict, Charge, Flow, Refused, Unit, Why
from providers.mock import Mock
from tests.support.dialogs import build

MICROS = st.integers(0, 10**12)


@pytest.mark.parametrize("why", list(Why))
def test_every_refusal_says_what_to_look_at(why: Why) -> None:
    """A vendor that refuses was reached; only one that says so refuses the credential."""
    finding = finding_of(Refused(why=why))
    assert finding.reached and finding.problem
    assert (finding.credential == "refused") == (why is Why.UNAUTHORISED)
    silent = finding_of(NoAnswer("", why))
    assert silent.problem and silent.reached == (why is not Why.OVERLOADED)


def test_an_account_that_answers_is_told_as_it_is() -> None:
    balance = Charge("12.5")
    said = finding_of(Account(balance=balance, models=("a",)))
    assert said == Finding(reached=True, credential="accepted", balance=balance, models=("a",))


@pytest.mark.parametrize(
    ("amount", "unit", "rates", "micros"),
    [
        ("12.5", Unit.USD, (), 12_500_000),
        ("952", Unit.CREDITS, (BILLION // 100, BILLION // 50, None), 9_520_000),  # the lowest worth counts
        ("952", Unit.CREDITS, (None,), None),
        ("0", Unit.CREDITS, (), 0),
        ("-3", Unit.USD, (), 0),
        ("90", Unit.SECONDS, (BILLION,), None),
    ],
)
def test_a_balance_is_worth_what_is_known(
    amount: str, unit: Unit, rates: tuple[int | None, ...], micros: int | None
) -> None:
    standing = standing_of(Charge(amount, unit), rates, 7)
    assert standing is not None and standing.micros == micros
    assert decode_standing(encode_standing(standing)) == standing and figure(standing) == float(amount)
    assert decode_standing(b'{"at_ms": "x"}') is None


@given(st.text() | st.from_regex(r"-?[0-9.e+]{1,40}"))
def test_what_is_no_number_is_no_balance(amount: str) -> None:
    """And what is one can be shown."""
    standing = standing_of(Charge(amount), (), 7)
    assert standing is None or standing.micros == 0 or figure(standing) > 0


@given(worth=MICROS, keep=MICROS, settled=MICROS, held=MICROS, price=MICROS)
def test_no_new_hold_brings_more_than_the_balance_to_be_held(
    worth: int, keep: int, settled: int, held: int, price: int
) -> None:
    """And a balance that sinks is never an overrun by itself."""
    cap = cap_micros(worth, keep, settled_micros=settled, held_micros=held)
    assert settled + held <= cap
    admitted = settled + held + price <= cap
    assert not admitted or price == 0 or held + price <= max(0, worth - keep)


def test_an_adapter_that_asks_nothing_is_known_without_a_call() -> None:
    assert asks(build("mock", {})) and asks(build("openai", {}))
    assert not asks(Silent(Mock.Settings.model_validate({}), None))


class Silent(Mock):
    """A vendor with nothing to ask for at no cost."""

    def account(self) -> Flow[AccountVerdict]:
        yield from ()
        return Account()
