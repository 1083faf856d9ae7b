"""One gateway, one slot: the same code runs on a Cluster, where a script may touch nothing but its KEYS in one slot."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.audit import Deed
from gateway.domain.budgets import Cap, Window
from gateway.domain.change import AtProviders, Binding, Repeat
from gateway.domain.config_versions import ConfigFacts
from gateway.domain.deliveries import Next
from gateway.domain.keys import Character, Key
from gateway.domain.limits import Limits
from gateway.domain.permits import ProviderLimits
from gateway.domain.targets import Secret, Target
from gateway.domain.usage_query import read_query
from gateway.domain.videos import Video
from gateway.store.edits import Edit, Field
from gateway.store.health import Swap, Told
from gateway.store.loader import SCRIPTS
from gateway.store.names import Names
from gateway.store.outcomes import Admitted, Committed, Repeated, Trim
from gateway.store.store import Store
from tests.store.samples import HASH, PRICE, T0, Clock, admission, apply, claimed, closed, following, seed, video
from tests.store.test_webhooks import delivery, message
from tests.store.trimming import sheaves_of
from tests.support.gateway import free_port
from tests.support.redis import RedisServer

SLOTS = 16_384
SCRIPTS_FOLDER = Path(__file__).parents[2] / "gateway" / "store" / "scripts"


def slot(key: str) -> int:
    """CRC16 (XMODEM) of the hash tag, as the Cluster's specification says."""
    tag = re.search(r"\{([^}]+)\}", key)
    crc = 0
    for byte in (tag.group(1) if tag else key).encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc % SLOTS


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisServer]:
    """A Cluster of one node, which refuses keys of two slots and keys that were not declared."""
    folder = Path(tempfile.mkdtemp(prefix="tc"))
    settings = {"cluster_enabled": "yes", "cluster_port": str(free_port()), "cluster_require_full_coverage": "no"}
    server = RedisServer(folder, **settings)
    server.client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
    yield server
    server.stop()
    shutil.rmtree(folder)


def test_the_slot_is_computed_as_the_server_does(cluster: RedisServer) -> None:
    """So that the next test means something."""
    for key in ("{telecine}:due", "plain", "{a}b{c}", "{films}:video:x{y}"):
        assert slot(key) == cluster.client.execute_command("CLUSTER", "KEYSLOT", key)


@pytest.mark.parametrize("name", ["telecine", "films-2", "ü"])
def test_every_name_is_in_one_slot(name: str) -> None:
    """Names made from data too, whatever the data say."""
    names = Names(name)
    fixed = [value for value in vars(names).values() if isinstance(value, str)]
    made = [call("x{y}z") for call in (names.video, names.key, names.project, names.list, names.character)]
    assert len(fixed) >= 12
    made += [
        names.idem("{k}", "d"),
        names.repeat("k", "{f}"),
        names.usage("{d}", "p"),
        names.clip("{p}", "l"),
        names.queue("{q}"),
        names.told("t"),
    ]
    assert {slot(key) for key in (*fixed, *made)} == {slot(f"{{{name}}}")}


@pytest.mark.parametrize("name", ["", "a{b", "a}b"])
def test_a_name_cannot_move_the_tag(name: str) -> None:
    """A bug upstairs, caught at the door."""
    with pytest.raises(AssertionError):
        Names(name)


async def test_everything_works_on_a_cluster(cluster: RedisServer) -> None:
    """Every script once, on a server that enforces the rule."""
    clock = Clock()
    store = Store(f"unix://{cluster.socket}", now_ms=clock)
    cluster.client.script_flush()
    await seed(store)
    character = Character(id="c", project="proj_1", name="n", created_ms=0, account="a", ref={})
    await store.begin_character("key_1", Repeat(fingerprint="c"), "m")
    await store.end_character("key_1", Repeat(fingerprint="c"), "m", character)
    made, keyed = video(1), Repeat(key_name="idem", fingerprint="fp")
    assert isinstance(await store.admit(admission(made, repeat=keyed)), Admitted)
    assert isinstance(await store.admit(admission(video(2), repeat=keyed)), Repeated)
    assert isinstance(await store.admit(admission(video(2), repeat=Repeat(fingerprint="fp"), due_ms=T0 + 1)), Admitted)
    assert (await store.face(HASH, made.id))[1] is not None and made.id in await store.changed({made.id: 0})
    assert len((await store.page("proj_1", after=None, limit=5, descending=True)).faces) == 2
    await store.offer_clip("proj_1", "like", made.id, life_ms=1_000)
    assert await store.offered_clip("proj_1", "like") == made.id
    one = await claimed(store)
    assert await store.renew(made.id, one.token, lease_ms=5_000)
    assert await store.make_due(made.id)
    change = following(made, binding=Binding("acc", "ref", f"{made.id}.1"))
    assert isinstance(await apply(store, change, token=one.token), Committed)
    await _at_providers(store, made)
    again = await claimed(store)
    assert await store.rest_one(made.id, again.token, T0)
    settle = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
    await apply(store, following(replace(closed(made), version=4), settle, due_ms=None))
    over = following(replace(closed(made), version=5), due_ms=None)
    assert isinstance(await apply(store, over), Committed)
    clock.now_ms += 1
    assert await store.remove(made.id, over.video, keep_ms=1)
    await store.create_key(Key(id="key_2", project="proj_1", created_ms=T0), "2" * 64)
    await _by_hand(store)
    await store.shut_unread("b")
    assert len(await store.list_budgets(T0)) == 2
    assert await store.swap_charts(Swap("route/a/m", b"", b"[]"), told=Told("breaker.opened", "route/a/m"))
    assert (await store.charts()).raw == {"route/a/m": b"[]"}
    await _webhooks(store)
    await store.catch_up()
    assert (await store.usage(read_query({}, T0))).total.spent == PRICE
    assert await store.trim(await sheaves_of(store, made), now_ms=clock.now_ms, keep_ms=1) == Trim.TRIMMED
    assert await store.verify() == []
    deed = Deed(id="c", actor="file", action="config.apply", object="config")
    await store.publish_config(ConfigFacts(digest="d", actor="file"), b"a: 1", deed, based_on=0, limits={})
    cluster.client.set("{telecine}:seq", 0)
    await store.claim(1, lease_ms=1_000, token_prefix="r")
    await store.watch()
    assert await store.accept_rewind()
    known = cluster.client.script_exists(*(script.sha for script in SCRIPTS))
    assert known == [True] * len(SCRIPTS)
    await store.close()


async def _by_hand(store: Store) -> None:
    """What an operator changes."""
    assert await store.revoke_key("key_2")
    await store.set_cap("gateway", Window.DAY, Cap(10**9))
    assert await store.limit_key("key_1", Limits(rpm=5, in_flight=5, seconds_per_day=600))
    deed = Deed(id="d", actor="key_1", action="thing.change", object="thing/1")
    assert await store.edit(Edit(deed=deed, write=[Field("{telecine}:project:proj_1", "note", "x")]))


async def _webhooks(store: Store) -> None:
    """What is told, a target, and a delivery that is claimed and done."""
    assert await store.announce("config.reloaded", {"name": "7"}, once="7")
    target = Target(id="wht_1", scope="gateway", secrets=(Secret("whsec_AA=="),), created_ms=T0)
    deed = Deed(id="d2", actor="cli", action="webhook.create", object="webhook/wht_1")
    assert await store.set_target(None, target, deed)
    assert await store.add_deliveries([message(delivery())], read=("", "1-1")) == 1
    (one,) = await store.claim_deliveries("wht_1", 5, lease_ms=1_000)
    assert await store.place_delivery(one, Next(None)) == (True, 0)


async def _at_providers(store: Store, made: Video) -> None:
    """Permits, lines, calls and polls, in two commits."""
    await store.limit_providers({"a": ProviderLimits(rpm=5, concurrency=5, polls_per_minute=5)})
    at = AtProviders(ask="a", lines=("a", "b"), waits=True, begin=((f"{made.id}.1", "a"),), paused=("a", T0))
    assert isinstance(await apply(store, following(replace(made, version=2), at=at)), Committed)
    await store.resume("a")
    assert await store.call("b") == 1
    assert (await store.room_at("video_other", ["b", "a"])).provider is None
    assert await store.pace_poll("a") == 0
    assert await store.confirmed_by(0) and not await store.confirmed_by(1)
    gone = AtProviders(lines=("a", "b"), done=(f"{made.id}.1",))
    assert isinstance(await apply(store, following(replace(made, version=3), at=gone)), Committed)
    await store.make_due(made.id)


def test_scripts_name_no_key_themselves() -> None:
    """A key in a script's text, or made in it, would be one that was not declared."""
    for path in SCRIPTS_FOLDER.glob("*.lua"):
        text = path.read_text(encoding="ascii")
        code = "\n".join(line.partition("--")[0] for line in text.splitlines())
        for first in re.findall(r"redis\.call\('\w+',\s*([^,)]+)", code):
            assert re.fullmatch(r"KEYS\[\d+\]|[A-Z_]+|video", first.strip()), (path.name, first)


def test_every_script_says_what_it_is() -> None:
    """A comment with its keys, arguments and answers opens each file; the package ships no file that nothing loads."""
    texts = [script.text for script in SCRIPTS]
    for path in SCRIPTS_FOLDER.glob("*.lua"):
        text = path.read_text(encoding="ascii")
        assert text.startswith("-- ")
        assert any(text in whole for whole in texts), path.name
        assert path.name == "common.lua" or "KEYS " in text, path.name
