"""config.yaml is edited while gateways run: every replica follows, whole or not at all, and clients notice nothing."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.gateway import Gateway, until
from tests.support.redis import RedisServer

FOLLOWS_S_MAX = 5.0  # a second where the machine is free: what it shows is in the bench
CONFIG = """\
# what the operator wrote here stays
gateway: {{deadline_s: 60}}
store: {{url: "{url}"}}
providers:
  mock: {{adapter: mock, poll_min_s: 0.2, poll_max_s: 0.5, settings: {{queue_s: 0, render_s: 0.5}}{more}}}
models:
  {model}: {{routes: [mock/sora-2]}}
"""


@pytest.fixture
def server() -> Iterator[RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix="tc"))
    server = RedisServer(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


def text(server: RedisServer, model: str, more: str = "") -> str:
    return CONFIG.format(url=server.url, model=model, more=more)


def models(gateway: Gateway, key: str) -> set[str]:
    found = httpx.get(
        f"{gateway.base_url}/models", headers={"Authorization": f"Bearer {key}"}, trust_env=False, verify=False
    )
    return {one["id"] for one in found.json()["data"]}


def follows(gateway: Gateway, key: str, *names: str) -> bool:
    return until(lambda: models(gateway, key) == set(names), FOLLOWS_S_MAX)


def test_an_edit_of_one_file_reaches_every_replica(tmp_path: Path, server: RedisServer) -> None:
    """Two gateways with files of their own: the one that was edited tells the other; a broken edit tells nobody, is
    named with line and reason, and is forgotten once it is mended; so is a file that is gone, and comes back."""
    with contextlib.ExitStack() as stack:
        a, b = (
            stack.enter_context(Gateway(tmp_path / name, config=text(server, "sora-2"), workers=workers))
            for name, workers in (("a", 2), ("b", 1))
        )
        key = a.create_key()
        assert b.figure("telecine_config_version") == 1
        a.config.write_text(text(server, "veo"))
        assert follows(a, key, "veo")
        assert follows(b, key, "veo")
        a.config.write_text(text(server, "wan", ", rpm: none"))
        assert until(lambda: a.figure("telecine_config_last_reload_success") == 0, FOLLOWS_S_MAX)
        assert b.figure("telecine_config_last_reload_success") == 1
        assert until(lambda: ":5: providers.mock.rpm: " in a.log(), FOLLOWS_S_MAX)
        assert (models(a, key), models(b, key)) == ({"veo"}, {"veo"})
        a.config.unlink()
        assert until(lambda: "the file is gone; the last version serves on" in a.log(), FOLLOWS_S_MAX)
        assert a.figure("telecine_config_last_reload_success") == 0
        assert a.log().count('"config_file_missing"') == 1 and models(a, key) == {"veo"}
        a.config.write_text(text(server, "sora-2"))  # an old text, put there again, is an edit of what stood there last
        assert follows(b, key, "sora-2")
        a.config.write_text(text(server, "wan", ", rpm: 60"))
        assert follows(b, key, "wan")
        assert until(lambda: a.figure("telecine_config_last_reload_success") == 1, FOLLOWS_S_MAX)
        assert server.client.hget("{telecine}:providers", "mock:rpm") == "60"
        assert b.figure("telecine_config_version") == 4


def test_a_start_serves_what_counts_unless_its_file_was_edited(tmp_path: Path, server: RedisServer) -> None:
    """A gateway that was away meanwhile does not bring an old file back; one whose file was edited meanwhile tells."""
    with Gateway(tmp_path / "a", config=text(server, "sora-2")) as a:
        key = a.create_key()
        a.config.write_text(text(server, "veo"))
        assert follows(a, key, "veo")
        with Gateway(tmp_path / "b", config=text(server, "sora-2")) as b:
            assert models(b, key) == {"veo"}
            assert until(lambda: "config_file_differs" in b.log(), FOLLOWS_S_MAX)
            b.stop()
            b.config.write_text(text(server, "wan"))
            b.start()
            assert models(b, key) == {"wan"}
        assert follows(a, key, "wan")


def test_a_store_that_was_emptied_gets_the_configuration_again(tmp_path: Path, server: RedisServer) -> None:
    """What is served is what counts."""
    with Gateway(tmp_path / "a", config=text(server, "sora-2")) as a:
        server.client.hdel("{telecine}:config", "version", "digest")
        assert until(lambda: server.client.hget("{telecine}:config", "version") == "1", FOLLOWS_S_MAX)
        assert models(a, a.create_key()) == {"sora-2"}
