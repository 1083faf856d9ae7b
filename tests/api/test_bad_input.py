"""Whatever a client sends gets an OpenAI-shaped 4xx, or a closed connection before a request exists; never a 500."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.gateway import Gateway
from tests.support.wire import Reply, Wire

LIMIT = 25_165_824
FORM = "multipart/form-data; boundary=b"
PROMPT_PART = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n'


@pytest.fixture(autouse=True)
def nothing_is_left_behind(api: httpx.Client) -> Iterator[None]:
    """Every test here ends with as many videos as it began with."""
    before = api.get("/videos").json()
    yield
    assert api.get("/videos").json() == before


def assert_shape(reply: httpx.Response | Reply, status: int | None = None) -> dict[str, Any]:
    code = reply.status_code if isinstance(reply, httpx.Response) else reply.status
    assert 400 <= code < 500 if status is None else code == status
    body = reply.json()
    error: dict[str, Any] = body["error"]
    assert list(body) == ["error"] and set(error) == {"message", "type", "param", "code"}
    assert error["message"] and error["type"] == "invalid_request_error"
    assert reply.headers["x-request-id"].startswith("req_")
    assert reply.headers["content-type"] == "application/json"
    return error


# --- paths and methods -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/",
            "/v1",
            "/v2/videos",
            "/v1foo/videos",
            "/v1/chat/completions",
            "/v1/videos/x/y",
            "/v1//videos",
            "/nowhere",
        ),
        *("/v1/videos/%2e%2e/x", "/v1/videos/..%2f..%2fetc/content", "/v1/videos/%2Fcontent", "/healthz/x", "/v1/%00"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_a_404(gateway: Gateway, path: str, method: str) -> None:
    """In OpenAI's shape, not the framework's."""
    assert (
        assert_shape(httpx.request(method, gateway.url + path, trust_env=False, verify=False), 404)["code"]
        == "unknown_path"
    )


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/videos", "GET, HEAD, POST"),
        ("PATCH", "/videos/video_1", "DELETE, GET, HEAD"),
        ("POST", "/videos/video_1", "DELETE, GET, HEAD"),
        ("DELETE", "/videos/edits", "POST"),
        ("GET", "/videos/extensions", "POST"),
        ("POST", "/videos/video_1/content", "GET, HEAD"),
        ("OPTIONS", "/models", "GET, HEAD"),
        ("BREW", "/models/x", "GET, HEAD"),
        ("HEAD", "/videos/edits", "POST"),
    ],
)
def test_a_wrong_method_is_a_405_that_says_which_are_right(
    api: httpx.Client, method: str, path: str, allow: str
) -> None:
    """A literal segment is no video's id, whatever the method."""
    reply = api.request(method, path)
    assert (reply.status_code, reply.headers["allow"]) == (405, allow)
    if method != "HEAD":
        assert assert_shape(reply, 405)["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "ident",
    [
        *(
            "x",
            "video_",
            "video_" + "0" * 48,
            "video_" + "0" * 47,
            "video_" + "g" * 48,
            "a" * 4_000,
            "é",
            "*",
            "video_*",
        ),
        *("%ff%fe", "%00", "%0d%0aX: y", "..", "%252e%252e", "{telecine}:x"),
    ],
)
def test_an_id_that_is_none_is_not_found(api: httpx.Client, ident: str) -> None:
    """In every form and under every verb the same 404."""
    replies = [
        api.get(f"/videos/{ident}/content"),
        api.delete(f"/videos/{ident}/"),
        api.post(f"/videos/{ident}/remix", json={"prompt": "p"}),
        api.get(f"/videos/{ident}/"),
        api.get(f"/videos/characters/{ident}"),
    ]
    for reply in replies[:1] if ident == ".." else replies:
        assert_shape(reply, 404)


# --- queries -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "param"),
    [
        *((f"limit={value}", "limit") for value in ("-1", "101", "1e3", "abc", "", "9" * 30, "1.5", "%D9%A4", "0x10")),
        *((f"order={value}", "order") for value in ("up", "", "ASC", "asc%00")),
        *(
            (f"after={value}", "after")
            for value in ("x", "video_1", "video_" + "G" * 48, "a" * 200, "%0A", "*", "[video")
        ),
        ("limit=%ff", None),
        ("&".join(f"a{n}=1" for n in range(40)), None),
        ("x=" + "y" * 9_000, None),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(api: httpx.Client, query: str, param: str | None) -> None:
    """Absurd limits, unknown orders, forged cursors."""
    assert assert_shape(api.get(f"/videos?{query}"), 400)["param"] == param


def test_an_unknown_variant_is_refused(api: httpx.Client, clip: str) -> None:
    """The message names those there are."""
    for variant in ("audio", "", "../video", "VIDEO", "video%00"):
        error = assert_shape(api.get(f"/videos/{clip}/content?variant={variant}"), 400)
        assert error["param"] == "variant" and "'thumbnail'" in error["message"]


# --- bodies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/videos", "/videos/edits", "/videos/extensions", "/videos/video_1/remix"])
@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b"{",
            b"[]",
            b"null",
            b'{"prompt":NaN}',
            b'{"prompt":"\xff"}',
            b'{"prompt":"\\ud800"}',
            b'{"seed":1e400}',
        ),
        *(b"[" * 100_000, b'{"a":' * 100_000),
    ],
    ids=lambda data: repr(data[:14]),
)
def test_malformed_json_is_a_400(api: httpx.Client, path: str, data: bytes) -> None:
    """Also what is a hundred thousand levels deep."""
    reply = api.post(path, content=data, headers={"content-type": "application/json"})
    assert assert_shape(reply, 400)["code"] == "invalid_json"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/mixed; boundary=b"}, 415),
        ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
        ({"content-type": "application/json", "content-encoding": "br, gzip"}, 415),
        ({"content-type": "multipart/form-data"}, 400),
        ({"content-type": 'multipart/form-data; boundary="'}, 400),
        ({"content-type": "é"}, 415),
    ],
)
def test_a_body_of_another_kind_is_not_read(api: httpx.Client, headers: dict[str, str], status: int) -> None:
    """JSON or a form, and not compressed."""
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert_shape(api.post("/videos", content=b'{"prompt":"p"}', headers=sent), status)


def test_a_body_may_come_without_a_type(wire: Wire) -> None:
    """It is taken for JSON, and refused as such."""
    wire.head("POST", "/v1/videos", content_length=2)
    wire.send(b"[]")
    assert assert_shape(wire.reply(), 400)["code"] == "invalid_json"


@pytest.mark.parametrize("kind", ["application/json", FORM])
def test_a_body_beyond_the_limit_is_refused_by_its_head(wire: Wire, kind: str) -> None:
    """Before a byte of it is read."""
    wire.head("POST", "/v1/videos", content_type=kind, content_length=LIMIT + 1)
    assert_shape(wire.reply(), 413)


@pytest.mark.parametrize("kind", ["application/json", FORM])
def test_a_body_of_unknown_length_is_refused_when_it_gets_too_long(wire: Wire, kind: str) -> None:
    """While it is read, not after: ten times the limit is never taken."""
    wire.head("POST", "/v1/videos", content_type=kind, transfer_encoding="chunked")
    sent, piece = 0, b"x" * 1024 * 1024
    if kind == FORM:
        wire.chunk(b'--b\r\nContent-Disposition: form-data; name="input_reference"; filename="a"\r\n\r\n')
    while sent < 10 * LIMIT and wire.chunk(piece):
        sent += len(piece)
    assert sent < 5 * LIMIT
    assert wire.reply().status in (0, 413)


def test_a_call_without_an_image_takes_no_large_body(api: httpx.Client) -> None:
    """A remix is a prompt."""
    reply = api.post("/videos/video_1/remix", json={"prompt": "p", "x": "y" * 2_000_000})
    assert assert_shape(reply, 413)["code"] == "request_too_large"


@pytest.mark.parametrize("kind", ["application/json", FORM])
def test_a_body_that_trickles_is_given_up(wire: Wire, kind: str) -> None:
    """The limit here is three seconds; the connection does not stay open for the rest."""
    wire.head("POST", "/v1/videos", content_type=kind, content_length=1_000)
    began = time.monotonic()
    while time.monotonic() - began < 20 and wire.send(b"-"):
        time.sleep(0.5)
        if time.monotonic() - began > 4:
            break
    error = assert_shape(wire.reply(), 400)
    assert error["code"] == "body_timeout"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("size", [1_000, 100_000])
def test_a_client_that_never_sends_its_body_holds_no_connection(wire: Wire, gateway: Gateway, size: int) -> None:
    """Whoever it is: the answer comes, and then the server hangs up, whatever was announced."""
    with Wire(gateway.port, "sk-nobody") as stranger:
        for one, status, seconds in ((stranger, 401, 5), (wire, 400, 10)):
            one.head("POST", "/v1/videos", content_type="application/json", content_length=size)
            one.send(b'{"')
            began = time.monotonic()
            assert_shape(one.reply(), status)
            assert time.monotonic() - began < seconds


def test_a_client_that_hangs_up_leaves_nothing(wire: Wire, gateway: Gateway) -> None:
    """Half a body, then silence for ever."""
    wire.head("POST", "/v1/videos", content_type="application/json", content_length=1_000)
    wire.send(b'{"prompt":')
    wire.stop_sending()
    assert assert_shape(wire.reply(), 400)["code"] == "body_incomplete"


def test_a_body_is_not_read_for_a_stranger(gateway: Gateway) -> None:
    """Who has no valid key is refused at the head of a large body."""
    with Wire(gateway.port, "sk-nobody") as wire:
        wire.head("POST", "/v1/videos", content_type=FORM, content_length=LIMIT - 1)
        assert_shape(wire.reply(), 401)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/videos", {"Authorization": "Bearer sk-nobody", "Content-Type": "application/json"}, 401),
        ("/v1/nothing", {"Content-Type": "application/json"}, 404),
        ("/v1/videos", {"Content-Type": "text/plain"}, 415),
    ],
)
@pytest.mark.parametrize("size", [1_000, 60_000, 3_000_000])
def test_the_next_request_is_never_lost(
    api: httpx.Client, path: str, headers: dict[str, str], status: int, size: int
) -> None:
    """After a refusal whose body nobody wanted the connection goes on, or the answer says that it does not."""
    url = str(api.base_url).removesuffix("/v1/") + path
    for _ in range(6):
        reply = api.post(url, content=bytes(size), headers=headers)
        assert reply.status_code == status
        assert ("connection" in reply.headers) == (size > 64 * 1024)
        assert api.get("/videos").status_code == 200


# --- what is no HTTP ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\nhost: a b/c\r\n\r\n",
        b"GET /v1/vid\x00eos HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 500_000 + b"\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 2_000 + b"\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST /v1/videos HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/videos HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
        b"POST /v1/videos HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\n",
        b"POST /v1/videos HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ],
    ids=range(17),
)
def test_what_is_no_request_gets_a_4xx_or_nothing(gateway: Gateway, data: bytes) -> None:
    """The parser of HTTP may answer as it likes; the server goes on."""
    with Wire(gateway.port, "") as wire:
        wire.send(data)
        wire.stop_sending()
        assert wire.reply().refused
    assert httpx.get(gateway.url + "/healthz", trust_env=False, verify=False).status_code == 200


def test_no_header_of_a_client_becomes_a_header_of_ours(api: httpx.Client) -> None:
    """Its own request id is for the log."""
    for name in ("x-request-id", "x-client-request-id"):
        reply = api.get("/models", headers={name: "req_mine"})
        assert reply.headers.get_list("x-request-id") != ["req_mine"]


# --- anything ----------------------------------------------------------------------------------------------------

JSONS: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)
NAMES = [
    "prompt",
    "model",
    "seconds",
    "size",
    "input_reference",
    "characters",
    "metadata",
    "extras",
    "seed",
    "video",
    "width",
    "name",
]
PATHS = ["/videos", "/videos/edits", "/videos/extensions", "/videos/characters", "/videos/video_1/remix"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(PATHS), fields=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), JSONS, max_size=5)
)
def test_any_fields_are_refused_in_openais_shape(api: httpx.Client, path: str, fields: dict[str, Any]) -> None:
    """`x` is no field of any call, so nothing of this can be a valid request."""
    reply = api.post(path, content=json.dumps({**fields, "x": 1}), headers={"content-type": "application/json"})
    assert_shape(reply)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(PATHS), data=st.binary(max_size=200), torn=st.booleans())
def test_any_bytes_are_refused_in_openais_shape(api: httpx.Client, path: str, data: bytes, torn: bool) -> None:
    """As a form, from its beginning or after a part that is well."""
    content = PROMPT_PART + data if torn else data
    assert_shape(api.post(path, content=content, headers={"content-type": FORM}))


def test_extras_that_no_provider_takes_are_refused_by_name(api: httpx.Client) -> None:
    """Alike in JSON, as text of JSON in a form and in a form's brackets: what no vendor knows is not passed on."""
    sent: list[dict[str, Any]] = [
        {"json": {"prompt": "p", "extras": {"mood": "calm"}}},
        {"files": {"prompt": (None, "p"), "extras": (None, '{"mood":"calm"}')}},
        {"files": {"prompt": (None, "p"), "extras[mood]": (None, "calm")}},
    ]
    for one in sent:
        reply = api.post("/videos", **one)
        error = reply.json()["error"]
        assert (reply.status_code, error["param"]) == (400, "extras") and "'mood'" in error["message"]
