"""The calls of the contract, through the running gateway: exact fields, headers and statuses."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway, until
from tests.support.pictures import png

KEYS = ["id", "object", "created_at", "status", "completed_at", "error", "expires_at", "model", "progress", "prompt"]
KEYS += ["remixed_from_video_id", "seconds", "size"]


def created(api: httpx.Client, **fields: Any) -> dict[str, Any]:
    reply = api.post("/videos", json={"prompt": "a paper boat", **fields})
    assert reply.status_code == 200, reply.text
    video: dict[str, Any] = reply.json()
    return video


def refused(reply: httpx.Response, status: int = 400) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    error: dict[str, Any] = reply.json()["error"]
    return error


# --- who asks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Basic dTpw", None),
        ("sk-tc-1", None),
        ("Bearer sk-tc-wrong", "invalid_api_key"),
        ("Bearer " + "x" * 10_000, "invalid_api_key"),
        ("Bearer \xe9\xff", "invalid_api_key"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/videos"),
        ("POST", "/videos"),
        ("GET", "/videos/video_1"),
        ("GET", "/videos/video_" + "0" * 48),
        ("DELETE", "/videos/video_1"),
        ("GET", "/videos/video_1/content"),
        ("POST", "/videos/edits"),
        ("POST", "/videos/characters"),
        ("GET", "/videos/characters/x"),
        ("GET", "/models"),
        ("GET", "/models/x"),
    ],
)
def test_without_a_valid_key_every_call_is_the_same_401(
    gateway: Gateway, method: str, path: str, authorization: str | None, code: str | None
) -> None:
    """Said before anything else is looked at, and the same whether the thing exists or not."""
    headers = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]
    reply = httpx.request(method, gateway.base_url + path, headers=headers, trust_env=False, verify=False)
    error = refused(reply, 401)
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, code)
    assert reply.headers["www-authenticate"] == "Bearer"


def test_another_projects_video_does_not_exist(api: httpx.Client, stranger: httpx.Client, clip: str) -> None:
    """404 under every verb, never 403, and in the words for what never was."""
    nothing = "video_" + "0" * 48
    for ident in (clip, nothing):
        replies = [
            stranger.get(f"/videos/{ident}"),
            stranger.get(f"/videos/{ident}/content"),
            stranger.delete(f"/videos/{ident}"),
            stranger.post(f"/videos/{ident}/remix", json={"prompt": "p"}),
            stranger.post("/videos/edits", json={"prompt": "p", "video": {"id": ident}}),
        ]
        messages = {refused(reply, 404)["message"].replace(ident, "…") for reply in replies}
        assert len(messages) == 1
    assert stranger.get("/videos").json()["data"] == []
    assert api.get(f"/videos/{clip}").status_code == 200


# --- creating ----------------------------------------------------------------------------------------------------


def test_a_video_has_the_thirteen_keys(api: httpx.Client) -> None:
    """In the order that real answers showed; the headers tell an SDK how to go on."""
    reply = api.post("/videos", json={"prompt": "a paper boat"})
    video = reply.json()
    assert list(video) == KEYS
    assert (video["object"], video["model"], video["seconds"], video["size"]) == ("video", "sora-2", "4", "720x1280")
    assert video["status"] in ("queued", "in_progress") and video["prompt"] == "a paper boat"
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"].startswith("req_")
    assert reply.headers["openai-version"] == "2020-10-01"
    assert reply.headers["openai-processing-ms"].isdigit()
    assert 1_000 <= int(reply.headers["openai-poll-after-ms"]) <= 8_000


def test_every_form_of_the_same_wish_makes_the_same_video(api: httpx.Client) -> None:
    """JSON and multipart, numbers and text, OpenAI's names and the synonyms."""
    wishes: list[dict[str, Any]] = [
        {"json": {"prompt": "p", "seconds": "8", "size": "1280x720"}},
        {"json": {"prompt": "p", "duration": 8, "width": "1280", "height": 720, "model": None}},
        {"json": {"prompt": "p", "n_seconds": 8.0, "aspect_ratio": "16:9", "resolution": "720p"}},
        {
            "files": [
                (name, (None, value)) for name, value in {"prompt": "p", "seconds": "8", "size": "1280x720"}.items()
            ]
        },
        {"content": json.dumps({"prompt": "p", "seconds": 8, "size": "1280x720"})},
    ]
    for wish in wishes:
        video = api.post("/videos", **wish).json()
        assert (video["prompt"], video["seconds"], video["size"]) == ("p", "8", "1280x720"), wish


def test_metadata_comes_back(api: httpx.Client) -> None:
    """An extra that SDKs keep and ignore."""
    video = created(api, metadata={"order": "7"})
    assert video["metadata"] == {"order": "7"}
    assert api.get(f"/videos/{video['id']}").json()["metadata"] == {"order": "7"}


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"seconds": 7}, "seconds", ["'4'", "'8'", "'12'"]),
        ({"size": "1x1"}, "size", ["'720x1280'", "'1280x720'"]),
        ({"model": "sora-2", "size": "1024x1792"}, "size", ["'720x1280'"]),
        ({"colour": "red"}, "colour", ["colour"]),
        ({"prompt": ""}, "prompt", ["32000"]),
        ({"characters": [{"id": "char_1"}]}, "characters", ["char_1"]),
    ],
)
def test_a_refusal_names_what_is_allowed(
    api: httpx.Client, fields: dict[str, Any], param: str, words: list[str]
) -> None:
    """From what the model's routes can do."""
    error = refused(api.post("/videos", json={"prompt": "p", **fields}))
    assert error["param"] == param
    assert all(word in error["message"] for word in words), error["message"]


def test_an_unknown_model_is_a_404_that_lists_the_known(api: httpx.Client) -> None:
    """As on the rest of OpenAI's API."""
    error = refused(api.post("/videos", json={"prompt": "p", "model": "sora-9"}), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "sora-2-pro" in error["message"]


def test_an_image_comes_as_file_as_data_url_and_in_brackets(api: httpx.Client) -> None:
    """Its pixels must be the video's; its bytes say what it is, not its name."""
    image = png(720, 1280)
    url = "data:image/png;base64," + base64.b64encode(image).decode()
    fields: dict[str, Any] = {"prompt": (None, "p")}
    wishes: list[dict[str, Any]] = [
        {"files": {**fields, "input_reference": ("upload", image, "application/octet-stream")}},
        {"files": {**fields, "input_reference[image_url]": (None, url)}},
        {"json": {"prompt": "p", "input_reference": {"image_url": url}}},
    ]
    for wish in wishes:
        assert api.post("/videos", **wish).status_code == 200
    wrong = {**fields, "input_reference": ("a.png", png(64, 64), "image/png")}
    error = refused(api.post("/videos", files=wrong))
    assert error["param"] == "input_reference"
    assert "64x64" in error["message"] and "720x1280" in error["message"]
    for content in (
        b"",
        b"<html>",
        b"GIF89a",
        png(720, 1280)[:20],
        png(720, 1280)[:40],
        b"\x1f\x8b\x08" + b"z" * 50,
        b"PK\x03\x04zip",
    ):
        sent = {**fields, "input_reference": ("a.png", content, "image/png")}
        assert refused(api.post("/videos", files=sent))["param"] == "input_reference"


def test_a_large_image_in_json_is_taken(api: httpx.Client) -> None:
    """Nine megabytes of data URL, as the guide allows."""
    url = "data:image/png;base64," + base64.b64encode(png(720, 1280) + b"\0" * 7_000_000).decode()
    assert created(api, input_reference={"image_url": url})["status"] in ("queued", "in_progress")


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/a.png", "https://127.0.0.1/a.png", "https://2130706433/a.png", "https://[::1]/a.png"),
        *(
            "https://169.254.169.254/x",
            "https://localhost./a.png",
            "https://[::ffff:127.0.0.1]/a",
            "file:///etc/passwd",
        ),
    ],
)
def test_an_image_link_into_the_private_net_is_refused(api: httpx.Client, url: str) -> None:
    """In whatever way the address is written."""
    reply = api.post("/videos", json={"prompt": "p", "input_reference": {"image_url": url}})
    assert refused(reply)["param"] == "input_reference.image_url"


def test_the_same_idempotency_key_is_the_same_video(api: httpx.Client) -> None:
    """And another request under it is an error."""
    one = api.post("/videos", json={"prompt": "once"}, headers={"idempotency-key": "k-1"})
    again = api.post("/videos", json={"prompt": "once"}, headers={"idempotency-key": "k-1"})
    assert again.json()["id"] == one.json()["id"]
    other = api.post("/videos", json={"prompt": "twice"}, headers={"idempotency-key": "k-1"})
    assert refused(other, 422)["code"] == "idempotency_key_reused"
    assert other.headers["x-should-retry"] == "false"
    for value in (b"", b"k" * 256, b"k\xff"):
        sent = [(b"idempotency-key", value)]
        assert refused(api.post("/videos", json={"prompt": "p"}, headers=sent))["param"] == "Idempotency-Key"


def test_an_sdks_resend_is_the_same_video(api: httpx.Client) -> None:
    """Known by its retry count, as a form with another boundary."""
    fields = {"prompt": (None, "a resent prompt"), "seconds": (None, "4")}
    one = api.post("/videos", files=fields, headers={"x-stainless-retry-count": "0"}).json()
    again = api.post("/videos", files=fields, headers={"x-stainless-retry-count": "1"}).json()
    other = api.post("/videos", files=fields, headers={"x-stainless-retry-count": "0"}).json()
    assert again["id"] == one["id"] != other["id"]


# --- looking -----------------------------------------------------------------------------------------------------


def test_a_list_goes_page_by_page(gateway: Gateway) -> None:
    """Newest first or oldest first, after any id, until `has_more` says no."""
    key = gateway.create_key("pages")
    with httpx.Client(
        base_url=gateway.base_url, headers={"authorization": f"Bearer {key}"}, trust_env=False, verify=False
    ) as api:
        empty: dict[str, Any] = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
        assert api.get("/videos").json() == empty
        ids = [created(api, prompt=f"number {number}")["id"] for number in range(5)]
        for order, expected in (("asc", ids), ("desc", ids[::-1])):
            seen: list[str] = []
            after: dict[str, str] = {}
            for _ in range(3):
                page = api.get("/videos", params={"limit": "2", "order": order, **after}).json()
                found = [one["id"] for one in page["data"]]
                assert (page["first_id"], page["last_id"]) == (found[0], found[-1])
                assert all(list(one) == KEYS for one in page["data"])
                seen += found
                assert page["has_more"] is (len(seen) < 5)
                after = {"after": page["last_id"]}
            assert seen == expected
        assert [one["id"] for one in api.get("/videos").json()["data"]] == ids[::-1]
        assert api.get("/videos?limit=0").json() == empty
        assert api.get("/videos?after=").json()["first_id"] == ids[-1]
        assert api.get("/videos", params={"order": "asc", "after": "video_" + "f" * 48}).json() == empty


def test_a_finished_video_asks_for_no_further_poll(api: httpx.Client, clip: str) -> None:
    """The header is for pending ones."""
    reply = api.get(f"/videos/{clip}")
    assert reply.json()["status"] == "completed" and "openai-poll-after-ms" not in reply.headers


def test_a_deleted_video_is_gone(api: httpx.Client) -> None:
    """With a JSON content type and no body, as Python sends it; while it runs, OpenAI's 400."""
    ident = created(api)["id"]
    headers = {"content-type": "application/json"}
    early = api.delete(f"/videos/{ident}", headers=headers)
    if early.status_code != 200:  # it may have ended just before
        refused(early)
        assert until(lambda: api.get(f"/videos/{ident}").json()["status"] == "completed", 30, every_s=0.1)
        reply = api.delete(f"/videos/{ident}", headers=headers)
        assert (reply.status_code, reply.json()) == (200, {"id": ident, "object": "video.deleted", "deleted": True})
    for reply in (api.get(f"/videos/{ident}"), api.delete(f"/videos/{ident}"), api.get(f"/videos/{ident}/content")):
        refused(reply, 404)


def test_models_are_listed_and_found(api: httpx.Client) -> None:
    """With their aliases, each under the name that a client may use."""
    page = api.get("/models").json()
    assert page["object"] == "list"
    names = [one["id"] for one in page["data"]]
    assert {"sora-2", "sora-2-pro", "sora-2-2025-12-08"} <= set(names)
    one = api.get("/models/sora-2-2025-12-08").json()
    assert list(one) == ["id", "object", "created", "owned_by"] and one["id"] == "sora-2-2025-12-08"
    for name in ("sora-9", "vendor/name", "vendor%2Fname", "a" * 500, "%00"):
        assert refused(api.get(f"/models/{name}"), 404)["code"] == "model_not_found"


def test_a_character_needs_a_form_with_a_clip(api: httpx.Client) -> None:
    """What is missing is named."""
    assert refused(api.post("/videos/characters", files={"name": (None, "Biscuit")}))["param"] == "video"
    assert refused(api.post("/videos/characters", json={"name": "Biscuit", "video": "x"}))["param"] == "video"
    text: dict[str, Any] = {"name": (None, "Biscuit"), "video": ("clip.mp4", b"no clip", "video/mp4")}
    assert refused(api.post("/videos/characters", files=text))["param"] == "video"


def test_a_call_on_an_unfinished_video_is_a_400(api: httpx.Client) -> None:
    """Never a 409: an SDK would send it again."""
    ident = created(api, model="sora-2-pro", seconds=12)["id"]
    for reply in (
        api.post(f"/videos/{ident}/remix", json={"prompt": "p"}),
        api.post("/videos/edits", json={"prompt": "p", "video": {"id": ident}}),
        api.post(
            "/videos/extensions", files={"prompt": (None, "p"), "seconds": (None, "4"), "video[id]": (None, ident)}
        ),
    ):
        if api.get(f"/videos/{ident}").json()["status"] == "completed":
            break
        refused(reply)


# --- for operators -----------------------------------------------------------------------------------------------


def test_probes_and_scrapes_need_no_key(gateway: Gateway, clip: str) -> None:
    """Health, readiness and metrics; every metric has its help."""
    with httpx.Client(base_url=gateway.url, trust_env=False, verify=False) as operator:
        assert operator.get("/healthz").json() == {"status": "ok"}
        assert operator.get("/readyz").json() == {"status": "ready", "reasons": []}
        reply = operator.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    families = {line.split()[2] for line in reply.text.splitlines() if line.startswith("# TYPE")}
    assert {line.split()[2] for line in reply.text.splitlines() if line.startswith("# HELP")} == families
    assert 'telecine_requests_total{endpoint="video",method="GET",status="200"}' in reply.text


def test_every_request_is_one_line_with_its_id(gateway: Gateway, api: httpx.Client) -> None:
    """And with the caller's own id, if that is a sane one."""
    ours = [
        api.get("/models", headers=[(b"x-client-request-id", value)]).headers["x-request-id"]
        for value in (b"order-77", b"x" * 129, b"a b", b"\xff")
    ]
    assert until(lambda: set(ours) <= {one.get("request") for one in gateway.lines()}, 5)
    found = [one for wanted in ours for one in gateway.lines() if one.get("request") == wanted]
    assert [one["client_request"] for one in found] == ["order-77", None, None, None]
    assert {(one["event"], one["method"], one["endpoint"], one["status"]) for one in found} == {
        ("request", "GET", "models", 200)
    }
