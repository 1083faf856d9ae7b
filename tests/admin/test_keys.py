"""Projects and keys over /admin: made, limited, rotated, revoked; each change in the audit log, and no secret there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway, until

LIMITS: dict[str, Any] = {
    "rpm": 25,
    "in_flight": 10,
    "max_cost_usd": "2.50",
    "models": ["sora-2"],
    "sizes": ["1280x720"],
    "seconds": [4, 8],
    "sandbox_only": True,
    "routing": "denied",
    "priority": 5,
    "priority_max": 8,
    "reuse_s": 0,
    "tags": {"campaign": "spring"},
    "project_class": "trial",
}


def made(reply: httpx.Response) -> dict[str, Any]:
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def new_key(admin: httpx.Client, project: str, **more: Any) -> dict[str, Any]:
    admin.post("/admin/projects", json={"name": project})
    return made(admin.post("/admin/keys", json={"project": project, **more}))


def asks(gateway: Gateway, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(f"{gateway.base_url}/models", headers=headers, trust_env=False, verify=False).status_code


def audit(admin: httpx.Client, what: str) -> list[dict[str, Any]]:
    """Of one object, oldest first."""
    found = made(admin.get("/admin/audit", params={"limit": 100}))["data"]
    return [one for one in reversed(found) if one["object"] == what]


def test_a_project_is_made_limited_and_closed(admin: httpx.Client, gateway: Gateway) -> None:
    project = made(admin.post("/admin/projects", json={"name": "films", "limits": {"rpm": 5}}))
    assert (project["name"], project["status"], project["limits"]) == ("films", "active", {"rpm": 5})
    assert admin.post("/admin/projects", json={"name": "films"}).status_code == 409
    limited = made(admin.put("/admin/projects/films/limits", json=LIMITS))
    assert limited["limits"] == LIMITS
    assert made(admin.get(f"/admin/projects/{project['id']}")) == limited
    secret = made(admin.post("/admin/keys", json={"project": "films"}))["key"]
    assert asks(gateway, secret) == 200
    assert made(admin.post("/admin/projects/films/close"))["status"] == "closed"
    assert asks(gateway, secret) == 401
    assert admin.post("/admin/keys", json={"project": "films"}).status_code == 409
    deeds = audit(admin, f"project/{project['id']}")
    assert [one["action"] for one in deeds] == ["project.create", "project.limit", "project.close"]
    assert deeds[0]["before"] is None and deeds[0]["after"]["name"] == "films"
    assert (deeds[1]["before"]["limits"], deeds[1]["after"]["limits"]) == ({"rpm": 5}, LIMITS)
    assert deeds[2]["after"]["status"] == "closed"
    assert all(one["actor"].startswith("key_") for one in deeds)


def test_a_key_is_shown_once_and_its_secret_never_again(admin: httpx.Client, gateway: Gateway) -> None:
    key = new_key(admin, "secrets", name="laptop", expires_in_s=3600, limits={"in_flight": 2})
    secret = key.pop("key")
    assert asks(gateway, secret) == 200
    assert made(admin.get(f"/admin/keys/{key['id']}")) == key
    assert (key["name"], key["role"], key["limits"]) == ("laptop", 1, {"in_flight": 2})
    listed = made(admin.get("/admin/keys", params={"project": "secrets"}))
    assert [one["id"] for one in listed["data"]] == [key["id"]]
    texts = [json.dumps(listed), json.dumps(audit(admin, f"key/{key['id']}")), gateway.log()]
    assert not any(secret in text for text in texts)


def test_a_rotated_key_has_a_new_secret_at_once_and_keeps_the_old_one_for_the_overlap(
    admin: httpx.Client, gateway: Gateway
) -> None:
    key = new_key(admin, "rotated")
    first, place = key["key"], f"/admin/keys/{key['id']}"
    second = made(admin.post(f"{place}/rotate", json={}))
    assert second["id"] == key["id"] and second["old_valid_until"]
    assert [asks(gateway, one) for one in (first, second["key"])] == [200, 200]
    third = made(admin.post(f"{place}/rotate", json={"overlap_s": 5}))["key"]
    assert [asks(gateway, one) for one in (first, second["key"], third)] == [401, 200, 200]
    assert until(lambda: asks(gateway, second["key"]) == 401, 20)
    fourth = made(admin.post(f"{place}/rotate", json={"overlap_s": 0}))
    assert fourth["old_valid_until"] is None
    assert [asks(gateway, one) for one in (third, fourth["key"])] == [401, 200]
    assert [one["action"] for one in audit(admin, f"key/{key['id']}")] == ["key.create", *["key.rotate"] * 3]


def test_limits_and_a_revocation_hold_for_both_secrets_of_an_overlap(admin: httpx.Client, gateway: Gateway) -> None:
    key = new_key(admin, "both")
    place = f"/admin/keys/{key['id']}"
    second = made(admin.post(f"{place}/rotate", json={}))["key"]
    made(admin.put(f"{place}/limits", json={"models": ["none-such"]}))
    for secret in (key["key"], second):
        headers = {"Authorization": f"Bearer {secret}"}
        refused = httpx.post(
            f"{gateway.base_url}/videos", json={"prompt": "x"}, headers=headers, trust_env=False, verify=False
        )
        assert refused.status_code == 403, refused.text
    assert made(admin.post(f"{place}/revoke"))["status"] == "revoked"
    assert [asks(gateway, secret) for secret in (key["key"], second)] == [401, 401]
    assert admin.post(f"{place}/rotate", json={}).status_code == 409


def test_nobody_makes_or_changes_a_key_of_a_higher_role(
    admin: httpx.Client, client: Callable[[int], httpx.Client]
) -> None:
    lower = client(10)
    above = new_key(admin, "roles", role=100)
    assert lower.post("/admin/keys", json={"project": "roles", "role": 100}).status_code == 403
    for path in ("revoke", "rotate"):
        assert lower.post(f"/admin/keys/{above['id']}/{path}", json={}).status_code == 403
    assert lower.put(f"/admin/keys/{above['id']}/limits", json={}).status_code == 403
    assert made(lower.post("/admin/keys", json={"project": "roles", "role": 10}))["role"] == 10
    assert made(admin.get(f"/admin/keys/{above['id']}"))["status"] == "active"


def test_nobody_closes_limits_or_caps_a_project_that_has_a_key_of_a_higher_role(
    admin: httpx.Client, client: Callable[[int], httpx.Client]
) -> None:
    """It would end that key, or hold it back, by another door."""
    lower, above = client(10), new_key(admin, "controllers", role=100)
    assert lower.post("/admin/projects/controllers/close").status_code == 403
    assert made(admin.get("/admin/projects/controllers"))["status"] == "active"
    assert lower.put("/admin/projects/controllers/limits", json={"rpm": 1}).status_code == 403
    for scope in (f"key:{above['id']}", "project:controllers"):
        body = {"scope": scope, "window": "day"}
        assert lower.put("/admin/budgets", json={**body, "cap_usd": "0"}).status_code == 403
        assert lower.delete("/admin/budgets", params=body).status_code == 403
    made(admin.post(f"/admin/keys/{above['id']}/revoke"))
    assert made(lower.put("/admin/projects/controllers/limits", json={"rpm": 1}))["limits"]["rpm"] == 1
    assert made(lower.post("/admin/projects/controllers/close"))["status"] == "closed"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"project": "wrong"}, "project"),
        ({"project": "keys-refused", "role": 5}, "role"),
        ({"project": "keys-refused", "colour": 1}, "colour"),
        ({"name": "x"}, "project"),
        ({"project": "keys-refused", "limits": {"rpm": 0}}, "limits.rpm"),
        ({"project": "keys-refused", "limits": {"sizes": ["big"]}}, "limits.sizes"),
        ({"project": "keys-refused", "limits": {"tags": {"a=b": "c"}}}, "limits.tags"),
        ({"project": "keys-refused", "limits": {"max_cost_usd": "1e3"}}, "limits.max_cost_usd"),
        ({"project": "keys-refused", "limits": {"max_cost_usd": "9999999999.9"}}, "limits.max_cost_usd"),
    ],
)
def test_a_field_that_does_not_fit_is_named_and_nothing_is_made(
    admin: httpx.Client, body: dict[str, Any], param: str
) -> None:
    admin.post("/admin/projects", json={"name": "keys-refused"})
    refused = admin.post("/admin/keys", json=body)
    assert refused.status_code in (400, 404), refused.text
    assert refused.json()["error"]["param"] == param
    assert made(admin.get("/admin/keys", params={"project": "keys-refused"}))["data"] == []


def test_a_list_is_read_in_pages(admin: httpx.Client) -> None:
    ids = [new_key(admin, "pages")["id"] for _ in range(5)]
    first = made(admin.get("/admin/keys", params={"project": "pages", "limit": 2}))
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (ids[:2:-1], True)
    assert (first["object"], first["first_id"], first["last_id"]) == ("list", ids[4], ids[3])
    query = {"project": "pages", "limit": 3, "after": first["last_id"]}
    rest = made(admin.get("/admin/keys", params=query))
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == (ids[2::-1], False)
    assert admin.get("/admin/keys", params={"after": "key_none"}).json()["error"]["param"] == "after"


def test_the_command_line_writes_the_same_log(admin: httpx.Client, gateway: Gateway) -> None:
    gateway.telecine("projects", "create", "by-command")
    key = gateway.telecine("keys", "create", "--project", "by-command")
    gateway.telecine("keys", "limit", key["id"], "--rpm", "5")
    rotated = gateway.telecine("keys", "rotate", key["id"], "--overlap", "0")
    assert [asks(gateway, one) for one in (key["key"], rotated["key"])] == [401, 200]
    gateway.telecine("keys", "revoke", key["id"])
    deeds = audit(admin, f"key/{key['id']}")
    assert [(one["actor"], one["action"]) for one in deeds] == [
        ("cli", f"key.{verb}") for verb in ("create", "limit", "rotate", "revoke")
    ]
    assert deeds[1]["after"]["limits"] == {"rpm": 5}
    latest = gateway.telecine("audit", "--limit", "1")
    assert (latest["action"], latest["object"]) == ("key.revoke", f"key/{key['id']}")
