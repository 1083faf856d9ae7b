"""Using a clip again over the wire, as OpenAI's clients send creates: JSON or a form, extras in `extra_body`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway, until

HEADER = "x-telecine-reused"


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    """Of a project that uses clips again."""
    gateway.telecine("projects", "create", "again")
    gateway.telecine("projects", "limit", "again", "--reuse", "24h")
    made = gateway.telecine("keys", "create", "--project", "again", "--role", "10")
    headers = {"Authorization": f"Bearer {made['key']}"}
    with httpx.Client(base_url=gateway.base_url, headers=headers, trust_env=False, verify=False, timeout=20) as one:
        yield one


def finished(client: httpx.Client, **fields: Any) -> str:
    """The id of a new video, once it is completed."""
    reply = client.post("/videos", json=fields)
    assert reply.status_code == 200, reply.text
    ident: str = reply.json()["id"]
    assert until(lambda: client.get(f"/videos/{ident}").json()["status"] == "completed", 60, every_s=0.1)
    return ident


def test_a_form_is_answered_with_the_clip_of_an_equal_object(client: httpx.Client, gateway: Gateway) -> None:
    """Finished in the answer, told in body and header; content, list, usage and explanation are those of a video."""
    first = finished(client, prompt="a boat, again", seconds="4")
    reply = client.post("/videos", files={"prompt": (None, "a boat,  again"), "model": (None, "sora-2")})
    face = reply.json()
    assert (reply.status_code, reply.headers[HEADER], face["reused_from"], face["status"]) == (
        200, first, first, "completed",
    )  # fmt: skip
    assert "openai-poll-after-ms" not in reply.headers
    assert client.get(f"/videos/{face['id']}").json() == face
    for variant in ("video", "thumbnail", "spritesheet"):
        one, other = (client.get(f"/videos/{video}/content?variant={variant}") for video in (first, face["id"]))
        assert one.status_code == other.status_code == 200 and one.content == other.content
    assert [one["id"] for one in client.get("/videos").json()["data"]] == [face["id"], first]
    assert client.get("/usage").json()["total"]["videos_completed"] == 1
    told = client.get(f"{gateway.url}/admin/videos/{face['id']}").json()
    assert (told["reused_from"], told["attempts"], told["entries"]) == (first, [], [])
    assert told["money"]["cost_usd"] == "0.00"
    remix = client.post(f"/videos/{face['id']}/remix", json={"prompt": "at night"})
    assert remix.status_code == 200 and remix.json()["remixed_from_video_id"] == face["id"]
    assert client.delete(f"/videos/{face['id']}").json()["deleted"] is True
    assert client.get(f"/videos/{first}/content").status_code == 200


@pytest.mark.parametrize("form", [False, True])
def test_a_request_opts_out(client: httpx.Client, form: bool) -> None:
    prompt = f"a boat of its own {form}"
    finished(client, prompt=prompt)
    body: dict[str, Any] = {"files": {"prompt": (None, prompt), "reuse": (None, "false")}}
    if not form:
        body = {"json": {"prompt": prompt, "reuse": False}}
    reply = client.post("/videos", **body)
    assert (reply.status_code, HEADER in reply.headers, "reused_from" in reply.json()) == (200, False, False)


def test_what_is_neither_yes_nor_no_is_refused(client: httpx.Client) -> None:
    reply = client.post("/videos", json={"prompt": "a boat", "reuse": "maybe"})
    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["code"]) == (400, "reuse", "invalid_type")


def test_another_project_is_told_nothing(client: httpx.Client, api: httpx.Client) -> None:
    finished(client, prompt="a boat between projects")
    reply = api.post("/videos", json={"prompt": "a boat between projects"})
    assert (reply.status_code, HEADER in reply.headers, reply.json()["status"]) == (200, False, "queued")
