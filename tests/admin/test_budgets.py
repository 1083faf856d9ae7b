"""Budgets over /admin: set, listed, removed, each with its entry in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.admin.test_keys import audit, made
from tests.support.gateway import Gateway


def test_a_budget_is_set_changed_and_removed(admin: httpx.Client, gateway: Gateway) -> None:
    project = made(admin.post("/admin/projects", json={"name": "capped"}))["id"]
    body = {"scope": "project:capped", "window": "day", "cap_usd": "5.00"}
    cap = made(admin.put("/admin/budgets", json=body))
    assert (cap["id"], cap["cap_usd"], cap["left_usd"]) == (f"project/{project}/day", "5.00", "5.00")
    assert cap["thresholds"] == [50, 80, 100] and cap["resets_at"]
    made(admin.put("/admin/budgets", json={**body, "cap_usd": "0.01", "thresholds": [90]}))
    secret = made(admin.post("/admin/keys", json={"project": "capped"}))["key"]
    headers = {"Authorization": f"Bearer {secret}"}
    refused = httpx.post(
        f"{gateway.base_url}/videos", json={"prompt": "x"}, headers=headers, trust_env=False, verify=False
    )
    assert refused.status_code == 429, refused.text
    assert cap["id"] in [one["id"] for one in made(admin.get("/admin/budgets", params={"limit": 100}))["data"]]
    query = {"scope": "project:capped", "window": "day"}
    assert made(admin.delete("/admin/budgets", params=query)) == {"id": cap["id"], "deleted": True}
    assert admin.delete("/admin/budgets", params=query).status_code == 404
    deeds = audit(admin, f"budget/{cap['id']}")
    assert [one["action"] for one in deeds] == ["budget.set", "budget.set", "budget.remove"]
    first, second = {"cap_usd": "5.00", "thresholds": [50, 80, 100]}, {"cap_usd": "0.01", "thresholds": [90]}
    assert [(one["before"], one["after"]) for one in deeds] == [(None, first), (first, second), (second, None)]


def test_the_command_line_writes_the_same_log(admin: httpx.Client, gateway: Gateway) -> None:
    gateway.telecine("budgets", "set", "provider:mock", "900", "--window", "month")
    gateway.telecine("budgets", "remove", "provider:mock", "--window", "month")
    deeds = audit(admin, "budget/provider/mock/month")
    assert [(one["actor"], one["action"]) for one in deeds] == [("cli", "budget.set"), ("cli", "budget.remove")]


def test_the_caps_of_providers_and_of_the_gateway_need_a_key_that_controls(
    client: Callable[[int], httpx.Client],
) -> None:
    for scope in ("gateway", "provider:mock"):
        body = {"scope": scope, "window": "total", "cap_usd": "100000"}
        assert client(10).put("/admin/budgets", json=body).status_code == 403
        assert client(100).put("/admin/budgets", json=body).status_code == 200
        query = {"scope": scope, "window": "total"}
        assert client(10).delete("/admin/budgets", params=query).status_code == 403
        assert client(100).delete("/admin/budgets", params=query).status_code == 200


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"scope": "project:nobody"}, "scope"),
        ({"scope": "provider:nobody"}, "scope"),
        ({"scope": "gateway:x"}, "scope"),
        ({"scope": "x"}, "scope"),
        ({"window": "week"}, "window"),
        ({"cap_usd": "-1"}, "cap_usd"),
        ({"thresholds": [80, 50]}, "thresholds"),
    ],
)
def test_a_field_that_does_not_fit_is_named(admin: httpx.Client, change: dict[str, Any], param: str) -> None:
    body = {"scope": "gateway", "window": "day", "cap_usd": "5", **change}
    refused = admin.put("/admin/budgets", json=body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
