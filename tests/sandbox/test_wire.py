"""Bad input on the wire: every answer is the vendor's own JSON, nothing is made, nothing is left on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gateway.sandbox.jobs import read_character
from gateway.sandbox.keyring import keys_of
from gateway.sandbox.seal import Seal
from tests.support.sandbox import Sandbox

WANTED = {"model": "mock-video", "prompt": "a boat [mock:slow]", "seconds": 1, "width": 128, "height": 128}


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    transport = httpx.HTTPTransport(uds=str(sandbox.socket), verify=False)
    with httpx.Client(transport=transport, base_url="http://s", headers={"authorization": "Bearer sk-1"}) as client:
        yield client


def jobs(client: httpx.Client) -> list[Any]:
    found: list[Any] = client.get("/jobs").json()["jobs"]
    return found


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"model": "sora-9"}, 404),
        ({"prompt": " "}, 400),
        ({"seconds": 0}, 400),
        ({"seconds": 21}, 400),
        ({"seconds": "4"}, 400),
        ({"width": 127}, 400),
        ({"height": 4096}, 400),
        ({"verb": "remix"}, 400),
        ({"verb": "erase"}, 400),
        ({"characters": ["mockchar_x"]}, 400),
        ({"characters": ["a", "b", "c"]}, 400),
        ({"queue_s": "soon"}, 400),
        ({"quality": "high"}, 400),
        ({"source_seconds": 121}, 400),
    ],
)
def test_a_wrong_submission_is_refused(client: httpx.Client, change: dict[str, Any], status: int) -> None:
    """Before anything is made."""
    before = len(jobs(client))
    answer = client.post("/jobs", json={**WANTED, **change})
    assert answer.status_code == status and answer.json()["error"]["message"]
    assert len(jobs(client)) == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"model": NaN}', b"[" * 100_000, b'"\\ud800"'])
def test_what_is_no_json_is_refused(client: httpx.Client, body: bytes) -> None:
    """Whatever it is."""
    assert client.post("/jobs", content=body).status_code == 400


def test_a_body_without_end_is_refused(client: httpx.Client) -> None:
    """Bounded while reading."""
    assert client.post("/jobs", content=b" " * 2_000_000).status_code == 413
    files = {"spec": ("s", b"x" * 2_000_000)}
    assert client.post("/jobs", files=files).status_code == 400


def test_a_wrong_form_leaves_no_file(client: httpx.Client, sandbox: Sandbox) -> None:
    """Unknown parts, too many, torn ones."""
    spec = msgspec.json.encode(WANTED)
    assert client.post("/jobs", files={"spec": ("s", spec), "face": ("f", b"x")}).status_code == 400
    many = [("image", ("i", bytes([n]))) for n in range(9)]
    assert client.post("/jobs", files=many).status_code == 400
    torn = b'--b\r\nContent-Disposition: form-data; name="image"; filename="i"\r\n\r\nabc'
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert client.post("/jobs", content=torn, headers=headers).status_code == 400
    assert client.post("/jobs", content=b"", headers={"content-type": "multipart/form-data"}).status_code == 400
    too_large = {"image": ("i", bytes(21 * 1024 * 1024))}
    assert client.post("/jobs", files=too_large).status_code == 400
    assert not list((sandbox.data / "uploads").glob("*.part"))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/jobs/none", 404),
        ("GET", "/jobs/mock_..%2f..%2fetc", 404),
        ("POST", "/jobs/none/cancel", 404),
        ("GET", "/jobs/none/files/video", 404),
        ("GET", "/jobs/none/files/secret", 404),
        ("GET", "/elsewhere", 404),
        ("DELETE", "/jobs", 405),
        ("GET", "/jobs?limit=many", 400),
        ("GET", "/jobs?since_ms=-1", 400),
    ],
)
def test_what_is_not_there_is_said_in_json(client: httpx.Client, method: str, path: str, status: int) -> None:
    """Also by the HTTP library underneath."""
    answer = client.request(method, path)
    assert answer.status_code == status and answer.json()["error"]["code"]


def test_any_key_will_do_but_none(client: httpx.Client) -> None:
    """So a test can look where its own secret went."""
    assert client.get("/account", headers={"authorization": "Bearer sk-canary"}).status_code == 200
    for wrong in ("", "Bearer", "Basic abc"):
        answer = client.get("/account", headers={"authorization": wrong})
        assert answer.status_code == 401 and answer.json()["error"]["code"] == "wrong_key"


def test_a_file_is_served_in_ranges(client: httpx.Client) -> None:
    """As object stores do; before it is finished there is none."""
    job = client.post("/jobs", json=WANTED).json()["id"]
    assert client.get(f"/jobs/{job}/files/video").status_code == 404
    job = client.post("/jobs", json={**WANTED, "prompt": "a boat"}).json()["id"]
    whole = client.get(f"/jobs/{job}/files/video", timeout=30)
    assert whole.status_code == 404, "its rendering has only begun"
    while client.get(f"/jobs/{job}").json()["status"] != "completed":
        pass
    whole = client.get(f"/jobs/{job}/files/video")
    part = client.get(f"/jobs/{job}/files/video", headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert whole.headers["content-type"] == "video/mp4" and int(whole.headers["content-length"]) == len(whole.content)


def form(name: str, **more: str) -> dict[str, tuple[str, bytes]]:
    """A request for a character."""
    return {"spec": ("s", msgspec.json.encode({"name": name, **more})), "video": ("v", b"a clip")}


def test_a_character_s_name_says_what_shall_happen(client: httpx.Client, sandbox: Sandbox) -> None:
    """As a prompt does for a video; the name that plays is the rest of it."""
    made = client.post("/characters", files=form("[mock:slow=0.2] Otto"))
    assert made.status_code == 200 and made.elapsed.total_seconds() > 0.2
    assert read_character(made.json()["id"], Seal(keys_of(sandbox.data))).name == "Otto"
    assert client.post("/characters", files=form("Otto [mock:refuse=no_credit]")).status_code == 402
    throttled = [client.post("/characters", files=form("Otto [mock:throttle]")).status_code for _ in range(2)]
    assert throttled == [429, 200]
    assert client.post("/characters", files=form("Otto [mock:error-after]")).status_code == 500
    for lost in ("lose-reply", "lose-request"):
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/characters", files=form(f"Otto [mock:{lost}]"))
    aimed = [client.post("/characters", files=form("[mock@a:refuse]", aim=aim)).status_code for aim in ("a", "b")]
    assert aimed == [400, 200]


def test_no_prompt_and_no_key_is_written_beside_the_jobs(client: httpx.Client, sandbox: Sandbox) -> None:
    """The bearer key is not kept at all."""
    client.post("/jobs", json=WANTED, headers={"authorization": "Bearer sk-canary-9d1f"})
    kept = b"".join(path.read_bytes() for path in Path(sandbox.data).rglob("*") if path.is_file())
    assert b"sk-canary-9d1f" not in kept and b"a boat" not in kept
