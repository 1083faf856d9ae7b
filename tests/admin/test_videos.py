"""Videos over /admin: looked for in pages that say whether they are complete, cancelled, made again."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.admin.test_keys import audit, made
from tests.support.gateway import Gateway, until
from tests.support.pictures import png

PICTURE = "data:image/png;base64," + base64.b64encode(png(720, 1280)).decode()


class Maker:
    """A project with a key, and its videos."""

    def __init__(self, gateway: Gateway, admin: httpx.Client, project: str) -> None:
        self.gateway, self.admin, self.project = gateway, admin, project
        admin.post("/admin/projects", json={"name": project})
        key = made(admin.post("/admin/keys", json={"project": project}))
        self.key: str = key["id"]
        self._headers = {"Authorization": f"Bearer {key['key']}"}

    def make(self, prompt: str = "[mock:fast] a boat", **more: Any) -> str:
        url = f"{self.gateway.base_url}/videos"
        body = {"prompt": prompt, **more}
        return str(
            made(httpx.post(url, json=body, headers=self._headers, trust_env=False, verify=False, timeout=20))["id"]
        )

    def ended(self, video: str) -> dict[str, Any]:
        place = f"/admin/videos/{video}"
        assert until(lambda: made(self.admin.get(place))["status"] in ("completed", "failed"), 60, every_s=0.2)
        return made(self.admin.get(place))

    def delete(self, video: str) -> None:
        httpx.delete(f"{self.gateway.base_url}/videos/{video}", headers=self._headers, trust_env=False, verify=False)

    def found(self, **query: Any) -> dict[str, Any]:
        return made(self.admin.get("/admin/videos", params={"project": self.project, **query}))

    def ids(self, **query: Any) -> list[str]:
        return [one["id"] for one in self.found(**query)["data"]]


@pytest.fixture(scope="module")
def maker(gateway: Gateway, client: Callable[[int], httpx.Client]) -> Maker:
    return Maker(gateway, client(100), "studio")


def test_videos_are_found_by_what_they_are(maker: Maker) -> None:
    plain = maker.make(metadata={"campaign": "spring"})
    other = maker.make("[mock:refuse=blocked] a boat", model="sora-2-pro")
    for video in (plain, other):
        maker.ended(video)
    assert maker.ids()[:2] == [other, plain]
    assert maker.ids(state="completed") == [plain]
    assert maker.ids(state="failed") == [other]
    assert maker.ids(model="sora-2") == maker.ids(provider="mock") == maker.ids(tag="campaign=spring") == [plain]
    assert maker.ids(tag="campaign") == [plain] and maker.ids(tag="campaign=autumn") == []
    assert maker.ids(key=maker.key) == [other, plain] and maker.ids(key="key_none") == []
    assert maker.ids(since="2026-01-01", until="9999-01-01") == [other, plain]
    assert maker.ids(until="2026-01-01") == maker.ids(since="9999-01-01") == []
    (shown,) = maker.found(state="completed")["data"]
    assert (shown["providers"], shown["tags"]) == (["mock"], {"campaign": "spring"})
    assert "prompt" not in shown


def test_a_search_goes_on_behind_its_page_and_says_when_it_is_complete(gateway: Gateway, admin: httpx.Client) -> None:
    one, two = Maker(gateway, admin, "pages-one"), Maker(gateway, admin, "pages-two")
    mixed = [maker.make(metadata={"pages": "yes"}) for maker in (one, two, one, two, one)]
    for order, expected in (("desc", mixed[::-1]), ("asc", mixed)):
        query: dict[str, Any] = {"tag": "pages=yes", "limit": 2, "order": order}
        seen: list[str] = []
        for _ in range(20):
            page = made(admin.get("/admin/videos", params=query))
            seen += [video["id"] for video in page["data"]]
            assert page["has_more"] is not page["complete"]
            if page["complete"]:
                break
            query["after"] = page["scanned_to"]
        assert seen == expected and page["complete"]
    one.ended(mixed[0])
    one.delete(mixed[0])
    assert mixed[0] not in one.ids()


def test_a_running_video_is_cancelled_once(maker: Maker, admin: httpx.Client) -> None:
    video = maker.make("[mock:slow=60] a boat")
    place = f"/admin/videos/{video}/cancel"
    asked = made(admin.post(place))
    assert asked["id"] == video and asked["state"] in ("asked", "cancelled")
    made(admin.post(place))
    assert maker.ended(video)["cancel"]["state"] == "cancelled"
    deeds = audit(admin, f"video/{video}")
    assert [(one["action"], one["after"]) for one in deeds] == [("video.cancel", {"cancel": "asked"})]
    done = maker.make()
    maker.ended(done)
    late = admin.post(f"/admin/videos/{done}/cancel")
    assert (late.status_code, late.json()["error"]["code"]) == (409, "conflict")


def test_an_ended_video_is_made_again_of_its_record(maker: Maker, admin: httpx.Client) -> None:
    wish = {"routing": {"only": ["spare"], "deadline_s": 600}, "max_cost_usd": "2.50"}
    first = maker.make(
        "[mock:fast] a picture", input_reference={"image_url": PICTURE}, metadata={"take": "1"}, seconds="8", **wish
    )
    old = maker.ended(first)
    again = made(admin.post(f"/admin/videos/{first}/retry"))
    assert again["retry_of"] == first and again["id"] != first
    new = maker.ended(again["id"])
    assert (new["retry_of"], new["state"], new["project"], new["key"]) == (
        first,
        "completed",
        old["project"],
        maker.key,
    )
    assert new["request"] == old["request"] and new["tags"] == old["tags"]
    assert new["money"]["cost_usd"] == old["money"]["cost_usd"] != "0.00"
    (deed,) = audit(admin, f"video/{first}")
    assert (deed["action"], deed["after"]) == ("video.retry", {"retry": again["id"]})
    assert new["preferences"] == old["preferences"] == wish
    assert [one["route"] for one in new["plan"] if one["kept"]] == ["spare/sora-2"]
    anew = maker.ended(made(admin.post(f"/admin/videos/{first}/retry", params={"anew": "true"}))["id"])
    assert "preferences" not in anew and all(one["kept"] for one in anew["plan"])


def test_commands_find_and_retry_a_video_as_admin_does(maker: Maker, gateway: Gateway, admin: httpx.Client) -> None:
    first = maker.make("[mock:fast] by command", metadata={"by": "command"})
    maker.ended(first)
    row = gateway.telecine("videos", "list", "--project", "studio", "--tag", "by=command", "--limit", "1")
    (shown,) = maker.found(tag="by=command")["data"]
    assert row == shown and row["id"] == first
    again = gateway.telecine("videos", "retry", first, "--name", "ticket-1")
    assert again == gateway.telecine("videos", "retry", first, "--name", "ticket-1")
    assert maker.ended(again["id"])["state"] == "completed"
    assert [(one["actor"], one["after"]) for one in audit(admin, f"video/{first}")] == [("cli", {"retry": again["id"]})]


def test_a_retry_that_is_sent_again_under_its_name_is_charged_once(maker: Maker, admin: httpx.Client) -> None:
    first = maker.make("[mock:fast] once")
    maker.ended(first)
    place = f"/admin/videos/{first}/retry"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: admin.post(place, headers={"Idempotency-Key": "take two"}), range(4)))
    (again,) = {made(one)["id"] for one in answers}
    other = made(admin.post(place, headers={"Idempotency-Key": "take three"}))["id"]
    assert len({first, again, other, made(admin.post(place))["id"]}) == 4
    assert [maker.ended(one)["retry_of"] for one in (again, other)] == [first, first]
    assert len(audit(admin, f"video/{first}")) == 3, "what made nothing is no deed"


def test_what_cannot_be_made_again_is_refused_by_name(gateway: Gateway, admin: httpx.Client) -> None:
    maker = Maker(gateway, admin, "refused-retries")
    running = maker.make("[mock:slow=60] a boat")
    assert admin.post(f"/admin/videos/{running}/retry").status_code == 409
    made(admin.post(f"/admin/videos/{running}/cancel"))
    maker.ended(running)
    pictured = maker.make(input_reference={"image_url": PICTURE})
    maker.ended(pictured)
    for path in (gateway.data_dir / "assets").rglob(f"*{pictured}*"):
        if path.is_file():
            path.unlink()
    gone = admin.post(f"/admin/videos/{pictured}/retry")
    assert (gone.status_code, gone.json()["error"]["param"]) == (404, "input_reference"), gone.text
    made(admin.post(f"/admin/keys/{maker.key}/revoke"))
    closed = admin.post(f"/admin/videos/{running}/retry")
    assert (closed.status_code, closed.json()["error"]["code"]) == (409, "conflict")
    assert admin.post(f"/admin/videos/video_{'0' * 48}/retry").status_code == 404
    assert len(maker.ids()) == 2


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"state": "odd"}, "state"),
        ({"since": "soon"}, "since"),
        ({"after": "x"}, "after"),
        ({"project": "no"}, "project"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(admin: httpx.Client, query: dict[str, str], param: str) -> None:
    refused = admin.get("/admin/videos", params=query)
    assert refused.status_code in (400, 404) and refused.json()["error"]["param"] == param
