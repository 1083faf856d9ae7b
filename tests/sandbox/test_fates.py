"""Directives: what they mean, where they hold, what is said of a wrong one."""

from __future__ import annotations

import re

import pytest

from gateway.sandbox.fates import (
    CLASSES,
    DIRECTIVES,
    WrongDirective,
    by_default,
    in_name,
    in_prompt,
    manual,
    without_directives,
)
from providers.contract import Why
from providers.mock import CODES


def never(_: str) -> float:
    raise AssertionError("nothing to roll for")


@pytest.mark.parametrize(
    ("prompt", "fate"),
    [
        ("a boat", {}),
        ("a [mock:fast] boat", {"time": "0", "queue": "0"}),
        ("a [mock:slow] boat", {"time": "60"}),
        ("a [mock:slow=30] boat", {"time": "30"}),
        ("a [mock:time=0.2,queue=1] boat", {"time": "0.2", "queue": "1"}),
        ("[mock:refuse] a boat", {"refuse": "invalid"}),
        ("[mock:block] a boat", {"refuse": "blocked"}),
        ("[mock:block=halfway] a boat", {"break": "blocked"}),
        ("[mock:throttle=2][mock:cut]", {"throttle": "2", "cut": "1"}),
        ("[mock: break ] a boat", {"break": "internal"}),
        ("[mock:charge=1.25] a boat", {"charge": "1.25"}),
        ("[mock] a [mock boat: fast]", {}),
    ],
)
def test_a_prompt_says_what_shall_happen(prompt: str, fate: dict[str, str]) -> None:
    """Several directives may stand in one pair of brackets or in several."""
    assert in_prompt(prompt, ("sora-2", "")) == fate


def test_a_directive_may_aim_at_one_route() -> None:
    """By the upstream model or by the name that the provider gives itself; others go on unharmed."""
    prompt = "[mock@sora-2-pro:break] [mock@second:refuse=overloaded] [mock:fast] a boat"
    fast = {"time": "0", "queue": "0"}
    assert in_prompt(prompt, ("sora-2", "")) == fast
    assert in_prompt(prompt, ("sora-2-pro", "")) == {"break": "internal", **fast}
    assert in_prompt(prompt, ("sora-2", "second")) == {"refuse": "overloaded", **fast}


@pytest.mark.parametrize("word", ["brek", "break=sometimes", "time", "time=-1", "throttle=x", "charge=much", ""])
def test_a_wrong_directive_is_an_error(word: str) -> None:
    """A misspelt fate that silently does nothing would make a test pass for the wrong reason."""
    prompt = f"[mock:fast,{word}] a boat"
    with pytest.raises(WrongDirective) as caught:
        in_prompt(prompt, ())
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("nonsense", "unknown directive 'nonsense'; there are: fast, "),
        ("block=late", "'block=late' is not block[=now|halfway]: stopped by "),
        ("slow=abc", "'slow=abc' is not slow[=SECONDS]: rendering takes so many seconds (SECONDS is 0 to 99999.999)"),
        ("break=bad", "(CLASS is invalid, blocked, "),
        ("time", "'time' is not time=SECONDS: "),
    ],
)
def test_a_wrong_directive_is_told_what_would_work(word: str, sentence: str) -> None:
    """The form, what it does, and what may stand in it."""
    with pytest.raises(WrongDirective) as caught:
        in_prompt(f"[mock:{word}]", ())
    assert sentence in str(caught.value)


@pytest.mark.parametrize("word", ["alice-canary", "slow=canary", "break=canary", "canary=5", "Anna Canary"])
def test_what_is_logged_names_directives_alone(word: str) -> None:
    """Whatever stands in the brackets is a piece of a prompt, and a prompt is in no log."""
    for orders in (in_prompt, in_name):
        with pytest.raises(WrongDirective) as caught:
            orders(f"[mock:{word}]", ("",))
        assert "canary" not in caught.value.logged.lower()
        assert "there are: " in caught.value.logged or " is not " in caught.value.logged


@pytest.mark.parametrize("word", ["Anna Canary of 5 Canary Lane", "slow=Canary Lane"])
def test_what_has_no_form_of_a_directive_is_not_repeated(word: str) -> None:
    """A vendor's sentence is kept with the attempt."""
    with pytest.raises(WrongDirective) as caught:
        in_prompt(f"[mock:{word}]", ())
    assert "Canary" not in str(caught.value)


def test_a_character_s_name_takes_what_can_happen_to_one() -> None:
    """What could do nothing to a character is a wrong directive, not a silent one."""
    assert in_name("Otto [mock:throttle=2,slow=3]", ("",)) == {"throttle": "2", "time": "3"}
    assert in_name("Otto [mock:block]", ("",)) == {"refuse": "blocked"}
    assert in_name("Otto [mock@second:refuse]", ("",)) == {}
    assert in_name("Otto [mock@second:refuse]", ("second",)) == {"refuse": "invalid"}
    for wrong in ("forget", "break", "block=halfway", "brek"):
        with pytest.raises(WrongDirective):
            in_name(f"[mock:{wrong}]", ("",))


def test_the_picture_does_not_show_directives() -> None:
    """The caption is the prompt without them."""
    assert without_directives("A [mock:fast] paper [mock@sora-2:break]boat ") == "A paper boat"


def test_a_default_fate_comes_with_its_probability() -> None:
    """Rolled once per word; without a number it always holds."""
    rolls = {"break": 0.09, "slow=30": 0.3, "lose-reply": 0.999}
    assert by_default("break:0.1 slow=30:0.25 lose-reply", rolls.__getitem__) == {"break": "internal", "lose-reply": ""}
    assert by_default("", never) == {}
    for wrong in ("break:2", "break:", "brek:0.5", "break=internal;0.1"):
        with pytest.raises(WrongDirective):
            by_default(wrong, lambda _: 1.0)


def test_the_manual_names_every_directive() -> None:
    """What can be done is what `--help` prints."""
    lines = manual().partition("\n\n")[0].splitlines()
    assert [re.split(r"[=\[ ]", line.strip())[0] for line in lines] == list(DIRECTIVES)


def test_the_manual_says_what_may_stand_behind_a_directive() -> None:
    """Every word, every class, every range that is accepted, and what holds without an argument."""
    text = manual()
    for shown in ("block[=now|halfway]", "time=SECONDS", "refuse[=CLASS]", "break[=CLASS]", "charge=DOLLARS"):
        assert f"  {shown} " in text
    assert ", ".join(CLASSES) in text
    for most in ("time=99999.999", "throttle=999", "charge=999999.999999"):
        assert in_prompt(f"[mock:{most}]", ())
        assert f"0 to {most.partition('=')[2]}\n" in text
    for more in ("time=100000", "throttle=1000", "charge=1000000"):
        with pytest.raises(WrongDirective):
            in_prompt(f"[mock:{more}]", ())
    assert "[default: 60]" in text


def test_every_class_of_the_taxonomy_can_be_had() -> None:
    """The vendor's classes are the contract's, and the adapter reads each of its codes as that class."""
    assert set(CLASSES) == {why.value for why in Why}
    spoken = {code: kind for kind, (_, code, _) in CLASSES.items() if kind != "unreadable"}
    assert {code: why.value for code, why in CODES.items()} == spoken
