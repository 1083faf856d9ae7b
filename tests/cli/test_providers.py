"""`telecine providers`: what is configured is listed with what is known of it, and a look at one costs nothing."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from gateway.domain.accounts import encode_standing, standing_of
from providers.contract import Charge, Unit
from tests.cli.telecine import configured, objects, telecine
from tests.cli.test_breakers import barred
from tests.support.commands import Done
from tests.support.dialogs import build
from tests.support.gemini_vendor import gemini
from tests.support.redis import RedisServer
from tests.support.runway_vendor import runway

STANDINGS = "{telecine}:standings"
CONFIG = """
providers:
  films: {{adapter: runway, base_url: "{base_url}", api_key: {key}, poll_timeout_s: 2}}
models:
  clip: {{routes: [films/gen4.5, {{route: films/gen4_turbo, weight: 2}}]}}
"""


def place(folder: Path, base_url: str, key: str) -> Path:
    (folder / "config.yaml").write_text(CONFIG.format(base_url=base_url, key=key))
    return folder


async def checked(folder: Path, *words: str) -> Done:
    return await asyncio.to_thread(telecine, folder, "providers", "check", "films", *words)


def test_every_route_is_listed_with_its_price_its_breaker_and_the_balance(
    tmp_path: Path, empty_redis: RedisServer
) -> None:
    here = configured(tmp_path / "here", empty_redis.url)
    barred(empty_redis)
    standing = standing_of(Charge("950", Unit.CREDITS), [10**7], 1_795_200_000_000)
    assert standing is not None
    empty_redis.client.hset(STANDINGS, "mock", encode_standing(standing))
    rows = objects(telecine(here, "providers", "list", "--json").out)
    assert [(one["provider"], one["adapter"], one["route"], one["breaker"]) for one in rows] == [
        ("mock", "mock", f"mock/{model}", "open") for model in ("sora-2", "sora-2-pro", "mock-video")
    ]
    assert rows[0]["cheapest"] == {"price_usd": "0.40", "seconds": 4, "size": "720x1280"}
    assert rows[0]["models"] == ["sora-2"]
    assert rows[0]["balance"] == {
        "amount": "950", "unit": "credits", "worth_usd": "9.50", "read_at": "2026-11-20T18:40:00Z",
    }  # fmt: skip
    table = telecine(here, "providers", "list").out.splitlines()
    assert table[0].split() == ["PROVIDER", "ADAPTER", "ROUTE", "MODELS", "CHEAPEST", "BREAKER", "SUCCESS", "BALANCE"]
    assert "$0.40 for 4 s 720x1280" in table[1] and "950 credits" in table[1]


async def test_a_provider_that_answers_tells_its_balance_and_its_models(tmp_path: Path) -> None:
    """Nothing is made there, and what its list lacks is named."""
    async with runway(clips=str(tmp_path)) as vendor:
        here = place(tmp_path, vendor.base_url, vendor.api_key)
        done = await checked(here)
        assert done.status == 0, done.err
        said = objects((await checked(here, "--json")).out)[0]
        assert vendor.counts["renders"] == 0 and vendor.tasks == {} and vendor.counts["refused"] == 0
    assert done.out.splitlines()[:2] == ["films answers and takes the credential", "balance: 1000 credits"]
    assert (said["reached"], said["credential"], said["problem"]) == (True, "accepted", None)
    assert set(said["models"]) == {"gen4.5", "gen4_turbo"}


async def test_a_refused_credential_and_a_wrong_address_are_told_apart(tmp_path: Path) -> None:
    """Each in one sentence that says what to look at, without a secret or an address."""
    secret = "key_wrong_secret"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        async with runway(clips=str(tmp_path)) as vendor, gemini(clips=str(tmp_path)) as other:
            said = {}
            for base_url in (vendor.base_url, other.base_url, nobody):
                done = await checked(place(tmp_path, base_url, secret))
                assert done.status == 1 and secret not in done.out + done.err and base_url not in done.out + done.err
                said[base_url] = done.out.splitlines()[0]
    assert "refuses the credential" in said[vendor.base_url]
    assert "`base_url`" in said[other.base_url]
    assert "nobody answers" in said[nobody]


@pytest.mark.parametrize(("name", "words"), [("mok", 'did you mean "mock"?'), ("mock", "start it with telecine serve")])
def test_what_cannot_be_looked_at_is_said(tmp_path: Path, empty_redis: RedisServer, name: str, words: str) -> None:
    done = telecine(configured(tmp_path / "here", empty_redis.url), "providers", "check", name)
    assert done.status == 1 and words in done.err


def test_openais_own_address_says_that_its_service_ended() -> None:
    """On 24 September 2026; other servers of the contract are not meant."""
    adapter = build("openai", {})
    assert "2026-09-24" in adapter.notes("https://api.openai.com/v1")[0]
    assert adapter.notes("https://videos.example/v1") == ()
