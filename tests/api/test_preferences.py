"""`routing` and `max_cost_usd` over the wire: what a request says about its own routes is kept to, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway

CONFIG = """
gateway: {deadline_s: 600}
providers:
  dear: {adapter: mock}
  cheap: {adapter: mock}
models:
  sora-2:
    routes:
      - {route: dear/sora-2, prices: [{per_second: "0.20", as_of: 2026-11-01, source: a page}]}
      - {route: cheap/sora-2, prices: [{per_second: "0.10", as_of: 2026-11-01, source: a page}]}
  loose:
    nearest: nearest
    routes: [cheap/sora-2-pro]
"""


@pytest.fixture(scope="module")
def steered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("steered"), config=CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def client(steered: Gateway) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {steered.create_key('picky')}"}
    with httpx.Client(base_url=steered.base_url, headers=headers, trust_env=False, verify=False, timeout=20) as one:
        yield one


def kept(client: httpx.Client, **fields: Any) -> list[str]:
    reply = client.post("/videos/quote", json={"prompt": "p", **fields})
    assert reply.status_code == 200, reply.text
    return [one["provider"] for one in reply.json()["routes"] if "reason" not in one]


def error(reply: httpx.Response, status: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    found: dict[str, Any] = reply.json()["error"]
    return found


def test_a_request_chooses_its_strategy_and_its_providers(client: httpx.Client) -> None:
    """The quote is ranked as the create would be."""
    assert kept(client) == ["dear", "cheap"]
    assert kept(client, routing={"strategy": "cheapest"}) == ["cheap", "dear"]
    assert kept(client, routing={"only": ["cheap"]}) == kept(client, routing={"except": ["dear"]}) == ["cheap"]
    assert kept(client, max_cost_usd="0.40") == kept(client, routing={"max_cost_usd": 0.4}) == ["cheap"]


def test_what_leaves_no_route_is_refused_before_anything_is_made(client: httpx.Client) -> None:
    found = error(client.post("/videos", json={"prompt": "p", "max_cost_usd": "0.39"}), 400)
    assert (found["code"], found["param"]) == ("max_cost_exceeded", "max_cost_usd")
    found = error(client.post("/videos", json={"prompt": "p", "routing": {"only": ["acme"]}}), 400)
    assert found["param"] == "routing.only" and "'dear' and 'cheap'" in found["message"]
    assert client.get("/videos").json()["data"] == []


def test_a_form_says_the_same_in_brackets_and_the_record_keeps_it(steered: Gateway, client: httpx.Client) -> None:
    """As an SDK flattens it; the deadline is the request's, the strategy stands in the record."""
    form = {"prompt": (None, "p"), "routing[only][]": (None, "cheap"), "routing[strategy]": (None, "cheapest")}
    reply = client.post("/videos", files={**form, "routing[deadline_s]": (None, "60")})
    assert reply.status_code == 200, reply.text
    shown = steered.telecine("videos", "show", reply.json()["id"])
    assert [one["dropped"] for one in shown["plan"]] == [None, "is not among the request's providers"]
    assert shown["strategy"] == "cheapest"


def test_the_same_key_with_other_routing_is_another_request(client: httpx.Client) -> None:
    """An `Idempotency-Key` covers where a video may go and what it may cost."""
    headers = {"Idempotency-Key": "routed"}
    body = {"prompt": "p", "routing": {"only": ["cheap"]}}
    first = client.post("/videos", json=body, headers=headers)
    assert client.post("/videos", json=body, headers=headers).json()["id"] == first.json()["id"]
    for other in ({"routing": {"only": ["dear"]}}, {"routing": {"only": ["cheap"]}, "max_cost_usd": "0.5"}, {}):
        again = client.post("/videos", json={"prompt": "p", **other}, headers=headers)
        assert error(again, 422)["code"] == "idempotency_key_reused"


def test_a_key_that_may_not_route_may_still_say_what_it_pays(steered: Gateway) -> None:
    """`--routing denied`, of a key or of its project; a price limit needs no permission."""
    steered.telecine("projects", "create", "held")
    made = steered.telecine("keys", "create", "--project", "held", "--routing", "denied")
    headers = {"Authorization": f"Bearer {made['key']}"}
    with httpx.Client(base_url=steered.base_url, headers=headers, trust_env=False, verify=False, timeout=20) as held:
        found = error(held.post("/videos", json={"prompt": "p", "routing": {"strategy": "fastest"}}), 403)
        assert (found["code"], found["param"]) == ("permission_denied", "routing")
        assert kept(held, max_cost_usd=0.4) == ["cheap"]
        steered.telecine("keys", "limit", made["id"], "--routing", "allowed")
        assert steered.telecine("keys", "limit", made["id"]) == {}


def test_what_is_rendered_instead_is_told_in_the_answer_and_ever_after(client: httpx.Client) -> None:
    """In a header for whoever looks once, in the video for whoever looks later; the price is that of what is made."""
    body = {"prompt": "p", "model": "loose", "seconds": 5, "size": "1000x500"}
    told = {"size": {"asked": "1000x500", "rendered": "1280x720"}, "seconds": {"asked": "5", "rendered": "8"}}
    reply = client.post("/videos", json=body)
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-telecine-adjusted"] == "size=1280x720, seconds=8"
    for face in (reply.json(), client.get(f"/videos/{reply.json()['id']}").json()):
        assert (face["size"], face["seconds"], face["adjusted"]) == ("1280x720", "8", told)
    quote = client.post("/videos/quote", json=body).json()
    assert (quote["adjusted"], quote["seconds"]) == (told, "8")
    exact = client.post("/videos", json={"prompt": "p", "model": "loose", "seconds": 8})
    assert "x-telecine-adjusted" not in exact.headers and "adjusted" not in exact.json()
    error(client.post("/videos", json={**body, "model": "sora-2"}), 400)
