"""`telecine webhooks`, on a store that nobody serves."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from gateway.domain.change import Message
from gateway.domain.deliveries import Answer, Delivery, Heard, after, encode_delivery
from gateway.domain.events import Event
from gateway.store.store import Store
from tests.cli.telecine import configured, objects, telecine
from tests.store.samples import T0
from tests.support.redis import RedisServer

SHIPPED = Path(__file__).parents[2] / "config.yaml"
URL = "https://films.example.com/hooks?token=canary"


@pytest.fixture
def films(tmp_path: Path, empty_redis: RedisServer) -> Path:
    folder = configured(tmp_path, empty_redis.url)
    assert telecine(folder, "projects", "create", "films").status == 0
    return folder


def made(folder: Path, *words: str) -> dict[str, object]:
    done = telecine(folder, "webhooks", "create", *words, "--json")
    assert done.status == 0, done.err
    return objects(done.out)[0]


def test_a_target_is_made_shown_rotated_stopped_and_removed(films: Path) -> None:
    """Its secret is printed alone, so that a shell can take it; nothing else shows it or the address's password."""
    done = telecine(films, "webhooks", "create", "project:films", URL, "--name", "site")
    assert done.status == 0 and done.out.startswith("whsec_") and "is signed with this secret" in done.err
    (one,) = objects(telecine(films, "webhooks", "list", "--json").out)
    assert (one["name"], one["url"], one["status"]) == ("site", "https://films.example.com/hooks?…", "enabled")
    assert one["events"] == ["video.completed", "video.failed"]
    rotated = telecine(films, "webhooks", "rotate", one["id"], "--overlap", "1h")
    assert rotated.out.startswith("whsec_") and rotated.out != done.out
    assert objects(telecine(films, "webhooks", "list", "--json").out)[0]["signing_secrets"] == 2
    assert telecine(films, "webhooks", "rotate", one["id"], "--overlap", "0").status == 0
    assert objects(telecine(films, "webhooks", "list", "--json").out)[0]["signing_secrets"] == 1
    assert telecine(films, "webhooks", "disable", one["id"]).out == f"{one['id']} is disabled\n"
    assert telecine(films, "webhooks", "enable", one["id"]).out == f"{one['id']} is enabled\n"
    table = telecine(films, "webhooks", "list").out
    assert "video.completed,video.failed" in table and "canary" not in table and "whsec_" not in table
    assert telecine(films, "webhooks", "remove", one["id"]).out == f"removed {one['id']}\n"
    assert telecine(films, "webhooks", "remove", one["id"]).err == "telecine: There is no such target of webhooks.\n"


def test_every_change_stands_in_the_audit_log_without_a_secret(films: Path, empty_redis: RedisServer) -> None:
    one = made(films, "gateway", URL, "--events", "provider.down,budget.overrun")
    telecine(films, "webhooks", "rotate", str(one["id"]))
    entries = [fields for _, fields in empty_redis.client.xrange("{telecine}:audit")]
    mine = [entry for entry in entries if entry["action"].startswith("webhook.")]
    assert [(entry["actor"], entry["action"]) for entry in mine] == [
        ("cli", "webhook.create"),
        ("cli", "webhook.rotate"),
    ]
    assert "canary" not in str(mine) and str(one["signing_secret"]) not in str(mine)


def test_what_signs_for_the_addresses_in_requests_can_be_asked_for(films: Path) -> None:
    first = telecine(films, "webhooks", "secret", "films")
    assert first.out.startswith("whsec_")
    assert telecine(films, "webhooks", "secret", "films").out == first.out
    (one,) = objects(telecine(films, "webhooks", "list", "--json").out)
    assert str(one["id"]).startswith("requests.proj_") and one["url"] is None
    assert telecine(films, "webhooks", "rotate", str(one["id"])).out != first.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("project:nobody", URL), 'no project is called "nobody"'),
        (("key:nobody", URL), 'no key has the id "nobody"'),
        (("films", URL), "is no scope"),
        (("project:films", "http://films.example.com/"), "public addresses that begin with https://"),
        (("project:films", "https://10.0.0.1/"), "public addresses that begin with https://"),
        (("project:films", "https://a:b@films.example.com/"), "without a password"),
        (("project:films", URL, "--events", "video.made"), "is not a list such as"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(films: Path, words: tuple[str, ...], said: str) -> None:
    done = telecine(films, "webhooks", "create", *words)
    assert done.status in (1, 2) and said in done.err
    assert "Traceback" not in done.err
    assert telecine(films, "webhooks", "list", "--json").out == ""


def test_dead_letters_are_listed_and_sent_once_more(films: Path, empty_redis: RedisServer) -> None:
    """One by one, by what they have in common, or all; nothing is sent again by a slip."""
    asyncio.run(_three_dead(empty_redis.url))
    listed = objects(telecine(films, "webhooks", "dead", "--json").out)
    assert [(one["about"], one["why"]) for one in listed] == [
        (f"video_{number}", "its receiver says that nobody is there any more (410)") for number in (3, 2, 1)
    ]
    assert "GIVEN_UP_AT" in telecine(films, "webhooks", "dead").out
    assert "there are more" in telecine(films, "webhooks", "dead", "--limit", "2").err
    assert telecine(films, "webhooks", "replay").status == 2
    assert telecine(films, "webhooks", "replay", "--all", "--about", "video_1").status == 2
    assert telecine(films, "webhooks", "replay", "--about", "video_1").out == "sent once more: 1\n"
    assert telecine(films, "webhooks", "replay", str(listed[1]["id"])).out == "sent once more: 1\n"
    assert objects(telecine(films, "webhooks", "replay", "--all", "--json").out) == [{"replayed": 1}]
    assert telecine(films, "webhooks", "dead").out == "everything was delivered, or is still on its way\n"
    assert empty_redis.client.zcard("{telecine}:queue:wht_1") == 3


async def _three_dead(url: str) -> None:
    store = Store(url)
    await store.open()
    for number in (1, 2, 3):
        one = Delivery(
            id=f"evt_{number}.wht_1", event=f"evt_{number}", type=Event.VIDEO_COMPLETED, about=f"video_{number}",
            target="wht_1", lane="wht_1", body="{}", made_ms=T0,
        )  # fmt: skip
        await store.add_deliveries([Message(one.id, one.lane, encode_delivery(one))])
        await store.place_delivery(one, after(one, Answer(Heard.GONE, 410), T0, jitter=0.0))
        await asyncio.sleep(0.005)
    await store.close()


def test_the_private_store_will_do(tmp_path: Path) -> None:
    shutil.copy(SHIPPED, tmp_path / "config.yaml")
    telecine(tmp_path, "projects", "create", "films")
    assert made(tmp_path, "project:films", URL)["scope"]
