"""Providers and routes over /admin: looked at, drained, enabled, reset; new videos go elsewhere, running ones end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.admin.test_keys import audit, made
from tests.support.gateway import Gateway, until


@pytest.fixture(scope="module")
def maker(gateway: Gateway) -> Callable[..., httpx.Response]:
    """Makes a video."""
    headers = {"Authorization": f"Bearer {gateway.create_key('makers')}"}

    def make(prompt: str = "a boat", **more: Any) -> httpx.Response:
        body = {"prompt": prompt, **more}
        return httpx.post(
            f"{gateway.base_url}/videos", json=body, headers=headers, trust_env=False, verify=False, timeout=20
        )

    return make


def providers_of(admin: httpx.Client, reply: httpx.Response) -> list[str]:
    video = made(reply)["id"]
    place = f"/admin/videos/{video}"
    assert until(lambda: made(admin.get(place))["status"] in ("completed", "failed"), 60, every_s=0.2)
    return [one["route"].partition("/")[0] for one in made(admin.get(place))["attempts"]]


def test_providers_and_routes_are_shown(admin: httpx.Client) -> None:
    found = made(admin.get("/admin/providers"))["data"]
    assert [(one["id"], one["adapter"], one["drained"]) for one in found] == [
        ("mock", "mock", False),
        ("spare", "mock", False),
    ]
    assert found[0]["health"]["breaker"]["state"] == "closed"
    routes = made(admin.get("/admin/routes"))["data"]
    assert {one["id"]: one["models"] for one in routes} == {
        "mock/sora-2": ["sora-2"],
        "spare/sora-2": ["sora-2"],
        "spare/sora-2-pro": ["sora-2-pro"],
    }
    assert made(admin.get("/admin/providers/mock")) == found[0]
    assert admin.get("/admin/providers/none").status_code == 404


def test_a_drained_provider_gets_no_new_work_until_it_is_enabled(
    admin: httpx.Client, maker: Callable[..., httpx.Response]
) -> None:
    running = maker("it runs meanwhile")
    assert made(admin.post("/admin/providers/mock/drain")) == {"id": "mock", "drained": True, "changed": True}
    try:
        assert made(admin.post("/admin/providers/mock/drain"))["changed"] is False
        assert made(admin.get("/admin/providers/mock"))["drained"] is True

        def dropped() -> bool:
            plan = made(admin.get(f"/admin/videos/{made(maker())['id']}"))["plan"]
            return [one["route"] for one in plan if one["kept"]] == ["spare/sora-2"]

        assert until(dropped, 10, every_s=0.5)
        assert providers_of(admin, maker()) == ["spare"]
        assert providers_of(admin, running)
    finally:
        assert made(admin.post("/admin/providers/mock/enable"))["changed"] is True
    assert until(lambda: providers_of(admin, maker()) == ["mock"], 30)
    assert [one["action"] for one in audit(admin, "provider/mock")][:2] == ["provider.drain", "provider.enable"]


def test_where_everything_is_drained_creates_are_asked_to_come_again(
    admin: httpx.Client, maker: Callable[..., httpx.Response]
) -> None:
    body = {"route": "spare/sora-2-pro"}
    assert made(admin.post("/admin/routes/drain", json=body))["changed"] is True
    try:
        assert until(lambda: maker(model="sora-2-pro").status_code == 503, 10, every_s=0.5)
        refused = maker(model="sora-2-pro")
        assert refused.json()["error"]["type"] == "service_unavailable_error" and refused.headers["retry-after"]
    finally:
        assert made(admin.post("/admin/routes/enable", json=body))["changed"] is True
    assert until(lambda: maker(model="sora-2-pro").status_code == 200, 10, every_s=0.5)


def test_a_breaker_is_reset_and_that_is_written_down(admin: httpx.Client) -> None:
    assert made(admin.post("/admin/providers/spare/reset")) == {"id": "spare", "was_open": False}
    assert made(admin.post("/admin/routes/reset", json={"route": "spare/sora-2"}))["was_open"] is False
    (deed,) = [one for one in audit(admin, "route/spare/sora-2") if one["action"] == "route.reset"]
    assert deed["after"] == {"breaker": "closed"}
    assert admin.post("/admin/routes/reset", json={"route": "spare/none"}).status_code == 404


def test_whoever_only_administers_looks_and_changes_nothing(client: Callable[[int], httpx.Client]) -> None:
    lower = client(10)
    assert lower.get("/admin/providers").status_code == 200
    for verb in ("drain", "enable", "reset"):
        assert lower.post(f"/admin/providers/mock/{verb}").status_code == 403
        assert lower.post(f"/admin/routes/{verb}", json={"route": "mock/sora-2"}).status_code == 403


def test_the_command_line_drains_too(admin: httpx.Client, gateway: Gateway) -> None:
    assert gateway.telecine("providers", "drain", "spare/sora-2")["changed"] is True
    assert gateway.telecine("providers", "enable", "spare/sora-2")["changed"] is True
    deeds = [one for one in audit(admin, "route/spare/sora-2") if one["actor"] == "cli"]
    assert [one["action"] for one in deeds] == ["route.drain", "route.enable"]
