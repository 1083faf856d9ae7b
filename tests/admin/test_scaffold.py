"""What holds for everything below /admin: its document, its errors, its frame."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from gateway.api.bodies import SMALL_BYTES_MAX
from tests.support.gateway import Gateway, until


def test_the_document_lists_every_call_and_what_it_may_answer(gateway: Gateway) -> None:
    document = httpx.get(f"{gateway.url}/admin/docs/openapi.json", trust_env=False, verify=False).json()
    assert set(document["paths"]) >= {"/admin/audit", "/admin/usage", "/admin/videos/{video_id}"}
    for operations in document["paths"].values():
        for operation in operations.values():
            assert {"200", "400", "401", "403", "500", "503"} <= set(operation["responses"]), operation["operationId"]
            refusal = operation["responses"]["400"]["content"]["application/json"]["schema"]
            assert refusal == {"$ref": "#/components/schemas/Refusal"}
            assert operation["description"]
    page = httpx.get(f"{gateway.url}/admin/docs", trust_env=False, verify=False)
    assert page.status_code == 200 and "Telecine: administration" in page.text
    for path, operations in document["paths"].items():
        for method in operations:
            assert f"<b>{method.upper()}</b> {path}<" in page.text
    assert "<code>limits.max_cost_usd</code>" in page.text  # a field of an object inside a body


def test_the_page_of_all_calls_loads_nothing_from_elsewhere_and_runs_nothing(gateway: Gateway) -> None:
    """A gateway may stand in a closed network, and a script beside its keys is somebody else's code."""
    page = httpx.get(f"{gateway.url}/admin/docs", trust_env=False, verify=False).text
    assert "default-src 'none'" in page
    for word in ("<script", "<link", "src=", "http://", "https://cdn", "@import", "url("):
        assert word not in page, word


def test_only_who_administers_comes_in(gateway: Gateway, client: Callable[[int], httpx.Client]) -> None:
    assert client(10).get("/admin/audit").status_code == 200
    refused = client(1).get("/admin/audit")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_denied")
    nobody = httpx.get(f"{gateway.url}/admin/audit", trust_env=False, verify=False)
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")


def test_every_answer_has_the_frame_of_v1(admin: httpx.Client) -> None:
    for path in ("/admin/audit", "/admin/audit?limit=zero", "/admin/nothing", "/admin/docs"):
        reply = admin.get(path)
        assert reply.headers["x-request-id"].startswith("req_"), path
        assert reply.headers["openai-version"] == "2020-10-01"


@pytest.mark.parametrize(
    ("query", "param"),
    [("limit=0", "limit"), ("limit=x", "limit"), ("order=up", "order"), ("after=x", "after"), ("actors=x", "actors")],
)
def test_a_parameter_that_does_not_fit_is_named(admin: httpx.Client, query: str, param: str) -> None:
    refused = admin.get(f"/admin/audit?{query}")
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == param
    assert set(refused.json()["error"]) == {"message", "type", "param", "code"}


def test_a_body_of_any_size_is_refused_as_too_large(admin: httpx.Client) -> None:
    for size in (2_000_000, 12_000_000):  # the framework has a bound and words of its own above ten million
        refused = admin.post("/admin/projects", content=b" " * size, headers={"content-type": "application/json"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "request_too_large"), size


def test_an_unknown_path_and_a_wrong_method_are_told_in_the_same_shape(admin: httpx.Client) -> None:
    nothing = admin.get("/admin/nothing")
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "unknown_path")
    assert "/admin/docs" in nothing.json()["error"]["message"]
    wrong = admin.delete("/admin/audit")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, HEAD, OPTIONS"
    assert admin.options("/admin/audit").headers["allow"] == "GET, HEAD, OPTIONS"
    assert admin.head("/admin/dead-letters/replay").headers["allow"] == "OPTIONS, POST"


@pytest.mark.parametrize("path", ["/admin/audit", "/admin/usage", "/admin/docs", "/admin/videos/video_1"])
def test_head_answers_as_get_does_without_the_body(admin: httpx.Client, path: str) -> None:
    whole, head = admin.get(path), admin.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    for name in ("content-type", "content-length"):
        assert head.headers[name] == whole.headers[name]


def test_too_large_a_body_is_told_as_below_v1(admin: httpx.Client) -> None:
    """Whether its length was said before or is found out while it arrives."""
    large = b'{"name":"%s"}' % (b"a" * SMALL_BYTES_MAX)
    kind = {"Content-Type": "application/json"}
    told = [
        admin.post(path, content=body, headers=kind)
        for path in ("/v1/videos/video_1/remix", "/admin/projects", "/admin/config/validate")
        for body in (large, iter([large[:1_000], large[1_000:]]))
    ]
    assert {(one.status_code, one.text) for one in told} == {(413, told[0].text)}
    assert told[0].json()["error"]["code"] == "request_too_large"


def test_every_list_takes_an_order_and_refuses_to_begin_behind_what_it_does_not_have(admin: httpx.Client) -> None:
    document = admin.get("/admin/docs/openapi.json").json()
    asked = {path: one["get"].get("parameters", []) for path, one in document["paths"].items() if "get" in one}
    lists = [path for path, names in asked.items() if "limit" in {name["name"] for name in names}]
    assert len(lists) >= 9
    for path in lists:
        for query, param in (("after=nope", "after"), ("order=up", "order")):
            refused = admin.get(f"{path}?{query}")
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, param), path
        assert admin.get(f"{path}?order=asc").status_code == 200


def test_requests_are_counted_by_endpoint(gateway: Gateway, admin: httpx.Client) -> None:
    """Once their answers have gone."""
    admin.get("/admin/audit")
    admin.get("/admin/videos/video_1")
    for endpoint, status in (("admin_audit", "200"), ("admin_video", "404")):
        labels = {"endpoint": endpoint, "method": "GET", "status": status}
        assert until(lambda labels=labels: gateway.figure("telecine_requests_total", **labels) >= 1, 10)  # type: ignore[misc]
