"""What a video would cost, over the wire: the body of a create, the price of every route, and nothing made."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.pictures import png

TODAY = datetime.now(UTC).date()
LATER = TODAY + timedelta(days=2)  # midnight may pass meanwhile

CONFIG = f"""
providers:
  dear: {{adapter: openai, base_url: "http://127.0.0.1:9/v1", api_key: k}}
  mock: {{adapter: mock}}
models:
  sora-2:
    routes:
      - route: dear/sora-2
        prices:
          - {{per_second: "9", valid_from: {LATER}, as_of: 2026-11-02, source: an announcement}}
          - credits_per_second: "58.3333333"
            credit_usd: "0.005"
            image: {{add: "0.04"}}
            valid_from: 2026-01-01
            as_of: 2026-11-01
            source: a price page
          - {{per_second: "5", as_of: 2025-11-01, source: long ago}}
      - mock/sora-2
"""


@pytest.fixture(scope="module")
def quoting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("quotes"), config=CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def client(quoting: Gateway) -> Iterator[httpx.Client]:
    with quoting.client("curious") as one:
        yield one


def quoted(reply: httpx.Response) -> dict[str, Any]:
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def data_url(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def test_every_route_is_priced_in_the_order_of_the_plan(client: httpx.Client) -> None:
    answer = quoted(client.post("/videos/quote", json={"prompt": "a paper boat", "seconds": "8"}))
    assert answer.pop("valid_on") in {str(TODAY), str(datetime.now(UTC).date())}
    assert answer == {
        "object": "video.quote",
        "model": "sora-2",
        "seconds": "8",
        "size": "720x1280",
        "currency": "usd",
        "price_usd": "2.333334",
        "price_micros": 2_333_334,
        "routes": [
            {
                "route": "dear/sora-2",
                "provider": "dear",
                "price_usd": "2.333334",
                "price_micros": 2_333_334,
                "audio": True,
                "price_as_of": "2026-11-01",
                "source": "a price page",
            },
            {
                "route": "mock/sora-2",
                "provider": "mock",
                "price_usd": "0.80",
                "price_micros": 800_000,
                "audio": True,
                "price_as_of": "2026-09-24",
                "source": "OpenAI's prices at the end of its Sora models",
            },
        ],
    }


def test_json_and_forms_are_quoted_alike_and_an_image_is_paid_for(client: httpx.Client) -> None:
    picture = png(720, 1280)
    body = {"prompt": "p", "seconds": 4, "input_reference": {"image_url": data_url(picture)}}
    answers = [
        quoted(client.post("/videos/quote", json=body)),
        quoted(
            client.post(
                "/videos/quote",
                data={"prompt": "p", "seconds": "4"},
                files={"input_reference": ("boat.png", picture, "image/png")},
            )
        ),
    ]
    assert answers[0] == answers[1]
    assert [one["price_micros"] for one in answers[0]["routes"]] == [1_206_667, 400_000]


def test_a_route_that_cannot_serve_is_told_with_the_reason(client: httpx.Client) -> None:
    """It is last, and the price at the top is that of the first that can."""
    answer = quoted(client.post("/videos/quote", json={"prompt": "p", "seed": 7}))
    assert [one["route"] for one in answer["routes"]] == ["mock/sora-2", "dear/sora-2"]
    assert answer["routes"][1] == {"route": "dear/sora-2", "provider": "dear", "reason": "takes no seed"}
    assert answer["price_micros"] == answer["routes"][0]["price_micros"] == 400_000


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": ""},
        {"prompt": "p", "seconds": "5"},
        {"prompt": "p", "size": "1x1"},
        {"prompt": "p", "model": "sora-9"},
        {"prompt": "p", "colour": "red"},
        {"prompt": "p", "characters": ["char_1"]},
        {"prompt": "p", "input_reference": {"image_url": "https://127.0.0.1/boat.png"}},
    ],
)
def test_what_a_create_refuses_is_not_quoted_either(client: httpx.Client, body: dict[str, Any]) -> None:
    """In the same words."""
    created, asked = client.post("/videos", json=body), client.post("/videos/quote", json=body)
    assert 400 <= created.status_code < 500
    assert (asked.status_code, asked.json()) == (created.status_code, created.json())


def test_what_a_key_may_not_spend_is_told(quoting: Gateway) -> None:
    """Its dearest video bars routes as it does for a create; no budget and no rate is asked."""
    quoting.telecine("projects", "create", "thrifty")
    made = quoting.telecine("keys", "create", "--project", "thrifty", "--max-cost", "0.50", "--rpm", "1")
    headers = {"Authorization": f"Bearer {made['key']}"}
    for _ in range(3):
        reply = httpx.post(
            f"{quoting.base_url}/videos/quote",
            json={"prompt": "p"},
            headers=headers,
            trust_env=False,
            verify=False,
            timeout=20,
        )
        routes = quoted(reply)["routes"]
        assert [one["route"] for one in routes] == ["mock/sora-2", "dear/sora-2"]  # what was dropped stands behind
        assert "may spend at most $0.50" in routes[1]["reason"] and "price_micros" not in routes[1]
    reply = httpx.post(
        f"{quoting.base_url}/videos/quote",
        json={"prompt": "p", "seconds": 8},
        headers=headers,
        trust_env=False,
        verify=False,
    )
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "permission_denied")


def test_a_quote_is_asked_for_with_post_and_a_key(quoting: Gateway, client: httpx.Client) -> None:
    """Its path is no video's id."""
    assert client.get("/videos/quote").status_code == 405
    reply = httpx.post(f"{quoting.base_url}/videos/quote", json={"prompt": "p"}, trust_env=False, verify=False)
    assert reply.status_code == 401
    broken = client.post("/videos/quote", content=b"{", headers={"content-type": "application/json"})
    assert broken.status_code == 400 and json.loads(broken.content)["error"]["message"]


def test_a_quote_makes_nothing(quoting: Gateway, client: httpx.Client) -> None:
    """No video, no file of its image, nothing held."""
    body = {"prompt": "p", "input_reference": {"image_url": data_url(png(720, 1280))}}
    for _ in range(3):
        quoted(client.post("/videos/quote", json=body))
    assert client.get("/videos").json()["data"] == []
    files = [one.name for one in (quoting.data_dir / "assets").rglob("*") if one.is_file()]
    assert files == ["id"], "the folder's own name, and no picture"
    budget = quoting.telecine("budgets", "set", "gateway", "1000", "--window", "total")
    assert (budget["held"], budget["spent"]) == ("$0.00", "$0.00")
