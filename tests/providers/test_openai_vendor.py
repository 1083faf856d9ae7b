"""The simulated vendor is as strict as the contract: a stand-in that takes anything would prove nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.vendor import Fault, Vendor, vendor

KEYS = [
    "id",
    "object",
    "created_at",
    "status",
    "completed_at",
    "error",
    "expires_at",
    "model",
    "progress",
    "prompt",
    "remixed_from_video_id",
    "seconds",
    "size",
]


@pytest_asyncio.fixture
async def v(tmp_path: Path) -> AsyncIterator[Vendor]:
    async with vendor(clips=str(tmp_path), queue_s=0.05, render_s=0.15) as running:
        yield running


@pytest_asyncio.fixture
async def http(v: Vendor) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {v.api_key}"}
    async with httpx.AsyncClient(base_url=v.base_url, headers=headers, trust_env=False, verify=False) as client:
        yield client


async def made(http: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    reply = await http.post("/videos", json={"prompt": "A paper boat", **fields})
    assert reply.status_code == 200, reply.text
    video: dict[str, Any] = reply.json()
    return video


async def test_a_video_has_thirteen_keys_and_lives_its_four_states(v: Vendor, http: httpx.AsyncClient) -> None:
    """In the order of real answers; integers where integers are due; progress never goes back."""
    video = await made(http)
    assert list(video) == KEYS and video["status"] == "queued" and video["progress"] == 0
    assert (video["model"], video["seconds"], video["size"]) == ("sora-2", "4", "720x1280")
    seen: list[str] = []
    progress: list[int] = []
    while not seen or seen[-1] != "completed":
        reply = await http.get(f"/videos/{video['id']}")
        face = reply.json()
        assert list(face) == KEYS and type(face["progress"]) is int
        assert ("openai-poll-after-ms" in reply.headers) == (face["status"] != "completed")
        seen.append(face["status"])
        progress.append(face["progress"])
        await asyncio.sleep(0.02)
    assert list(dict.fromkeys(seen)) == ["queued", "in_progress", "completed"]
    assert progress == sorted(progress) and progress[-1] == 100
    assert face["expires_at"] > face["completed_at"] >= face["created_at"]


TWO = {"file_id": "a", "image_url": "b"}
FAKE = ("a.png", b"no image")
REFUSED: list[tuple[dict[str, Any], tuple[int, str | None, str | None]]] = [
    ({"json": {}}, (400, "missing_required_parameter", "prompt")),
    ({"json": {"prompt": ""}}, (400, "invalid_value", "prompt")),
    ({"json": {"prompt": "x" * 32_001}}, (400, "invalid_value", "prompt")),
    ({"json": {"prompt": ["x"]}}, (400, "invalid_type", "prompt")),
    ({"json": {"prompt": "x", "seconds": 4}}, (400, "invalid_type", "seconds")),
    ({"json": {"prompt": "x", "seconds": "5"}}, (400, "invalid_value", "seconds")),
    ({"json": {"prompt": "x", "size": "1024x1792"}}, (400, "invalid_value", "size")),
    ({"json": {"prompt": "x", "model": "sora-9"}}, (404, "model_not_found", "model")),
    ({"json": {"prompt": "x", "fps": 24}}, (400, "unknown_parameter", "fps")),
    ({"json": {"prompt": "x", "characters": [{"name": "B"}]}}, (400, "invalid_type", "characters")),
    ({"json": {"prompt": "x", "input_reference": "file"}}, (400, "invalid_type", "input_reference")),
    ({"json": {"prompt": "x", "input_reference": TWO}}, (400, "invalid_value", "input_reference")),
    ({"json": [1]}, (400, None, None)),
    ({"content": b"{", "headers": {"content-type": "application/json"}}, (400, None, None)),
    ({"content": b"prompt=x", "headers": {"content-type": "application/x-www-form-urlencoded"}}, (400, None, None)),
    ({"files": {"prompt": (None, b"x"), "seconds": (None, b"3")}}, (400, "invalid_value", "seconds")),
    ({"files": {"prompt": ("p.txt", b"x")}}, (400, "invalid_type", "prompt")),
    ({"files": {"prompt": (None, b"x"), "input_reference": (None, b"x")}}, (400, "invalid_type", "input_reference")),
    ({"files": {"prompt": (None, b"x"), "input_reference": FAKE}}, (400, "invalid_value", "input_reference")),
    ({"files": [("prompt", (None, b"x")), ("prompt", (None, b"y"))]}, (400, "invalid_value", "prompt")),
    ({"files": {"prompt": (None, b"x"), "a[b][c][d]": (None, b"y")}}, (400, "unknown_parameter", "a[b][c][d]")),
    ({"json": {"prompt": "x"}, "headers": {"authorization": "Bearer sk-other"}}, (401, "invalid_api_key", None)),
    ({"json": {"prompt": "x"}, "headers": {"authorization": ""}}, (401, None, None)),
    ({"json": {"prompt": "x"}, "params": {"model": "sora-2"}}, (400, "unknown_parameter", "model")),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "told"), REFUSED)
async def test_a_wrong_create_is_refused_as_the_contract_says(
    v: Vendor, http: httpx.AsyncClient, asked: dict[str, Any], told: tuple[int, str | None, str | None]
) -> None:
    """Status, code and parameter; the four keys of every error; nothing is rendered."""
    reply = await http.post("/videos", **asked)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == told
    assert sorted(error) == ["code", "message", "param", "type"] and "x-request-id" in reply.headers
    assert v.counts["renders"] == 0 and v.counts["submissions"] == 1


async def test_null_is_absent(http: httpx.AsyncClient) -> None:
    """In JSON only; forms have no null."""
    video = await made(http, seconds=None, size=None, model=None, input_reference=None)
    assert video["seconds"] == "4"


async def test_other_verbs_are_strict_too(v: Vendor, http: httpx.AsyncClient) -> None:
    """Fields of one call are unknown to another, and every source has to be finished."""
    video = await made(http)
    ident = video["id"]
    refused = [
        await http.post(f"/videos/{ident}/remix", json={"prompt": "x"}),
        await http.post(f"/videos/{ident}/remix", json={"prompt": "x", "seconds": "4"}),
        await http.post("/videos/edits", json={"prompt": "x", "video": {"id": ident}, "model": "sora-2"}),
        await http.post("/videos/edits", files={"prompt": (None, b"x"), "video": ("a.mp4", b"x")}),
        await http.post("/videos/extensions", json={"prompt": "x", "video": {"id": ident}}),
        await http.post("/videos/characters", json={"name": "B", "video": {"id": ident}}),
        await http.delete(f"/videos/{ident}"),
    ]
    assert [reply.status_code for reply in refused] == [400] * 7
    assert (await http.post("/videos/video_none/remix", json={"prompt": "x"})).status_code == 404
    assert v.counts["renders"] == 1


async def test_an_extension_adds_up_to_two_minutes(v: Vendor, http: httpx.AsyncClient) -> None:
    """At most six, at most 120 seconds; the result says the stitched length."""
    ident = (await made(http, seconds="20"))["id"]
    for total in ("40", "60", "80", "100", "120"):
        v.desk.finish()
        reply = await http.post("/videos/extensions", json={"prompt": "on", "seconds": "20", "video": {"id": ident}})
        assert reply.json()["seconds"] == total
        ident = reply.json()["id"]
    v.desk.finish()
    reply = await http.post("/videos/extensions", json={"prompt": "on", "seconds": "4", "video": {"id": ident}})
    assert reply.status_code == 400


async def test_lists_come_in_pages(http: httpx.AsyncClient) -> None:
    """`last_id` leads on, `has_more` ends; limits and cursors outside the contract are refused."""
    idents = [(await made(http, prompt=f"Number {number}"))["id"] for number in range(5)]
    first = (await http.get("/videos", params={"limit": 2})).json()
    assert [one["id"] for one in first["data"]] == [idents[4], idents[3]]
    assert (first["first_id"], first["last_id"], first["has_more"]) == (idents[4], idents[3], True)
    second = (await http.get("/videos", params={"limit": 3, "after": first["last_id"]})).json()
    assert [one["id"] for one in second["data"]] == idents[2::-1] and second["has_more"] is False
    oldest = (await http.get("/videos", params={"limit": 1, "order": "asc"})).json()
    assert oldest["data"][0]["id"] == idents[0]
    for params in ({"limit": 101}, {"limit": -1}, {"order": "up"}, {"after": "video_none"}, {"before": "x"}):
        assert (await http.get("/videos", params=params)).status_code == 400
    empty = (await http.get("/videos", params={"limit": 0})).json()
    assert empty == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": True}


async def test_content_is_there_from_completion_until_deletion(v: Vendor, http: httpx.AsyncClient) -> None:
    """404 before, 404 after; ranges work; a variant outside the contract is refused."""
    ident = (await made(http))["id"]
    assert (await http.get(f"/videos/{ident}/content")).status_code == 404
    v.desk.finish()
    whole = await http.get(f"/videos/{ident}/content")
    assert whole.headers["content-type"] == "video/mp4" and whole.content[4:8] == b"ftyp"
    part = await http.get(f"/videos/{ident}/content", headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert (await http.get(f"/videos/{ident}/content", params={"variant": "gif"})).status_code == 400
    assert (await http.delete(f"/videos/{ident}")).json() == {"id": ident, "object": "video.deleted", "deleted": True}
    assert (await http.get(f"/videos/{ident}/content")).status_code == 404
    assert (await http.get(f"/videos/{ident}")).status_code == 404


async def test_models_and_unknown_paths_speak_openai(http: httpx.AsyncClient) -> None:
    """Also a path that does not exist, and a method that a path does not have."""
    listed = (await http.get("/models")).json()
    assert {"id", "object", "created", "owned_by"} == set(listed["data"][0])
    assert (await http.get("/models/sora-2-pro")).json()["id"] == "sora-2-pro"
    for reply in (await http.get("/nothing"), await http.put("/videos"), await http.get("/models/gpt")):
        assert reply.status_code == 404 and reply.json()["error"]["type"] == "invalid_request_error"


async def test_only_possible_faults_are_taken(v: Vendor, http: httpx.AsyncClient) -> None:
    """A misspelt fault would make a test pass that tests nothing, so it is refused, and none of its list is taken."""
    control = v.base_url.removesuffix("/v1") + "/_control/faults"
    wrong: list[dict[str, Any]] = [
        {"on": "create", "do": "explode"},
        {"on": "creation", "do": "close"},
        {"on": "create", "do": "truncate", "at": "before_body"},
        {"on": "create", "do": "close", "at": "later"},
        {"on": "create", "do": "close", "at": "before_body", "prompt": "x"},
        {"on": "create", "do": "close", "tims": 3},
    ]
    for fault in wrong:
        assert (await http.put(control, json=[{"on": "create", "do": "close"}, fault])).status_code == 400
        with pytest.raises((ValueError, TypeError)):
            v.program(Fault(**fault))
    assert v.counts["faults_left"] == 0


async def test_faults_wait_for_their_turn(v: Vendor, http: httpx.AsyncClient) -> None:
    """`skip` lets chances pass, `times` counts, `prompt` chooses; what is left is reported."""
    v.program(
        Fault(on="create", do="refuse", status=418, skip=1, times=2),
        Fault(on="create", do="refuse", status=500, prompt="unlucky", times=None),
    )
    replies = [await http.post("/videos", json={"prompt": "fine"}) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 418, 418, 200]
    unlucky = [await http.post("/videos", json={"prompt": "an unlucky one"}) for _ in range(2)]
    assert [reply.status_code for reply in unlucky] == [500, 500]
    assert (v.counts["faults_happened"], v.counts["faults_left"]) == (4, 1)
