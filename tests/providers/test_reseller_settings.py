"""What an operator may say of a reseller: presets, what is laid over them, every wrong value refused in its line."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from gateway.config.load import parse_config
from gateway.config.problems import ConfigError
from gateway.snapshot import build_snapshot
from providers.contract import Exactly, NotReceived, Reply, Size, Sought, Spec, Unreadable
from providers.reseller import Reseller
from providers.reseller.presets import PRESETS
from providers.reseller.settings import ResellerSettings
from tests.support.flows import walk

MODEL: dict[str, Any] = {"seconds": [5], "sizes": ["1280x720"]}
FILE = """\
providers:
  shop:
    adapter: reseller
    api_key: sk-shop
    settings:
      {settings}
      models:
        m: {model}
models:
  clip:
    routes:
      - route: shop/m
        prices: [{{per_second: "0.10", as_of: 2026-11-20, source: its page}}]
"""


def read(settings: str, model: str = "{seconds: [5], sizes: [1280x720]}") -> None:
    text = FILE.format(settings=settings.replace("\n", "\n      "), model=model)
    build_snapshot(parse_config("config.yaml", text.encode(), {}), sandbox_socket=None)


def sent(settings: dict[str, Any], model: str = "m") -> Any:
    """The body of a create."""
    adapter = Reseller(ResellerSettings.model_validate(settings), "sk-shop")
    spec = Spec(model=model, prompt="a boat", seconds=5, size=Size(1280, 720))
    return next(adapter.submit(spec, "key"))


def test_a_failed_job_is_free_only_where_the_vendor_says_so() -> None:
    """A hold is given back on proof: where the vendor's pages say nothing of it, the price is settled."""
    free = {"newapi", "newapi-generations", "newapi-files", "newapi-sora", "newapi-kling", "aimlapi", "kie", "kie-veo"}
    bare = Reseller(ResellerSettings.model_validate({**OWN, "models": {"m": MODEL}}), None)
    assert not bare.abilities("m").failed_jobs_free
    for preset in PRESETS:
        settings = ResellerSettings.model_validate({"preset": preset, "user_token": "t", "models": {"m": MODEL}})
        assert Reseller(settings, None).abilities("m").failed_jobs_free == (preset in {*free, "segmind"}), preset


@pytest.mark.parametrize(
    ("told", "same"), [(5, True), (5.0, True), ("5", True), ("5.00", True), (6, False), ("x", False)]
)
def test_a_length_is_the_same_however_it_is_spelled(told: object, same: bool) -> None:
    """A job that a callback named is not turned away for its spelling of five seconds."""
    adapter = Reseller(ResellerSettings.model_validate({"preset": "evolink", "models": {"m": MODEL}}), None)
    spec = Spec(model="m", prompt="a boat", seconds=5, size=Size(1280, 720))
    flow = adapter.confirm({"id": "task-1"}, Sought(key="k", spec=spec, since_ms=1, until_ms=2))
    job = {"id": "task-1", "status": "processing", "model": "m", "task_info": {"video_duration": told}}
    ended = walk(flow, lambda _: Reply(200, {}, msgspec.json.encode(job))).end
    assert ended == (Exactly({"id": "task-1"}) if same else NotReceived())


OWN: dict[str, Any] = {
    "create": {"path": "/make", "fields": {"prompt": "prompt", "seconds": "seconds", "size": "size"}},
    "poll": {"path": "/jobs/{id}"},
}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_whole_dialect(preset: str) -> None:
    """With a model and nothing else it can be used, and its length, its size and its prompt are all sent."""
    call = sent({"preset": preset, "user_token": "t", "models": {"m": MODEL}})
    told = repr(call.body)
    assert call.starts_work and call.method == "POST"
    assert "5" in told and ("16:9" in told or "1280x720" in told) and "a boat" in told


def test_a_preset_brings_its_address() -> None:
    """So `base_url` is written only where it is another; a preset of no one site needs it."""
    read("preset: evolink")
    with pytest.raises(ConfigError, match=r"base_url: .*no usual address"):
        read("preset: newapi")


def test_the_name_of_the_model_decides_the_dialect() -> None:
    """As at Crazyrouter; what stands at the model overrules that."""
    models = {"veo-3.1-fast": MODEL, "wan2.5-t2v": MODEL, "kling-v3": {**MODEL, "preset": "crazyrouter-openai"}}
    settings = {"preset": "crazyrouter", "models": models}
    paths = {name: sent(settings, name).path for name in models}
    assert paths == {
        "veo-3.1-fast": "/v1/video/create",
        "wan2.5-t2v": "/v1/video/generations",
        "kling-v3": "/v1/videos",
    }


@pytest.mark.parametrize("audio", [True, False])
def test_sound_is_said_where_a_model_has_no_switch(audio: bool) -> None:
    """It decides the price, so the site does not; a model whose dialect is told no place for it says nothing."""
    lacking: dict[str, Any] = {"wire": {"create": {"fields": {"audio": []}}}}
    for more, told in (({}, audio), (lacking, None)):
        settings = {"preset": "aimlapi", "models": {"m": {**MODEL, "audio": audio, **more}}}
        assert sent(settings).body.value.get("generate_audio") is told


def test_what_is_written_is_laid_over_the_preset() -> None:
    """For the provider, and for one model beyond that; objects are merged, all else is replaced."""
    own = {**MODEL, "name": "their/name", "wire": {"create": {"constants": {"provider": "google"}}}}
    settings = {"preset": "aimlapi", "create": {"fields": {"prompt": "text"}}, "models": {"m": own, "n": MODEL}}
    body = {"model": "their/name", "text": "a boat", "duration": 5, "aspect_ratio": "16:9", "resolution": "720p"}
    body["generate_audio"] = False
    assert sent(settings).body.value == {**body, "provider": "google"}
    assert sent(settings, "n").body.value == {**body, "model": "n"}


@pytest.mark.parametrize(
    ("settings", "model", "where", "reason"),
    [
        ("preset: nope", "", 6, "no preset is called so; known here: ai302"),
        ("preset: evolink\npol: {}", "", 7, "unknown key; did you mean"),
        ("preset: evolink\npoll: {path: v1/tasks}", "", 7, "write a path such as"),
        ("preset: evolink\nid_paths: [data..id]", "", 7, "write a place in the JSON"),
        ("preset: evolink\ncharge: [{at: cost, per_usd: \"0\"}]", "", 7, "how many units are one dollar"),
        ("preset: evolink\nerrors: {codes: {\"402\": broke}}", "", 7, "should be"),
        ("preset: evolink\nresult: {order: [content]}", "", 7, "nothing says where that is"),
        ("preset: evolink\ncreate: {image_as: file}", "", 7, "needs encoding"),
        ("preset: evolink", "{seconds: [5], sizes: [1280x720], seed: true}", 8, "create.fields.seed"),
        ("preset: evolink", "{seconds: [5], sizes: [1280x720], preset: nope}", 8, "no preset is called so"),
        ("preset: evolink", "{seconds: [5], sizes: [1280x720], wire: {poll: {path: x}}}", 8, "write a path"),
        ("create: {path: /v1/videos}", "", 6, "is required"),
        ("preset: crazyrouter-wallet", "", 5, "needs user_token"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_line(settings: str, model: str, where: int, reason: str) -> None:
    """By the loader, in its words, and the key is never quoted."""
    with pytest.raises(ConfigError) as caught:
        read(settings, model or "{seconds: [5], sizes: [1280x720]}")
    first = str(caught.value)
    assert f"config.yaml:{where}: providers.shop.settings" in first and reason in first
    assert "sk-shop" not in first


def test_a_secret_shows_as_stars() -> None:
    """The callback's secret and the user's token are secrets too."""
    settings = ResellerSettings.model_validate(
        {"preset": "piapi", "callback_secret": "hidden-1", "user_token": "hidden-2", "models": {"m": MODEL}}
    )
    assert "hidden" not in repr(settings)


def test_a_size_and_a_length_always_have_a_place() -> None:
    """They decide the price, so no dialect leaves them to the vendor."""
    with pytest.raises(ValidationError, match="seconds"):
        ResellerSettings.model_validate({"preset": "evolink", "create": {"fields": {"seconds": []}}})


def test_a_balance_may_want_another_credential() -> None:
    """A user's token, or the key in the query; every other call keeps the key in its header."""
    wallet = {"preset": "crazyrouter-wallet", "user_token": "u-token", "user_id": "17", "models": {}}
    adapter = Reseller(ResellerSettings.model_validate(wallet), "sk-shop")
    signed = [adapter.sign(call) for call in walk(adapter.account(), lambda _: _models()).calls]
    assert [call.headers.get("authorization") for call in signed] == ["Bearer sk-shop", "u-token"]
    assert signed[1].headers["new-api-user"] == "17"
    comet = Reseller(ResellerSettings.model_validate({"preset": "comet", "models": {}}), "sk-shop")
    signed = [comet.sign(call) for call in walk(comet.account(), lambda _: _models()).calls]
    assert [call.query for call in signed] == [(), (("key", "sk-shop"),)]
    assert "authorization" not in signed[1].headers


def _models() -> Any:
    from providers.contract import Reply

    return Reply(200, {}, b'{"data": [{"id": "m"}]}')


def test_a_job_whose_model_is_gone_from_the_settings_is_not_taken_for_lost() -> None:
    """Its dialect is not known any more, and another's path would answer that there is no such job."""
    adapter = Reseller(ResellerSettings.model_validate({"preset": "crazyrouter", "models": {"m": MODEL}}), "sk-shop")
    assert isinstance(walk(adapter.poll({"id": "1", "model": "veo-gone"}), lambda _: _models()).end, Unreadable)


def test_a_site_without_videos_is_told_as_one() -> None:
    """XRoute has relays for chat only, as far as anybody knows."""
    adapter = Reseller(ResellerSettings.model_validate({"preset": "newapi", "models": {"m": MODEL}}), "sk-shop")
    assert any("no known video endpoint" in note for note in adapter.notes("https://api.xroute.ai"))
    assert adapter.notes("https://relay.example.com") == ()
