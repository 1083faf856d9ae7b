"""Usage adds up: rows against the entries themselves, groups and filters, rounding, and what cannot be asked."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain import ledger
from gateway.domain.ledger import DAY_MS, Entry, utc_day
from gateway.domain.tables import cell
from gateway.domain.usage import (
    Cells,
    Row,
    Sums,
    add,
    add_up,
    decode_row,
    decode_sums,
    encode_row,
    encode_sums,
    unlike,
)
from gateway.domain.usage_query import DAYS_MAX, BadQuery, Query, read_query
from gateway.domain.usage_report import LINES_MAX, Report, Summary, TooManyLines, as_csv, as_json, per_video
from tests.store.samples import T0, video
from tests.support.stories import Story, entries, figures_of, stories

FIRST = utc_day(T0)
NAMES = ("day", "project", "key", "provider", "route", "model", "tag:campaign", "tag:owner")
ROW = Row("key_1", "mock", "mock/m", "sora-2", '{"campaign":"spring"}')


def asked(**fields: str) -> Query:
    return read_query({name.rstrip("_").replace("__", ":"): value for name, value in fields.items()}, T0)


def summed(cells: Cells, query: Query) -> Report:
    summary, days = Summary(query), query.each_day()
    for (day, project), rows in cells.items():
        if day in days and query.project in (None, project):
            for row, sums in rows.items():
                summary.add((day, project), row, sums)
    return summary.report()


def shown(sums: Sums) -> dict[str, int]:
    return {
        "completed": sums.completed,
        "spent": sums.spent,
        "failed": sums.spent - sums.delivered,
        "adjusted": sums.adjusted,
        "house": sums.house,
        "held": sums.held,
        "savings": sums.dearest - sums.delivered,
    }


# --- adding up ----------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(
    told=st.lists(stories(), max_size=8),
    name=st.sampled_from(NAMES),
    since=st.integers(0, 3),
    days=st.integers(1, 4),
)
def test_groups_are_what_the_entries_say(told: list[Story], name: str, since: int, days: int) -> None:
    """By any name, over any days, to the micro-dollar, and the total is the sum of the groups."""
    found = entries(told)
    first = T0 + since * DAY_MS
    query = read_query({"from": utc_day(first), "until": utc_day(first + days * DAY_MS), "group_by": name}, T0)
    report = summed(add_up(found), query)
    expected = figures_of(found, name, query.each_day())
    assert {one.values[0]: shown(one.sums) for one in report.lines if any(shown(one.sums).values())} == expected
    total = Sums()
    for line in report.lines:
        total = total.plus(line.sums)
    assert report.total == total


@settings(max_examples=100)
@given(told=st.lists(stories(), max_size=6), at=st.integers(0, 30))
def test_pages_may_be_cut_anywhere(told: list[Story], at: int) -> None:
    """Two pages added up are the whole; as text and back they are the same."""
    found = entries(told)
    whole: Cells = {}
    for page in (found[:at], found[at:]):
        for where, rows in add_up(page).items():
            for row, sums in rows.items():
                add(whole, where, decode_row(encode_row(row)), decode_sums(encode_sums(sums).encode()))
    assert whole == add_up(found)
    assert unlike(whole, add_up(found)) == []


def test_what_is_held_belongs_to_the_day_of_its_hold() -> None:
    """Settled the day after, it is spend of that day, and nothing is held on either."""
    story = Story(1, 1, "mock", "sora-2", 0, 400_000, 0, 0, "settle", 1, 300_000, ())
    found = entries([story])
    before = summed(add_up(found[:1]), asked(from_=FIRST, group_by="day"))
    after = summed(add_up(found), asked(from_=FIRST, until=utc_day(T0 + 2 * DAY_MS), group_by="day"))
    assert [(one.values, one.sums.held) for one in before.lines] == [((FIRST,), 400_000)]
    assert [(one.values, one.sums.held, one.sums.spent) for one in after.lines] == [
        ((utc_day(T0 + DAY_MS),), 0, 300_000)
    ]


def test_a_client_does_not_see_what_the_house_bears() -> None:
    """Nor its corrections; an operator sees both, and what the house bears of it."""
    told = [
        Story(1, 1, "mock", "sora-2", 0, 9, 0, 0, "house", 0, 9, (7,)),
        Story(1, 1, "mock", "m", 0, 9, 20, 0, "clip", 0, 8, (-5,)),
    ]
    cells = add_up(entries(told))
    period = {"from": FIRST, "until": utc_day(T0 + 3 * DAY_MS)}
    own = read_query(period, T0)
    client: Any = as_json(summed(cells, Query(since=own.since, days=own.days, bears=True)))["total"]
    operator: Any = as_json(summed(cells, own))["total"]
    assert (operator["spend_micros"], operator["house_spend_micros"], operator["adjusted_micros"]) == (19, 16, 2)
    assert (client["spend_micros"], client["failed_spend_micros"], client["adjusted_micros"]) == (3, 0, -5)
    assert (client["savings_micros"], client["cost_per_video_micros"]) == (17, 3)
    assert "house_spend_micros" not in client


@given(completed=st.integers(0, 7), spent=st.integers(-50, 50))
def test_cost_per_video_is_rounded_once_to_the_nearest(completed: int, spent: int) -> None:
    """Halves up; of no video it is nothing at all."""
    found = per_video(Sums(completed=completed, spent=spent))
    if completed == 0:
        assert found is None
    else:
        assert found is not None
        assert -completed <= 2 * (spent - found * completed) < completed


# --- other tags ---------------------------------------------------------------------------------------------------


def test_tags_that_were_not_told_apart_are_named_so() -> None:
    """A line of their own where one groups by a tag; with a filter by a tag they may belong to it, and do not count."""
    cells: Cells = {(FIRST, "proj_1"): {ROW: Sums(spent=1), ROW.other(): Sums(spent=2)}}
    grouped = summed(cells, asked(group_by="tag:campaign"))
    assert [(one.values, one.other, one.sums.spent) for one in grouped.lines] == [
        (("spring",), False, 1),
        ((None,), True, 2),
    ]
    filtered = summed(cells, asked(group_by="model", tag__campaign="spring"))
    assert [(one.values, one.other, one.sums.spent) for one in filtered.lines] == [
        (("sora-2",), False, 1),
        (("sora-2",), True, 2),
    ]
    assert (grouped.total.spent, filtered.total.spent) == (3, 1)
    assert [one.other for one in summed(cells, asked(group_by="model")).lines] == [False]


def test_the_proof_knows_rows_whose_tags_were_not_told_apart() -> None:
    """And names a row that is not what its entries say."""
    another = Row("key_1", "mock", "mock/m", "sora-2", '{"campaign":"fall"}')
    booked: Cells = {(FIRST, "p"): {ROW: Sums(spent=1), another: Sums(spent=2)}}
    assert unlike({(FIRST, "p"): {ROW: Sums(spent=1), ROW.other(): Sums(spent=2)}}, booked) == []
    (found,) = unlike({(FIRST, "p"): {ROW: Sums(spent=1), another: Sums(spent=3)}}, booked)
    assert found.startswith(f"usage of p on {FIRST} says 0 3 0") and '"campaign' in found


# --- asking -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"group_by": "colour"}, "'colour' is unknown: usage is grouped by day, month, project, key"),
        ({"group_by": "tag:"}, "'tag:' is unknown"),
        ({"colour": "red"}, "'colour' is unknown: usage is looked for by day"),
        ({"from": "yesterday"}, "is neither a date"),
        ({"from": "2026-11-20T12:00:00Z"}, "counted by whole days"),
        ({"from": "2026-11-20T00:00:00+02:00"}, "counted by whole days"),
        ({"from": "2026-11-20", "until": "2026-11-20"}, "must lie before"),
        ({"from": "2024-11-20", "until": "2026-11-20"}, f"at most {DAYS_MAX} days"),
        ({"from": "2024-11-20"}, f"at most {DAYS_MAX} days"),
        ({"until": "1970-01-02"}, "must lie before"),
        ({"from": "9999-12-31"}, "9999-12-30"),
        ({"group_by": ",".join(f"tag:{number}" for number in range(9))}, "at most 8 names"),
        ({f"tag:{number}": "x" for number in range(17)}, "at most 16 filters"),
        ({"model": "x" * 513}, "at most 512"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(fields: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadQuery, match=sentence.replace("[", r"\[")):
        read_query(fields, T0)


def test_who_names_no_days_gets_the_last_thirty() -> None:
    """Today included; moments are good where they are midnights."""
    assert (asked().each_day()[0], asked().each_day()[-1], asked().days) == ("2026-10-22", "2026-11-20", 30)
    assert asked(from_="2026-11-20T02:00:00+02:00", until="2026-11-22").each_day() == ["2026-11-20", "2026-11-21"]
    assert asked(from_="2026-12-24").each_day() == ["2026-12-24"]


def test_lines_are_in_order_and_bounded() -> None:
    """What has no tag comes last; one line too many is refused."""
    rows = {Row("k", "p", "r", "m", tags): Sums(spent=1) for tags in ("", '{"a":"2"}', '{"a":"10"}', None)}
    lines = summed({(FIRST, "p"): rows}, asked(group_by="tag:a")).lines
    assert [(one.values[0], one.other) for one in lines] == [("10", False), ("2", False), (None, False), (None, True)]
    many = {Row(str(number), "p", "r", "m"): Sums(spent=1) for number in range(LINES_MAX + 1)}
    with pytest.raises(TooManyLines):
        summed({(FIRST, "p"): many}, asked(group_by="key"))


# --- CSV ----------------------------------------------------------------------------------------------------------


@given(text=st.text(min_size=1, max_size=20))
def test_no_cell_runs_in_a_spreadsheet(text: str) -> None:
    """Whatever a tag says, a number aside: it begins with nothing that begins a formula, and nothing else is lost."""
    found = cell(text)
    assert found.removeprefix("'") == text.removeprefix("'") or found == f"'{text}"
    assert found[0] not in "=+@\t\r\n" and (found[0] != "-" or float(found) < 0 or float(found) == 0)


def test_a_table_says_the_same_as_json() -> None:
    """A line a group, then the total; texts that would run begin with an apostrophe, commas and quotes are quoted."""
    told = [Story(1, 1, "mock", 'a "b", c', 3, 400_000, 900_000, 0, "clip", 0, 300_000, ())]
    report = summed(add_up(entries(told)), asked(group_by="model,tag:owner"))
    rows = list(csv.DictReader(io.StringIO(as_csv(report).decode())))
    assert [(one["line"], one["model"], one["tag:owner"]) for one in rows] == [
        ("group", 'a "b", c', "'=1+1"),
        ("total", "", ""),
    ]
    said: Any = as_json(report)
    (line,) = said["data"]
    assert {
        name: "" if line[name] is None else str(line[name]) for name in rows[0] if name not in ("line", "tag:owner")
    } == {name: value for name, value in rows[0].items() if name not in ("line", "tag:owner")}
    assert (line["spend_usd"], line["savings_usd"], line["tag:owner"]) == ("0.30", "0.60", "=1+1")


def test_other_kinds_of_entries_are_nothing_used() -> None:
    """A dispute waits outside the books."""
    made = video()
    assert add_up([Entry(T0, ledger.dispute(made, made.attempts[0], 5, reason="x"))]) == {}
