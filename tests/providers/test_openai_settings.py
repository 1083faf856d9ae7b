"""What an operator may say about a server that speaks OpenAI's contract, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from providers.contract import Abilities, Size, Verb
from providers.openai import OpenAI
from providers.openai.settings import OpenAISettings

WAN = {"seconds": [2, 5], "sizes": ["832x480"]}


def able(model: str, **settings: Any) -> Abilities:
    return OpenAI(OpenAISettings.model_validate(settings), None).abilities(model)


def price(model: str, size: Size) -> int | None:
    fits = [one.per_second_micros for one in able(model).prices if not one.sizes or size in one.sizes]
    return fits[0] if fits else None


def test_list_prices_are_those_of_the_last_day() -> None:
    """Micro-dollars a second, by model and size."""
    assert price("sora-2", Size(1280, 720)) == 100_000
    assert [price("sora-2-pro", Size(*size)) for size in ((720, 1280), (1792, 1024), (1920, 1080))] == [
        300_000,
        500_000,
        700_000,
    ]


def test_a_dated_snapshot_can_what_its_model_can() -> None:
    """Operators may pin one; another name is unknown."""
    assert able("sora-2-pro-2025-10-06") == able("sora-2-pro")
    with pytest.raises(KeyError):
        able("sora-3")


def test_by_default_nothing_is_promised_that_openai_did_not_promise() -> None:
    """No keys, no proof from lists, no cancel, no free failures; sources by their own ref only."""
    default = able("sora-2")
    assert default.resend_safe_s is None and default.visible_after_s is None and default.finds
    assert not (default.cancels or default.failed_jobs_free or default.lost_jobs_free or default.seed)
    assert default.needs_source_ref and default.extend_total_seconds_max == 120


def test_a_server_may_promise_more() -> None:
    """Each promise is a setting, for every model of that server."""
    more = able(
        "wan",
        models={"wan": {**WAN, "verbs": ["create", "edit"], "audio": True}},
        honours_idempotency_key=True,
        resend_safe_s=86_400,
        uploads_sources=True,
        visible_after_s=2,
        delete_cancels=True,
        lost_jobs_free=True,
        failed_jobs_free=True,
        asset_life_s=60,
    )
    assert more.seconds == (2, 5) and more.sizes == (Size(832, 480),) and more.verbs == (Verb.CREATE, Verb.EDIT)
    assert more.resend_safe_s == 86_400 and more.visible_after_s == 2 and more.asset_life_s == 60
    assert more.cancels and more.lost_jobs_free and more.failed_jobs_free and more.audio and not more.needs_source_ref
    assert more.prices == (), "prices of a server that nobody knows stand with the route"


def test_own_models_stand_beside_openais_and_may_replace_them() -> None:
    """A compatible server may call its own model `sora-2`."""
    adapter = OpenAI(OpenAISettings.model_validate({"models": {"sora-2": WAN, "wan": WAN}}), None)
    assert adapter.models() == ("sora-2", "sora-2-pro", "wan")
    assert adapter.abilities("sora-2").sizes == (Size(832, 480),)


@pytest.mark.parametrize(
    "settings",
    [
        {"models": {"wan": {**WAN, "sizes": ["large"]}}},
        {"models": {"wan": {**WAN, "sizes": [720]}}},
        {"models": {"wan": {**WAN, "sizes": []}}},
        {"models": {"wan": {**WAN, "seconds": []}}},
        {"models": {"wan": {**WAN, "verbs": ["dream"]}}},
        {"models": {"wan": {**WAN, "sead": True}}},
        {"models": {"wan": {"seconds": [4]}}},
        {"body": "xml"},
        {"assets": ["poster"]},
        {"resend_safe_s": 0},
        {"honors_idempotency_key": True},
    ],
)
def test_senseless_settings_are_refused(settings: dict[str, Any]) -> None:
    """At load time, with pydantic's place and reason, not at the first request."""
    with pytest.raises(ValidationError):
        OpenAISettings.model_validate(settings)
