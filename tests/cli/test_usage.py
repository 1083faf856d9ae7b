"""`telecine usage` as an operator runs it, on a store with some books in it, and keys with a role."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain.usage_query import PLAIN
from tests.cli.telecine import ROOT, configured, objects, telecine
from tests.store.samples import Clock, simulated
from tests.store.test_usage import CLIP, Books, people
from tests.support.redis import RedisServer

DAYS = ("--since", "2026-11-20", "--until", "2026-11-27")


@pytest.fixture
def folder(tmp_path: Path, empty_redis: RedisServer) -> Path:
    """Two clips and a loss that the house bears, in two projects, on three days."""
    asyncio.run(_books(empty_redis.url))
    return configured(tmp_path, empty_redis.url)


async def _books(url: str) -> None:
    clock = Clock()
    async with simulated(url, clock) as store:
        await people(store)
        books = Books(store, clock)
        for story in (CLIP, replace(CLIP, begins=1, tags=3), replace(CLIP, begins=2, project=2, end="house", tags=0)):
            for step in books.tell(story):
                await books.book(step)


def test_people_see_a_table_with_its_total(folder: Path) -> None:
    done = telecine(folder, "usage", "--by", "day,tag:campaign", *DAYS)
    assert (done.status, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0][:4] == ["DAY", "TAG:CAMPAIGN", "VIDEOS", "SPEND"]
    assert lines[0][4:] == ["HELD", "PER_VIDEO", "FAILED", "ADJUSTED", "SAVINGS", "HOUSE"]
    assert lines[1] == ["2026-11-20", "spring", "1", "0.30", "0.00", "0.30", "0.00", "0.00", "0.60", "0.00"]
    assert lines[2][:4] == ["2026-11-21", "-", "1", "0.30"]
    assert lines[3] == ["2026-11-22", "-", "0", "0.30", "0.00", "-", "0.30", "0.00", "0.00", "0.30"]
    assert lines[4] == ["total", "-", "2", "0.90", "0.00", "0.45", "0.30", "0.00", "1.20", "0.30"]
    assert len(lines) == 5


def test_programs_get_the_same_as_lines_of_json_and_as_csv(folder: Path) -> None:
    words = ("usage", "--by", "project,tag:owner", *DAYS)
    values = objects(telecine(folder, *words, "--json").out)
    cells = list(csv.DictReader(io.StringIO(telecine(folder, *words, "--csv").out)))
    assert [one["line"] for one in values] == ["group", "group", "group", "total"]
    assert [one["tag:owner"] for one in values[:3]] == ["=1+1", None, None]
    assert [one["tag:owner"] for one in cells[:3]] == ["'=1+1", "", ""]
    assert [list(one) for one in cells] == [list(one) for one in values]
    assert [one["spend_micros"] for one in cells] == [str(one["spend_micros"]) for one in values]
    assert [(one["spend_micros"], one["house_spend_micros"]) for one in values][-1] == (900_000, 300_000)


def test_it_looks_only_for_what_it_is_told(folder: Path) -> None:
    """By the project's name, or by any name and value; no gateway needs to run."""
    for words in (("--project", "proj_1"), ("--where", "project=proj_1"), ("--where", "tag:campaign=spring")):
        (total,) = objects(telecine(folder, "usage", *words, *DAYS, "--json").out)
        assert total["videos_completed"] == (1 if "spring" in words[1] else 2)
    (total,) = objects(telecine(folder, "usage", "--json", "--since", "2026-11-21", "--until", "2026-11-22").out)
    assert total["videos_completed"] == 1
    assert telecine(folder, "ledger", "verify").out.startswith("the books are right: counters, open holds and usage")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--by", "colour"), 1, "telecine: 'colour' is unknown: usage is grouped by day, month"),
        (("--where", "colour=red"), 1, "telecine: 'colour' is unknown: usage is looked for by day, month"),
        (("--where", "model"), 2, "'model' is not NAME=VALUE"),
        (("--where", "model=a", "--where", "model=b"), 2, "names a thing twice"),
        (("--since", "tomorrow"), 1, "telecine: 'tomorrow' is neither a date"),
        (("--since", "2026-11-20", "--until", "2026-11-20"), 1, "--since must lie before --until"),
        (("--since", "2020-01-01"), 1, "telecine: at most 366 days at once"),
        (("--project", "nobody"), 1, 'telecine: no project is called "nobody"'),
        (("--csv", "--json"), 2, "--csv and --json exclude each other"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(folder: Path, words: tuple[str, ...], status: int, said: str) -> None:
    done = telecine(folder, "usage", *words)
    assert (done.status, done.out) == (status, "")
    assert said in done.err and "Traceback" not in done.err
    if status == 1:
        assert done.err.count("\n") == 1


def test_the_manual_and_the_page_name_everything_that_one_groups_by(folder: Path) -> None:
    manual = telecine(folder, "usage", "--help").out
    page = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
    for name in (*PLAIN, "tag:NAME"):
        assert f" {name}" in manual and f"`{name}`" in page, name


def test_a_key_gets_the_role_that_it_is_given(folder: Path) -> None:
    """1 unless told, and no other number than the three."""
    made = [
        objects(telecine(folder, "keys", "create", "--project", "proj_1", *words, "--json").out)[0]
        for words in ((), ("--role", "10"), ("--role", "100"))
    ]
    assert [one["role"] for one in made] == [1, 10, 100]
    listed = {one["id"]: one["role"] for one in objects(telecine(folder, "keys", "list", "--json").out)}
    assert [listed[one["id"]] for one in made] == [1, 10, 100]
    assert telecine(folder, "keys", "create", "--project", "proj_1", "--role", "11").status == 2
