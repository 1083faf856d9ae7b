"""What people type wrongly into the commands about money: refused in a sentence, and nothing was changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.telecine import objects, telecine

SHIPPED = Path(__file__).parents[2] / "config.yaml"
NO_AMOUNTS = [
    "+1",
    "-0.5",
    "NaN",
    "inf",
    "1e3",
    "",
    " 1",
    "\uff11",
    "0.0000001",
    ".5",
    "5.",
    "0x10",
    "1_000",
    "1,000",
    "$5",
]
TOO_MUCH = ["9007199254.740992", "9999999999"]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A place with one project; when the tests are over, nothing else is there: no cap, no limit, no key."""
    folder = tmp_path_factory.mktemp("bad")
    shutil.copy(SHIPPED, folder / "config.yaml")
    assert telecine(folder, "projects", "create", "films").status == 0
    yield folder
    (project,) = objects(telecine(folder, "projects", "list", "--json").out)
    assert (project["name"], project["limits"]) == ("films", {})
    for what in ("budgets", "keys"):
        assert telecine(folder, what, "list", "--json").out == ""


def told(err: str) -> str:
    """The last line: above it click may show the usage."""
    assert "Traceback" not in err
    return err.splitlines()[-1]


@pytest.mark.parametrize("text", [*NO_AMOUNTS, *TOO_MUCH])
def test_an_amount_is_plain_dollars(films: Path, text: str) -> None:
    """As a cap, as the dearest video and as a tolerance: nothing negative, too fine, too large or of other digits."""
    cap = telecine(films, "budgets", "set", "gateway", "--window", "day", "--", text)
    assert cap.status == 2
    assert ("is more than the ledger can count" if text in TOO_MUCH else "is not an amount of dollars") in told(cap.err)
    assert telecine(films, "projects", "limit", "films", f"--max-cost={text}").status == 2
    words = ("ledger", "reconcile", "--provider", "mock", f"--tolerance={text}", "bill.csv")
    assert telecine(films, *words).status == 2


def test_a_negative_cap_is_told_as_one(films: Path) -> None:
    """Not as an option that nobody knows; a wrong option still is one."""
    negative = telecine(films, "budgets", "set", "gateway", "-1", "--window", "day")
    assert (negative.status, told(negative.err)) == (2, "Error: an amount must not be negative")
    wrong = telecine(films, "budgets", "set", "gateway", "1", "-w", "day")
    assert (wrong.status, told(wrong.err)) == (2, "Error: No such option '-w'.")


@pytest.mark.parametrize(
    "scope",
    [
        "", "gateway:", "gateway:x", "Gateway", "films", "projects:films", "project:", "project:films ", "project:x",
        "key:", "key:key_0", "key:key_0|x", "provider:", "provider:vendor", "provider:mock/x", "provider:mock\n",
    ],
)  # fmt: skip
def test_a_scope_that_does_not_exist_caps_nothing(films: Path, scope: str) -> None:
    """One line, whatever was typed."""
    done = telecine(films, "budgets", "set", scope, "1", "--window", "day")
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize("text", ["-1", "1.0", "1e3", "+5", "\uff15", "1_0", "", "nan", "10000000000000000000000"])
@pytest.mark.parametrize("name", ["--rpm", "--in-flight", "--seconds-per-day"])
def test_a_count_is_plain_digits_in_its_range(films: Path, name: str, text: str) -> None:
    done = telecine(films, "projects", "limit", "films", f"{name}={text}")
    assert (done.status, done.out) == (2, "")
    assert "whole number" in told(done.err) or "not in the range" in told(done.err)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--tier", "tier-1", "--rpm", "3"), "Error: --tier and --rpm say the same; give one of them"),
        (("--sizes", "0x0"), "is not a list such as 720x1280,1280x720"),
        (("--seconds", "\uff14"), "is not a list such as 4,8,12"),
        (("--seconds", "3601"), "is not a list such as 4,8,12"),
        (("--models", ""), "is not a list such as sora-2,sora-2-pro"),
        (("--models", ",".join(f"m{n}" for n in range(65))), "is not a list such as"),
    ],
)
def test_a_limit_that_means_nothing_is_refused(films: Path, words: tuple[str, ...], sentence: str) -> None:
    done = telecine(films, "keys", "create", "--project", "films", *words)
    assert (done.status, done.out) == (2, "")
    assert sentence in told(done.err)


def test_what_a_list_says_twice_is_kept_once(films: Path) -> None:
    words = ("--sizes", "1280x720, 720x1280,1280x720", "--seconds", "8,8,4", "--json")
    (limits,) = objects(telecine(films, "projects", "limit", "films", *words).out)
    assert limits == {"sizes": ["1280x720", "720x1280"], "seconds": [8, 4]}
    assert telecine(films, "projects", "limit", "films", "--sizes", "none", "--seconds", "none").status == 0


@pytest.mark.parametrize(
    "name", ["", " ", " films", "films ", "proj_x", "a\nb", "a\x7f", "\u202efilms", "x" * 101, "films"]
)
def test_a_name_that_would_be_mistaken_is_refused(films: Path, name: str) -> None:
    """Also one that looks like another because of its blanks."""
    done = telecine(films, "projects", "create", name)
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    "text", ["\uff12026-11-21", "2026-02-30", "0000-01-01", "", "2026-11-21T10:00:00", "now", "1e9"]
)
def test_a_moment_is_a_date_or_says_its_offset(films: Path, text: str) -> None:
    for name in ("--since", "--until"):
        done = telecine(films, "ledger", "export", f"{name}={text}")
        assert (done.status, done.out) == (2, "")
        assert "is neither a date such as 2026-11-21 nor a moment" in told(done.err)


def test_what_somebody_typed_does_not_move_the_cursor(films: Path) -> None:
    """Errors quote it on one line, without what a terminal would obey."""
    done = telecine(films, "keys", "revoke", "key\n\x1b[2J\u202e")
    assert done.err == 'telecine: no key has the id "key??[2J?"; telecine keys list shows them\n'


def test_the_cap_of_a_provider_that_is_configured_no_more_can_be_removed(tmp_path: Path) -> None:
    """It is still listed; only a new cap needs a provider that is there."""
    text = SHIPPED.read_text()
    (tmp_path / "config.yaml").write_text(text)
    assert telecine(tmp_path, "budgets", "set", "provider:mock", "1", "--window", "day").status == 0
    (tmp_path / "config.yaml").write_text(text.replace("mock:", "other:").replace("mock/", "other/"))
    assert telecine(tmp_path, "budgets", "set", "provider:mock", "2", "--window", "day").status == 1
    assert len(objects(telecine(tmp_path, "budgets", "list", "--json").out)) == 1
    assert telecine(tmp_path, "budgets", "remove", "provider:mock", "--window", "day").status == 0
    assert telecine(tmp_path, "budgets", "remove", "provider:mock", "--window", "day").status == 1
    assert telecine(tmp_path, "budgets", "list", "--json").out == ""
