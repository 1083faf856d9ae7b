"""`telecine ledger export` and `reconcile` as an operator runs them, on a store with some books in it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.cli.ledger_export import COLUMNS, tags_of
from gateway.domain import ledger
from gateway.domain.ledger import Entry
from gateway.domain.tables import cell
from gateway.domain.videos import Video
from gateway.store.store import Store
from tests.cli.telecine import ROOT, configured, telecine
from tests.store.samples import (
    HASH,
    PRICE,
    T0,
    Clock,
    admission,
    apply,
    attempt,
    closed,
    following,
    seed,
    simulated,
    video,
)
from tests.store.trimming import trim
from tests.support.commands import Done
from tests.support.redis import RedisServer

DAY = 86_400_000
DANGEROUS = '=HYPERLINK("x")'


@pytest.fixture
def folder(tmp_path: Path, empty_redis: RedisServer) -> Path:
    """Four videos: three of `mock` over three days, one of `acme` for another project, which is still held."""
    asyncio.run(_books(empty_redis.url))
    return configured(tmp_path / "here", empty_redis.url)


async def _books(url: str) -> None:
    clock = Clock()
    async with simulated(url, clock) as store:
        await seed(store, "proj_2", "key_2", "1f" * 32)
        await _ended(store, clock, 1, ref={"id": "gen_1"}, amount=PRICE, reason="finished")
        await _ended(store, clock, 2, ref={"task": {"number": 17}}, amount=1_000_000, reason=DANGEROUS)
        third = await _ended(store, clock, 3, ref={"id": "gen_3"}, amount=PRICE, reason="Möwe, fertig")
        refund = ledger.adjust(third, third.attempts[0], -1_250_000, "the vendor's word")
        await apply(store, following(replace(third, version=2), refund))
        other = replace(attempt(provider="acme", now_ms=clock.now_ms), ref={"id": "gen_1"})
        made = video(4, project="proj_2", key_id="key_2", attempts=(other,))
        change = replace(admission(made, key_hash="1f" * 32).change, window_until_ms=clock.now_ms + DAY)
        await store.admit(replace(admission(made, key_hash="1f" * 32), change=change))


async def _ended(store: Store, clock: Clock, number: int, *, ref: dict[str, Any], amount: int, reason: str) -> Video:
    """Made and settled on the day of its number, from 2026-11-20 on."""
    clock.now_ms = T0 + (number - 1) * DAY
    made = video(number, attempts=(replace(attempt(now_ms=clock.now_ms), ref=ref),))
    change = replace(admission(made).change, window_until_ms=ledger.window_until_ms(clock.now_ms))
    await store.admit(replace(admission(made, key_hash=HASH), change=change))
    settle = ledger.settle(made, made.attempts[0], amount, presumed=False, reason=reason)
    await apply(store, following(closed(made), settle))
    return closed(made)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# --- export ------------------------------------------------------------------------------------------------------


def test_an_export_has_every_entry_in_order(folder: Path) -> None:
    """With the columns that the manual names, once as CSV and once as JSON Lines, the same in both."""
    table, lines = (telecine(folder, "ledger", "export", "--format", form) for form in ("csv", "jsonl"))
    assert (table.status, table.err, lines.status, lines.err) == (0, "", 0, "")
    cells, values = rows(table.out), objects(lines.out)
    assert [one["kind"] for one in values] == ["hold", "settle"] * 3 + ["adjust", "hold"]
    assert list(cells[0]) == list(values[0]) == [one.name for one in COLUMNS]
    assert cells == [{name: cell(value) for name, value in one.items()} for one in values]
    refund = values[6]
    assert (refund["amount_micros"], refund["amount_usd"]) == (-1_250_000, "-1.25")
    assert (refund["at"], refund["answers"]) == ("2026-11-22T18:40:00.000Z", values[4]["id"])
    assert values[5]["reason"] == "Möwe, fertig"


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--since", "2026-11-21"), 6),
        (("--until", "2026-11-21"), 2),
        (("--since", "2026-11-21", "--until", "2026-11-22"), 2),
        (("--since", "2026-11-20T18:40:00Z", "--until", "2026-11-20T18:40:00.001Z"), 2),
        (("--since", "2026-11-20T19:40:00.001+01:00"), 6),
        (("--project", "proj_2"), 1),
        (("--provider", "acme"), 1),
        (("--provider", "mock", "--project", "proj_2"), 0),
        (("--since", "2030-01-01"), 0),
    ],
)
def test_an_export_can_be_narrowed(folder: Path, words: tuple[str, ...], count: int) -> None:
    """From a moment on, before a moment, of a project, of a provider, also one that was configured once."""
    done = telecine(folder, "ledger", "export", *words)
    assert (done.status, len(rows(done.out))) == (0, count)


def test_a_spreadsheet_runs_nothing(folder: Path) -> None:
    """A text that it would take for a formula begins with an apostrophe; a negative amount stays a number."""
    found = rows(telecine(folder, "ledger", "export").out)
    assert found[3]["reason"] == "'" + DANGEROUS
    assert (found[6]["amount_micros"], found[6]["amount_usd"]) == ("-1250000", "-1.25")
    for text in ("=1", "+1+1", "-1+1", "@x", "\t=1", "\r=1", " =1", "\uff1d1", "-", "-1.2.3"):
        assert cell(text) == "'" + text
    for text in ("-1.25", "-7", "a=1", "", "1"):
        assert cell(text) == text


def test_a_file_appears_when_it_is_complete(folder: Path) -> None:
    """In place of an earlier one; after a failure the earlier one is still there, and nothing else."""
    before = set(folder.iterdir())
    (folder / "out.csv").write_text("earlier")
    assert telecine(folder, "ledger", "export", "--output", "out.csv", "--project", "x").status == 1
    assert (folder / "out.csv").read_text() == "earlier"
    assert telecine(folder, "ledger", "export", "--output", "out.csv").out == ""
    assert len(rows((folder / "out.csv").read_text(encoding="utf-8"))) == 8
    assert set(folder.iterdir()) - before == {folder / "out.csv"}


def test_a_reader_may_leave(folder: Path) -> None:
    """`| head -1`: exit status 0, and nothing on stderr."""
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m gateway ledger export | true; exit ${{PIPESTATUS[0]}}"],
        cwd=folder, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (("--project", "music"), 1, 'telecine: no project is called "music"; '),
        (("--provider", "music"), 1, 'telecine: no provider is called "music", '),
        (("--output", "absent/x.csv"), 1, "telecine: absent/x.csv cannot be written: No such file or directory"),
        (("--output", "/dev/full"), 1, "telecine: the entries cannot be written: No space left on device"),
        (("--since", "yesterday"), 2, "'yesterday' is neither a date such as 2026-11-21 nor a moment"),
        (("--since", "2026-11-21", "--until", "2026-11-21"), 2, "--since must lie before --until"),
        (("--format", "xml"), 2, "'xml' is not one of 'csv', 'jsonl'"),
    ],
)
def test_an_export_that_cannot_be_made_says_why(
    folder: Path, words: tuple[str, ...], status: int, sentence: str
) -> None:
    """One sentence, no traceback."""
    done = telecine(folder, "ledger", "export", *words)
    assert done.status == status
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_every_column_is_documented(folder: Path) -> None:
    """In the manual and in docs/ledger.md, in this order."""
    names = [one.name for one in COLUMNS]
    manual = telecine(folder, "ledger", "export", "--help").out
    assert (
        re.findall(r"^    ([a-z_]+) +[A-Z]?[a-z]", manual.partition("COLUMNS")[2], re.MULTILINE)[: len(names)] == names
    )
    text = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE) == names


def test_tags_are_an_object() -> None:
    """Of texts, whatever they hold; in CSV its JSON, and nothing where there are none."""
    tags = {"campaign": "=1+1", "owner": 'a "b", ü'}
    assert tags_of(json.dumps(tags)) == tags
    assert json.loads(cell(tags_of(json.dumps(tags)))) == tags
    assert cell(tags_of("")) == ""


def test_a_cell_is_what_the_table_says() -> None:
    """Every column can be computed of any entry."""
    made = video()
    entry = Entry(T0, ledger.hold(made, made.attempts[0]))
    first = [cell(one.value(entry)) for one in COLUMNS][:4]
    assert first == [
        f"{made.id}.1:hold",
        "2026-11-20T18:40:00.000Z",
        "hold",
        "",
    ]


# --- reconcile ---------------------------------------------------------------------------------------------------

HEAD = "Task ID;Amount (USD);Completed at\n"
AGREED = "gen_1;0.40;2026-11-20 18:40:01\n17;0.25;2026-11-21\n17;0.75;2026-11-21\ngen_3;(0.85);2026-11-22\n"


def reconcile(folder: Path, bill: str, *words: str) -> Done:
    (folder / "bill.csv").write_text(bill, encoding="utf-8")
    return telecine(folder, "ledger", "reconcile", "--provider", "mock", "bill.csv", *words)


def test_a_bill_that_agrees_says_so(folder: Path) -> None:
    """Status 0; several lines of a job add up, a credit is one, an id may be a number deep in a ref."""
    done = reconcile(folder, HEAD + AGREED)
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        "billed $0.55 for 3 jobs, booked $0.55 for 3 attempts: $0.00\n"
        "3 jobs agree, 0 orphans ($0.00), 0 unknowns ($0.00), 0 differences ($0.00)\n"
    )


BILL = HEAD + "gen_1;0.41;2026-11-20\nnobody;2.5;2026-11-20\ngen_3;-0.85;2026-11-22\n"


def test_findings_are_named_for_people(folder: Path) -> None:
    """Status 3, one line each, the sums at the end."""
    first, second = (f"{video(number).id}.1" for number in (1, 2))
    done = reconcile(folder, BILL)
    assert (done.status, done.err) == (3, "")
    assert done.out.splitlines() == [
        f"difference  gen_1 (line 2), {first}: billed $0.41, booked $0.40: +$0.01",
        "orphan      nobody (line 3): billed $2.50, unknown to the books",
        f"unknown     {second}: booked $1.00, not on the bill",
        "billed $2.06 for 3 jobs, booked $0.55 for 3 attempts: +$1.51",
        "1 jobs agree, 1 orphan (+$2.50), 1 unknown (-$1.00), 1 difference (+$0.01)",
    ]


def test_findings_are_objects_for_programs(folder: Path) -> None:
    """One a line, and a summary last; micro-dollars are whole numbers."""
    done = reconcile(folder, BILL, "--json")
    *findings, summary = objects(done.out)
    assert done.status == 3
    assert [one["finding"] for one in findings] == ["difference", "orphan", "unknown"]
    assert findings[1] == {
        "finding": "orphan", "jobs": ["nobody"], "attempts": [], "line": 3, "billed_micros": 2_500_000,
        "billed_usd": "2.50", "booked_micros": 0, "booked_usd": "0.00", "held_micros": 0, "held_usd": "0.00",
        "difference_micros": 2_500_000, "difference_usd": "2.50",
    }  # fmt: skip
    assert set(findings[0]) == set(findings[2]) == set(findings[1])
    assert summary["finding"] == "summary"
    assert [summary[f"{name}s"] for name in ("orphan", "unknown", "difference")] == [1, 1, 1]
    assert (summary["billed_micros"], summary["difference_usd"]) == (2_060_000, "1.51")


def test_the_period_limits_what_a_bill_should_know(folder: Path) -> None:
    """By the bill's days, or as told; what is on the bill is compared whenever it was."""
    short = HEAD + "gen_1;0.40;2026-11-20\n"
    assert reconcile(folder, short).status == 0
    assert "1 unknown (-$1.00)" in reconcile(folder, short + "gen_3;-0.85;2026-11-21\n").out
    assert "1 unknown (-$1.00)" in reconcile(folder, short, "--until", "2026-11-22").out
    assert "2 unknowns" in reconcile(folder, short, "--until", "2026-12-01").out
    assert reconcile(folder, HEAD + AGREED, "--since", "2030-01-01", "--until", "2031-01-01").status == 0


def test_a_bill_of_what_has_gone_says_so(folder: Path, empty_redis: RedisServer) -> None:
    """Without the record the entry still knows its job; without the entry it looks like an orphan. An export shows
    carries."""
    asyncio.run(_gone(empty_redis, trimmed=False))
    done = reconcile(folder, HEAD + "gen_1;0.40;2026-11-20\n")
    assert (done.status, "1 jobs agree" in done.out) == (0, True)
    asyncio.run(_gone(empty_redis, trimmed=True))
    done = reconcile(folder, HEAD + "gen_1;0.40;2026-11-20\n")
    assert done.out.splitlines()[-1] == "entries up to 2026-11-20 were trimmed: jobs of then show as orphans"
    assert "trimmed" not in reconcile(folder, HEAD + "17;1;2026-11-21\n").out
    summary = objects(reconcile(folder, HEAD + "gen_1;0.40;2026-11-20\n", "--json").out)[-1]
    assert summary["trimmed_until"] == "2026-11-20T18:40:00.000Z"
    carries = [one for one in rows(telecine(folder, "ledger", "export").out) if one["kind"] == "carry"]
    assert {one["counters"] for one in carries if one["project"]} == {
        "project/proj_1/total",
        "project/proj_1/month/2026-11",
    }
    assert {(one["amount_usd"], one["reason"]) for one in carries} == {
        ("0.40", "entries from 2026-11-20 to 2026-11-20")
    }
    assert telecine(folder, "ledger", "verify").status == 0


async def _gone(server: RedisServer, *, trimmed: bool) -> None:
    """Of the first video, five days later."""
    clock = Clock(T0 + 5 * DAY)
    store, made = Store(server.url, now_ms=clock), video(1)
    if trimmed:
        await store.catch_up()
        assert await trim(store, clock, keep_ms=4 * DAY) == 2
    else:
        server.client.zadd("{telecine}:retained", {made.id: T0})
        assert await store.remove(made.id, await store.read(made.id), keep_ms=DAY) is False
        server.client.zrem("{telecine}:due", made.id)
        assert await store.remove(made.id, await store.read(made.id), keep_ms=DAY)
    await store.close()


def test_a_tolerance_forgives_cents(folder: Path) -> None:
    """As many as told."""
    bill = HEAD + AGREED.replace("0.40", "0.41")
    assert [reconcile(folder, bill, "--tolerance", text).status for text in ("0.009999", "0.01")] == [3, 0]


def test_another_provider_has_other_jobs(folder: Path) -> None:
    """The same id at `acme` is an attempt that has not ended; the provider need not be configured any more."""
    done = telecine_acme(folder, "gen_1;0.40;2026-11-20\n")
    assert done.status == 3
    assert "billed $0.40, booked $0.00 and $0.40 still held: +$0.40" in done.out


def telecine_acme(folder: Path, lines: str) -> Done:
    (folder / "acme.csv").write_text(HEAD + lines, encoding="utf-8")
    return telecine(folder, "ledger", "reconcile", "--provider", "acme", "acme.csv")


@pytest.mark.parametrize(
    ("bill", "words", "sentence"),
    [
        (HEAD + "a;x;2026-11-20\n", (), "bill.csv: line 2: the amount is 'x', which is no amount of dollars"),
        ("who,what\na,1\n", (), "name it with --job-column: the bill has 'who', 'what'"),
        ("id,amount\na,1\n", (), "name it with --date-column, or say --since"),
        (HEAD + AGREED, ("--provider", "music"), 'no provider is called "music"; the configuration has mock'),
        (
            HEAD + AGREED,
            ("--job-column", "job"),
            "--job-column: not one column is called \"job\": the bill has 'Task ID'",
        ),
    ],
)
def test_a_bill_that_cannot_be_compared_says_why(
    folder: Path, bill: str, words: tuple[str, ...], sentence: str
) -> None:
    """Status 1, one line."""
    done = reconcile(folder, bill, *words)
    assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
    assert sentence in done.err


def test_an_absent_bill_is_one_sentence(folder: Path) -> None:
    """And so is a tolerance that is none."""
    done = telecine(folder, "ledger", "reconcile", "--provider", "mock", "absent.csv")
    assert (done.status, done.err) == (1, "telecine: absent.csv cannot be read: No such file or directory\n")
    assert reconcile(folder, HEAD + AGREED, "--tolerance", "-1").status == 2


def test_books_can_be_read_while_no_gateway_runs(tmp_path: Path) -> None:
    """With the private store, an empty one at first."""
    shutil.copy(ROOT / "config.yaml", tmp_path)
    assert telecine(tmp_path, "projects", "create", "films").status == 0
    assert rows(telecine(tmp_path, "ledger", "export").out) == []
    assert reconcile(tmp_path, HEAD + "a;0;2026-11-20\n").status == 0
