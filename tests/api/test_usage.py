"""What was spent, over the wire: each project its own, operators all of it, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway, until

CONFIG = """
providers:
  mock: {adapter: mock}
models:
  sora-2:
    routes: [mock/sora-2, mock/sora-2-pro]
"""
DANGEROUS = '=HYPERLINK("x")'


class Asker:
    """A project of its own, and a key."""

    def __init__(self, gateway: Gateway, name: str, *words: str) -> None:
        self.gateway = gateway
        self.project: str = gateway.telecine("projects", "create", name)["id"]
        made = gateway.telecine("keys", "create", "--project", name, *words)
        self.key_id, self._headers = made["id"], {"Authorization": f"Bearer {made['key']}"}

    def get(self, path: str, **query: str) -> httpx.Response:
        url = f"{self.gateway.url}{path}"
        return httpx.get(url, params=query, headers=self._headers, trust_env=False, verify=False, timeout=20)

    def make(self, prompt: str, **metadata: str) -> str:
        body = {"prompt": prompt, "metadata": metadata}
        url = f"{self.gateway.base_url}/videos"
        reply = httpx.post(url, json=body, headers=self._headers, trust_env=False, verify=False, timeout=20)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["id"])

    def ended(self, video: str) -> None:
        final = ("completed", "failed")
        assert until(lambda: self.get(f"/v1/videos/{video}").json()["status"] in final, 60, every_s=0.1)

    def usage(self, path: str = "/v1/usage", **query: str) -> dict[str, Any]:
        reply = self.get(path, **query)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found


@pytest.fixture(scope="module")
def spending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("usage"), config=CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def films(spending: Gateway) -> Asker:
    """Two clips, one of which the vendor charged less for, and one video that broke at a cost and then went through."""
    asker = Asker(spending, "films")
    videos = [
        asker.make("[mock:fast]", campaign="spring"),
        asker.make("[mock:fast,charge=0.30]", campaign=DANGEROUS),
        asker.make("[mock:fast] [mock@sora-2:break,charge=0.05]", campaign="spring"),
    ]
    for one in videos:
        asker.ended(one)
    return asker


@pytest.fixture(scope="module")
def other(spending: Gateway, films: Asker) -> Asker:
    asker = Asker(spending, "others")
    asker.ended(asker.make("[mock:fast]", campaign="spring"))
    return asker


@pytest.fixture(scope="module")
def operator(spending: Gateway) -> Asker:
    return Asker(spending, "accountants", "--role", "10")


def test_a_project_sees_what_it_spent_and_what_for(films: Asker, other: Asker) -> None:
    """To the micro-dollar: two cheap clips, one failed attempt, and the dear clip that replaced it."""
    found = films.usage(group_by="route")
    assert (found["object"], found["currency"], found["group_by"]) == ("usage", "usd", ["route"])
    cheap, dear = found["data"]
    assert (cheap["route"], cheap["videos_completed"], cheap["spend_usd"]) == ("mock/sora-2", 2, "0.75")
    assert (cheap["failed_spend_micros"], cheap["savings_usd"]) == (50_000, "1.70")
    assert (dear["route"], dear["videos_completed"], dear["spend_usd"]) == ("mock/sora-2-pro", 1, "1.20")
    assert (dear["failed_spend_micros"], dear["savings_micros"]) == (0, 0)
    assert found["total"] == {
        "videos_completed": 3,
        "spend_micros": 1_950_000,
        "spend_usd": "1.95",
        "held_micros": 0,
        "held_usd": "0.00",
        "cost_per_video_micros": 650_000,
        "cost_per_video_usd": "0.65",
        "failed_spend_micros": 50_000,
        "failed_spend_usd": "0.05",
        "adjusted_micros": 0,
        "adjusted_usd": "0.00",
        "savings_micros": 1_700_000,
        "savings_usd": "1.70",
    }


def test_it_is_grouped_and_looked_for_by_tags(films: Asker) -> None:
    """Each value once, in order; what has no such tag is null."""
    found = films.usage(group_by="tag:campaign,day")
    today = {str(datetime.now(UTC).date()), found["data"][0]["day"]}
    assert [(one["tag:campaign"], one["spend_micros"]) for one in found["data"]] == [
        (DANGEROUS, 300_000),
        ("spring", 1_650_000),
    ]
    assert {one["day"] for one in found["data"]} <= today
    assert films.usage(**{"tag:campaign": "spring", "route": "mock/sora-2"})["total"]["spend_micros"] == 450_000
    assert [one["tag:owner"] for one in films.usage(group_by="tag:owner")["data"]] == [None]


def test_what_runs_is_held(other: Asker) -> None:
    """It is neither spent nor completed."""
    video = other.make("[mock:slow=3]")
    held = other.usage(group_by="project")["data"][0]
    assert (held["held_usd"], held["spend_usd"], held["videos_completed"]) == ("0.40", "0.40", 1)
    other.ended(video)
    assert other.usage()["total"]["held_micros"] == 0


def test_no_project_sees_another(films: Asker, other: Asker) -> None:
    """Whatever it groups by or looks for."""
    assert {one["project"] for one in other.usage(group_by="project,key")["data"]} == {other.project}
    assert {one["key"] for one in films.usage(group_by="project,key")["data"]} == {films.key_id}
    for filters in ({"project": films.project}, {"key": films.key_id}):
        assert other.usage(**filters)["data"] == []
        assert other.usage(**filters)["total"]["spend_micros"] == 0


def test_operators_see_every_project(films: Asker, other: Asker, operator: Asker) -> None:
    """And what the house bears; of one project the same as that project sees."""
    found = operator.usage("/admin/usage", group_by="project")
    by = {one["project"]: one for one in found["data"]}
    assert set(by) == {films.project, other.project}
    assert found["total"]["spend_micros"] == sum(one["spend_micros"] for one in by.values())
    assert found["total"]["house_spend_micros"] == 0
    own = films.usage()["total"]
    assert operator.usage("/admin/usage", project=films.project)["total"].items() >= own.items()
    assert operator.usage()["data"] == []


def test_who_does_not_administer_is_turned_away(films: Asker, spending: Gateway) -> None:
    """With or without a key; other paths there do not exist."""
    reply = films.get("/admin/usage")
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "permission_denied")
    for path in ("/admin/usage", "/v1/usage"):
        assert httpx.get(f"{spending.url}{path}", trust_env=False, verify=False).status_code == 401
        assert httpx.post(f"{spending.url}{path}", trust_env=False, verify=False).status_code == 405
    assert films.get("/admin/else").status_code == 404
    assert films.get("/admin").status_code == 404


def test_csv_is_a_table_that_no_spreadsheet_runs(films: Asker, operator: Asker) -> None:
    reply = films.get("/v1/usage", group_by="tag:campaign", format="csv")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert reply.headers["content-disposition"] == 'attachment; filename="usage.csv"'
    assert '"\'=HYPERLINK(""x"")"' in reply.text
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [(one["line"], one["tag:campaign"], one["spend_usd"]) for one in rows] == [
        ("group", f"'{DANGEROUS}", "0.30"),
        ("group", "spring", "1.65"),
        ("total", "", "1.95"),
    ]
    assert "house_spend_usd" in operator.get("/admin/usage", format="csv").text.splitlines()[0]


@pytest.mark.parametrize(
    ("query", "param", "said"),
    [
        ({"group_by": "colour"}, "group_by", "usage is grouped by day, month"),
        ({"colour": "red"}, "colour", "usage is looked for by day, month"),
        ({"format": "xml"}, "format", "'json' or 'csv'"),
        ({"from": "2026-13-01"}, "from", "neither a date"),
        ({"until": "2026-11-20T12:00:00Z"}, "until", "whole days"),
        ({"from": "2020-01-01", "until": "2026-01-01"}, "until", "at most 366 days"),
        ({"from": "9999-12-31"}, "from", "9999-12-30"),
    ],
)
def test_what_cannot_be_asked_is_told(films: Asker, query: dict[str, str], param: str, said: str) -> None:
    reply = films.get("/v1/usage", **query)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (400, "invalid_value", param)
    assert said in error["message"]
