"""Limits and budgets over the wire: statuses, codes and headers that SDKs act on, set while the gateway runs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway, until

RATE = ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests")


class Client:
    """A project of its own with a key."""

    def __init__(self, gateway: Gateway, name: str, *limits: str) -> None:
        self.gateway, self.project = gateway, name
        gateway.telecine("projects", "create", name)
        made = gateway.telecine("keys", "create", "--project", name, *limits)
        self.key_id, self._secret = made["id"], made["key"]

    def create(self, **fields: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._secret}"}
        body = {"prompt": "a paper boat", **fields}
        return httpx.post(
            f"{self.gateway.base_url}/videos", json=body, headers=headers, trust_env=False, verify=False, timeout=20
        )


def error(reply: httpx.Response, status: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    found: dict[str, Any] = reply.json()["error"]
    return found


def test_a_rate_is_told_with_every_video_and_refused_with_the_time_to_wait(gateway: Gateway) -> None:
    client = Client(gateway, "rated", "--rpm", "2")
    first, second, third = (client.create() for _ in range(3))
    assert [first.headers[name] for name in RATE[:2]] == ["2", "1"]
    assert [second.headers[name] for name in RATE[:2]] == ["2", "0"]
    assert 0 < float(second.headers[RATE[2]].removesuffix("s").replace("m", "")) <= 100
    found = error(third, 429)
    assert (found["type"], found["code"]) == ("requests", "rate_limit_exceeded")
    assert 1 <= int(third.headers["retry-after"]) <= 30
    assert third.headers[RATE[1]] == "0"
    assert "x-should-retry" not in third.headers


def test_who_has_no_limit_is_told_none(api: httpx.Client) -> None:
    reply = api.post("/videos", json={"prompt": "a paper boat"})
    assert reply.status_code == 200
    assert not set(RATE) & set(reply.headers)


def test_a_used_up_budget_is_not_to_be_sent_again(gateway: Gateway) -> None:
    """Set while the gateway runs, it holds from the next request on; removed, it does not."""
    client = Client(gateway, "capped")
    assert client.create().status_code == 200
    budget = gateway.telecine("budgets", "set", "project:capped", "0.50", "--window", "day")
    assert (budget["cap"], budget["overrun"]) == ("$0.50", None)
    reply = client.create()
    found = error(reply, 429)
    assert (found["type"], found["code"]) == ("insufficient_quota", "insufficient_quota")
    assert reply.headers["x-should-retry"] == "false" and "retry-after" not in reply.headers
    assert "This project's daily budget of $0.50" in found["message"]
    gateway.telecine("budgets", "remove", "project:capped", "--window", "day")
    assert client.create().status_code == 200


@pytest.mark.parametrize(
    ("limits", "param"),
    [
        (("--models", "sora-2-pro"), "model"),
        (("--sizes", "1280x720"), "size"),
        (("--seconds", "8,12"), "seconds"),
        (("--max-cost", "0.10"), None),
        (("--sandbox-only", "yes"), None),
    ],
)
def test_what_a_key_may_not_ask_for_is_forbidden(gateway: Gateway, limits: tuple[str, str], param: str | None) -> None:
    client = Client(gateway, "barred" + limits[0].replace("-", ""), *limits)
    found = error(client.create(), 403)
    assert (found["code"], found["param"]) == ("permission_denied", param)
    gateway.telecine("keys", "limit", client.key_id, limits[0], "no" if limits[1] == "yes" else "none")
    # What is known of a key is a second old at most.
    assert until(lambda: client.create().status_code == 200, 3, every_s=0.1)
