"""The configuration over /admin and by command: read, tried, applied, rolled back; no edit is lost, no secret shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.admin.test_keys import audit, made
from tests.support.gateway import Gateway, until

FOLLOWS_S_MAX = 8.0
CONFIG = """\
# what an operator wrote stays
providers:
  mock: {adapter: mock, settings: {render_s: 1}}   # beside it, too
  other: {adapter: openai, base_url: "https://video.example/v1", api_key: sk-literal-secret}
models:
  sora-2: {routes: [mock/sora-2]}
"""
DEARER = "  sora-2: {routes: [mock/sora-2, mock/sora-2-pro]}\n"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(tmp_path, config=CONFIG) as running:
        running.telecine("projects", "create", "config-tests")
        yield running


@pytest.fixture
def admin(gateway: Gateway) -> Iterator[httpx.Client]:
    with client(gateway, 100) as one:
        yield one


def client(gateway: Gateway, role: int) -> httpx.Client:
    key = gateway.telecine("keys", "create", "--project", "config-tests", "--role", str(role))["key"]
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=gateway.url, headers=headers, trust_env=False, verify=False, timeout=20)


def read(admin: httpx.Client) -> tuple[str, dict[str, str]]:
    """The text, and what a change of it has to say."""
    reply = admin.get("/admin/config")
    return made(reply)["text"], {"If-Match": reply.headers["etag"]}


def refused(reply: httpx.Response) -> tuple[int, str, str]:
    error: dict[str, Any] = reply.json()["error"]
    return reply.status_code, error["code"], error["message"]


def test_a_change_goes_the_whole_way_and_back(gateway: Gateway, admin: httpx.Client) -> None:
    """Shown, applied, served at once, written into the file with its comments, in history and audit; rolled back."""
    text, match = read(admin)
    assert text == CONFIG.replace("sk-literal-secret", "<hidden>")
    sent = text.replace("  sora-2: {routes: [mock/sora-2]}\n", DEARER)
    finding = made(admin.post("/admin/config/validate", json={"text": sent}))
    assert (finding["valid"], finding["problems"]) == (True, [])
    assert finding["changes"]["routes_gained"] == [{"model": "sora-2", "route": "mock/sora-2-pro"}]
    assert not finding["changes"]["accounts_lost"]
    applied = made(admin.put("/admin/config", json={"text": sent, "note": "two routes"}, headers=match))
    assert applied == {"version": 2, "changed": True, "restart": []}
    now = made(admin.get("/admin/config"))
    assert (now["serving"], now["refused"], now["version"]["note"]) == (2, None, "two routes")
    whole = CONFIG.replace("  sora-2: {routes: [mock/sora-2]}\n", DEARER)
    assert until(lambda: gateway.config.read_text() == whole, FOLLOWS_S_MAX)
    back = admin.post("/admin/config/rollback", json={"version": 1}, headers={"If-Match": '"2"'})
    assert made(back) == {"version": 3, "changed": True, "restart": []}
    assert until(lambda: gateway.config.read_text() == CONFIG, FOLLOWS_S_MAX)
    listed = made(admin.get("/admin/config/versions"))["data"]
    assert [(one["version"], one["actor"][:4], one["restores"]) for one in listed] == [
        (3, "key_", 1), (2, "key_", None), (1, "file", None)
    ]  # fmt: skip
    assert made(admin.get("/admin/config/versions/2"))["text"] == sent
    assert [one["action"] for one in audit(admin, "config")] == ["config.apply", "config.apply", "config.rollback"]


def test_a_change_of_what_is_no_more_what_counts_is_refused(admin: httpx.Client) -> None:
    """Nothing is lost: who was slower reads again. A role below 100 changes nothing."""
    text, match = read(admin)
    made(admin.put("/admin/config", json={"text": text + "# one\n"}, headers=match))
    code = refused(admin.put("/admin/config", json={"text": text + "# two\n"}, headers=match))
    assert (code[0], code[1]) == (412, "precondition_failed") and "Version 2 counts by now" in code[2]
    late = admin.post("/admin/config/rollback", json={"version": 1}, headers=match)
    assert late.status_code == 412
    assert refused(admin.put("/admin/config", json={"text": text}))[0] == 400
    assert admin.put("/admin/config", json={"text": text}, headers={"If-Match": '"999"'}).status_code == 412
    assert read(admin)[0] == text + "# one\n"


def test_a_lower_role_reads_and_neither_tries_nor_changes_anything(gateway: Gateway) -> None:
    """A text that is tried is read with the gateway's own environment, where its vendors' keys are."""
    with client(gateway, 10) as one:
        text, match = read(one)
        assert one.post("/admin/config/validate", json={"text": text}).status_code == 403
        assert one.put("/admin/config", json={"text": text + "#"}, headers=match).status_code == 403
        assert one.post("/admin/config/rollback", json={"version": 1}, headers=match).status_code == 403
    with client(gateway, 1) as one:
        assert one.get("/admin/config").status_code == 403


def test_what_is_wrong_is_named_with_its_line_and_never_written(gateway: Gateway, admin: httpx.Client) -> None:
    text, match = read(admin)
    wrong = text.replace("adapter: mock", "adapter: nobody").replace("routes: [", "rutes: [")
    found = made(admin.post("/admin/config/validate", json={"text": wrong}))
    assert not found["valid"]
    assert (6, "models.sora-2.rutes") in [(one["line"], one["key"]) for one in found["problems"]]
    status, code, message = refused(admin.put("/admin/config", json={"text": wrong}, headers=match))
    assert (status, code) == (400, "invalid_config") and message.startswith(
        "The configuration is refused: line 6, models.sora-2."
    )
    hidden = text.replace("mock: {adapter", "mok: {api_key: <hidden>, adapter")
    assert (
        "keeps a value, and there was none"
        in refused(admin.put("/admin/config", json={"text": hidden}, headers=match))[2]
    )
    assert made(admin.get("/admin/config"))["version"]["version"] == 1
    assert gateway.config.read_text() == CONFIG


def test_single_values_are_set_where_they_stand(gateway: Gateway, admin: httpx.Client) -> None:
    """The rest of the text stays, to the character, and what was hidden is kept; a place that cannot be is refused."""
    match = read(admin)[1]
    edits = [{"path": ["providers", "mock", "settings", "render_s"], "value": 2}]
    assert made(admin.patch("/admin/config", json={"edits": edits}, headers=match))["version"] == 2
    assert until(lambda: gateway.config.read_text() == CONFIG.replace("render_s: 1", "render_s: 2"), FOLLOWS_S_MAX)
    late = [{**edits[0], "value": 3}]
    assert admin.patch("/admin/config", json={"edits": late}, headers=match).status_code == 412
    hidden = {"adapter": "openai", "base_url": "https://video.example/v2", "api_key": "<hidden>"}
    again = admin.patch("/admin/config", json={"edits": [{"path": ["providers", "other"], "value": hidden}]},
                        headers={"If-Match": 'W/"2"'})  # fmt: skip
    assert made(again)["version"] == 3
    assert until(lambda: "/v2" in gateway.config.read_text(), FOLLOWS_S_MAX)
    assert "api_key: sk-literal-secret" in gateway.config.read_text()
    edits = [{"path": ["providers", "nobody", "rpm"], "remove": True}]
    status, code, _ = refused(admin.patch("/admin/config", json={"edits": edits}, headers={"If-Match": '"3"'}))
    assert (status, code) == (400, "invalid_config")


def test_no_text_that_is_tried_gets_a_value_of_the_environment_told(gateway: Gateway, admin: httpx.Client) -> None:
    """`TELECINE_TEST_MARK` stands for a vendor's key: a difference and a complaint name it, and do not show it."""
    text, match = read(admin)
    shown = text.replace("routes: [mock", 'owned_by: "${TELECINE_TEST_MARK}", routes: [mock')
    (change,) = made(admin.post("/admin/config/validate", json={"text": shown}))["changes"]["settings"]
    assert (change["name"], change["after"]) == ("models.sora-2.owned_by", "${TELECINE_TEST_MARK}")
    wrong = text.replace("adapter: mock", 'adapter: "${TELECINE_TEST_MARK}"')
    (problem,) = made(admin.post("/admin/config/validate", json={"text": wrong}))["problems"]
    assert "${TELECINE_TEST_MARK}" in problem["reason"]
    assert "${TELECINE_TEST_MARK}" in refused(admin.put("/admin/config", json={"text": wrong}, headers=match))[2]
    aliased = text.replace("api_key: <hidden>", "api_key: &key <hidden>").replace(
        "routes: [mock", "owned_by: *key, routes: [mock"
    )
    finding = admin.post("/admin/config/validate", json={"text": aliased})
    assert made(finding)["valid"] and "sk-literal-secret" not in finding.text


def test_commands_compare_apply_list_show_and_roll_back(gateway: Gateway) -> None:
    """The same versions, beside a running gateway; the file of the command follows a roll-back."""
    other = gateway.folder / "new.yaml"
    other.write_text(CONFIG.replace("  sora-2: {routes: [mock/sora-2]}\n", DEARER))
    gateway.config = other
    assert gateway.telecine("config", "diff")["routes_gained"] == [{"model": "sora-2", "route": "mock/sora-2-pro"}]
    before = gateway.telecine("config", "apply", "--note", "by hand")
    assert before["changed"]
    assert not gateway.telecine("config", "apply")["changed"]
    back = gateway.telecine("config", "rollback", "1")
    assert back == {"version": before["version"] + 1, "changed": True}
    assert other.read_text() == CONFIG
