"""Webhooks over /admin: targets and their secrets, dead letters, and the end of a video told once more."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway, until
from tests.support.http_desk import say
from tests.support.receiver import Receiver, verified_by

URL = "https://films.example.com/hooks?token=canary"
CONFIG = """
webhooks: {allow_private: true}
providers:
  mock: {adapter: mock, poll_min_s: 0.1, poll_max_s: 0.3, settings: {queue_s: 0, render_s: 0.2}}
models:
  sora-2: {routes: [mock/sora-2]}
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """In a loop of its own, for tests that wait for it."""
    loop, one = asyncio.new_event_loop(), Receiver(say(410), say(200))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(one.__aenter__(), loop).result(10)
    yield one
    asyncio.run_coroutine_threadsafe(one.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def made(reply: httpx.Response) -> dict[str, Any]:
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_a_target_lives_and_every_change_of_it_is_in_the_audit_log(admin: httpx.Client) -> None:
    one = made(admin.post("/admin/webhooks", json={"scope": "project:operators-of-tests", "url": URL, "name": "site"}))
    secret, place = one["signing_secret"], f"/admin/webhooks/{one['id']}"
    assert secret.startswith("whsec_") and one["events"] == ["video.completed", "video.failed"]
    shown = made(admin.get(place))
    assert shown["url"] == "https://films.example.com/hooks?…" and "signing_secret" not in shown
    assert one["id"] in [row["id"] for row in made(admin.get("/admin/webhooks"))["data"]]
    changed = made(admin.patch(place, json={"events": ["video.started"], "url": "https://other.example.com/"}))
    assert (changed["events"], changed["url"], changed["name"]) == (
        ["video.started"],
        "https://other.example.com/",
        "site",
    )
    rotated = made(admin.post(f"{place}/rotate", json={"overlap_s": 60}))
    assert rotated["signing_secret"] != secret and rotated["signing_secrets"] == 2
    assert made(admin.post(f"{place}/disable"))["status"] == "disabled"
    assert made(admin.post(f"{place}/enable"))["status"] == "enabled"
    assert made(admin.delete(place)) == {"id": one["id"], "deleted": True}
    assert admin.get(place).status_code == 404
    log = made(admin.get("/admin/audit", params={"limit": 100}))["data"]
    mine = [entry for entry in reversed(log) if entry["object"] == f"webhook/{one['id']}"]
    assert [entry["action"] for entry in mine] == [
        f"webhook.{verb}" for verb in ("create", "change", "rotate", "disable", "enable", "remove")
    ]
    assert "canary" not in str(mine) and secret not in str(mine)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"scope": "films", "url": URL}, "scope"),
        ({"scope": "key:nobody", "url": URL}, "scope"),
        ({"scope": "project:nobody", "url": URL}, "project"),
        ({"scope": "gateway", "url": "http://films.example.com/"}, "url"),
        ({"scope": "gateway", "url": "https://10.0.0.1/"}, "url"),
        ({"scope": "gateway", "url": URL, "events": []}, "events"),
        ({"scope": "gateway", "url": URL, "events": ["video.made"]}, "events[0]"),
        ({"scope": "gateway", "url": URL, "name": "a\nb"}, "name"),
        ({"scope": "gateway"}, "url"),
        ({"scope": "gateway", "url": URL, "more": 1}, "more"),
    ],
)
def test_what_cannot_be_is_refused_by_name(admin: httpx.Client, body: dict[str, Any], param: str) -> None:
    refused = admin.post("/admin/webhooks", json=body)
    assert refused.status_code in (400, 404)
    assert refused.json()["error"]["param"] == param


def test_who_does_not_administer_sees_and_sets_nothing(client: Callable[[int], httpx.Client]) -> None:
    for method, path in (
        ("GET", "/webhooks"),
        ("POST", "/webhooks"),
        ("GET", "/dead-letters"),
        ("POST", "/dead-letters/replay"),
    ):
        assert client(1).request(method, f"/admin{path}", json={}).status_code == 403


def test_dead_letters_are_shown_and_sent_again_and_an_end_is_told_once_more(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver
) -> None:
    """A receiver that said 410 is enabled again and hears of what it missed, under the same id; then once more."""
    with Gateway(tmp_path_factory.mktemp("hooks"), config=CONFIG) as gateway:
        gateway.telecine("projects", "create", "films")
        key = gateway.telecine("keys", "create", "--project", "films", "--role", "100")["key"]
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=gateway.url, headers=headers, trust_env=False, verify=False, timeout=20) as admin:
            target = made(admin.post("/admin/webhooks", json={"scope": "project:films", "url": receiver.url}))
            time.sleep(1.5)  # a worker looks for new targets about once a second
            video = made(admin.post("/v1/videos", json={"prompt": "a boat"}))["id"]
            assert until(lambda: made(admin.get("/admin/dead-letters"))["data"], 40)
            (letter,) = made(admin.get("/admin/dead-letters"))["data"]
            assert (letter["about"], letter["heard"], letter["status"]) == (video, "gone", 410)
            assert admin.post("/admin/dead-letters/replay", json={}).status_code == 400
            assert made(admin.post("/admin/dead-letters/replay", json={"id": "evt_none"})) == {"replayed": 0}
            made(admin.post(f"/admin/webhooks/{target['id']}/enable"))
            assert made(admin.post("/admin/dead-letters/replay", json={"about": video})) == {"replayed": 1}
            # Heard is not yet noted: until then a delivery of the same id is on its way.
            assert until(lambda: tries(gateway, "delivered", "delivered") == 1, 20)
            assert made(admin.post(f"/admin/videos/{video}/webhooks/replay")) == {"replayed": 1}
            assert until(lambda: tries(gateway, "delivered", "delivered") == 2, 20)
            assert len(receiver.asked) == 3
            assert len({asked.header("webhook-id") for asked in receiver.asked}) == 1
            assert verified_by(receiver.asked[2], [target["signing_secret"]]) == [True]
            assert made(admin.get("/admin/dead-letters"))["data"] == []
            actions = [entry["action"] for entry in made(admin.get("/admin/audit"))["data"]]
            assert actions.count("webhook.replay") == 1
            assert tries(gateway, "gone", "dead") == 1


def tries(gateway: Gateway, heard: str, outcome: str) -> float:
    return gateway.figure("telecine_webhook_tries_total", heard=heard, outcome=outcome)
