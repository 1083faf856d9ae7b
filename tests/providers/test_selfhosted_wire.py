"""The openai adapter on servers of one's own, over a real wire: what vLLM-Omni and SGLang do otherwise than OpenAI."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from gateway.domain.verdicts import InDoubt
from providers.contract import (
    Broken,
    Cancelled,
    CannotCancel,
    CannotTell,
    Finished,
    Image,
    Probably,
    Refused,
    Running,
    Size,
    Spec,
    TooLate,
    Why,
)
from providers.openai import OpenAI
from providers.openai.settings import SERVERS, OpenAISettings
from tests.support import selfhosted_vendor
from tests.support.openai_talk import Talk, talk
from tests.support.pictures import png
from tests.support.selfhosted_contract import SGLANG, VLLM
from tests.support.vendor_faults import Fault, Point

WAN = {"seconds": [2, 4], "sizes": ["832x480", "480x832", "3840x2160"], "image": True}
BOTH = pytest.mark.parametrize("server", [VLLM, SGLANG])


def create(**changes: Any) -> Spec:
    wan = Size(832, 480)
    return Spec(**{"model": "wan-demo", "prompt": "a kite over dunes", "seconds": 2, "size": wan, **changes})


Pair = tuple[selfhosted_vendor.SelfHosted, Talk]


@asynccontextmanager
async def both(server: str, folder: Path, **options: Any) -> AsyncIterator[Pair]:
    async with (
        selfhosted_vendor.selfhosted(server, clips=str(folder), **options) as v,
        talk(v.address, v.api_key, server=server, models={"wan-demo": WAN}) as t,
    ):
        yield v, t


@BOTH
async def test_a_clip_is_made_and_fetched(server: str, tmp_path: Path) -> None:
    """Words, then a picture, with everything that the server's models can; nothing that was sent is ignored."""
    async with both(server, tmp_path) as (v, t):
        able = t.adapter.abilities("wan-demo")
        assert able.seed and able.negative_prompt and able.lost_jobs_free and able.failed_jobs_free
        still = Image(png(832, 480), "image/png", 832, 480)
        extras = {"fps": 16, "guidance_scale": 4.0, "num_inference_steps": 40}
        wishes = [create(), create(image=still, seed=7, negative_prompt="blur", extras=extras)]
        for wish in wishes:
            ref = await t.accepted(wish)
            ended = await t.ended(ref)
            assert isinstance(ended, Finished)
            assert (await t.download(ref, ended.assets[0]))[1][4:8] == b"ftyp"
        assert v.ignored == set() and v.counts["refused"] == 0
        last = list(v.jobs.values())[-1].order
        assert last.image == still.data and last.fields["guidance_scale"] == 4.0 and last.fields["seed"] == 7


@BOTH
async def test_every_tuning_field_that_is_declared_is_known_there(server: str, tmp_path: Path) -> None:
    """A field that the server ignores would be a lie to the client."""
    values: dict[str, Any] = {"quality": "high", "output_quality": "high", "enable_frame_interpolation": True}
    values |= {"enable_teacache": True, "boundary_ratio": 0.5}
    async with both(server, tmp_path) as (v, t):
        extras = {name: values.get(name, 1) for name in t.adapter.abilities("wan-demo").extras}
        await t.accepted(create(extras=extras))
        assert v.ignored == set() and len(extras) > 10


async def test_objects_travel_as_json_in_a_form(tmp_path: Path) -> None:
    """With brackets, as OpenAI spells them, both servers drop them without a word."""
    async with both(VLLM, tmp_path) as (v, t):
        await t.accepted(create(extras={"extra_params": {"flow_shift": 5}}))
        (job,) = v.jobs.values()
        assert job.order.fields["extra_params"] == {"flow_shift": 5} and v.ignored == set()


async def test_the_same_words_make_another_clip_on_sglang(tmp_path: Path) -> None:
    """Its default seed is a constant, so one is drawn from the attempt's key: the same for a resend."""
    async with both(SGLANG, tmp_path) as (v, t):
        for key in ("key-1", "key-2", "key-1"):
            await t.accepted(create(), key)
        first, second, again = (job.order.fields["seed"] for job in v.jobs.values())
        assert first == again != second


@pytest.mark.parametrize(
    ("server", "fault", "why"),
    [
        (VLLM, Fault(on="create", do="fail", status=500, message="CUDA out of memory."), Why.INTERNAL),
        (VLLM, Fault(on="create", do="fail", status=400, message="LoRA not found"), Why.INVALID),
        (VLLM, Fault(on="create", do="fail", status=400, message="Guardrail blocked the prompt"), Why.BLOCKED),
        (VLLM, Fault(on="create", do="fail", status=503, message="Stage configs not found"), Why.OVERLOADED),
        (SGLANG, Fault(on="create", do="fail", message="Model generation failed. Error from scheduler"), Why.INTERNAL),
        (SGLANG, Fault(on="create", do="fail", message="blocked by the guardrail"), Why.BLOCKED),
    ],
    ids=lambda value: f"{value.status}: {value.message}" if isinstance(value, Fault) else str(value),
)
async def test_a_failed_job_is_a_verdict_whatever_the_status_line_says(
    server: str, fault: Fault, why: Why, tmp_path: Path
) -> None:
    """vLLM-Omni answers the poll with the job's own error status."""
    async with both(server, tmp_path) as (v, t):
        v.program(fault)
        ended = await t.ended(await t.accepted(create()))
        assert isinstance(ended, Broken) and ended.why is why and ended.message == fault.message


@BOTH
async def test_a_job_of_before_a_restart_is_not_found(server: str, tmp_path: Path) -> None:
    """Their memory is the process's."""
    async with both(server, tmp_path, run_s=30.0) as (v, t):
        ref = await t.accepted(create())
        assert isinstance(await t.poll(ref), Running)
        v.restart()
        lost = await t.poll(ref)
        assert isinstance(lost, Refused) and lost.why is Why.NOT_FOUND


@BOTH
async def test_a_dead_engine_made_nothing(server: str, tmp_path: Path) -> None:
    """Its 503 comes before any job; another 503 proves nothing."""
    async with both(server, tmp_path, broken=True) as (v, t):
        refused = await t.submit(create())
        assert isinstance(refused, Refused) and refused.why is Why.OVERLOADED and refused.proof == "no engine"
        v.options = msgspec.structs.replace(v.options, broken=False)
        v.program(Fault(on="create", do="refuse", status=503, message="try later", at=Point.AFTER_MAKING))
        assert isinstance(await t.submit(create()), InDoubt)


@BOTH
async def test_a_wrong_field_is_refused_in_its_words(server: str, tmp_path: Path) -> None:
    """And the sentence reaches the operator."""
    async with both(server, tmp_path) as (_, t):
        refused = await t.submit(create(extras={"num_inference_steps": 1_000}))
        assert isinstance(refused, Refused) and refused.why is Why.INVALID
        assert "num_inference_steps" in refused.message


async def test_vllm_omni_cancels_what_waits(tmp_path: Path) -> None:
    """What has begun goes on there, so it is not forgotten either; what has ended is left alone."""
    async with both(VLLM, tmp_path, run_s=30.0) as (v, t):
        running, waiting = await t.accepted(create()), await t.accepted(create())
        assert isinstance(await t.cancel(running), CannotCancel)
        assert await t.cancel(waiting) == Cancelled(free=True)
        assert v.counts["spared"] == 1 and len(v.jobs) == 1
        v.jobs[str(running["id"])].ends_s = time.monotonic()
        assert isinstance(await t.cancel(running), TooLate)


async def test_sglang_cancels_nothing(tmp_path: Path) -> None:
    """Its DELETE forgets a job that renders on; so it is not said to cancel."""
    async with both(SGLANG, tmp_path, run_s=30.0) as (v, t):
        assert isinstance(await t.cancel(await t.accepted(create())), CannotCancel)
        assert v.counts["delete"] == 0
    with pytest.raises(ValidationError, match="renders on"):
        OpenAISettings.model_validate({"server": SGLANG, "delete_cancels": True})


async def test_a_lost_create_is_found_where_the_list_tells_the_words(tmp_path: Path) -> None:
    """SGLang's does not, and rounds the seconds: nothing can be told."""
    for server, verdict in ((VLLM, Probably), (SGLANG, CannotTell)):
        async with both(server, tmp_path) as (v, t):
            v.program(Fault(on="create", do="close", at=Point.AFTER_MAKING))
            assert isinstance(await t.submit(create()), InDoubt)
            assert isinstance(await t.find(create(), since_ms=time.time_ns() // 1_000_000), verdict), server


async def test_a_file_that_sglang_stored_elsewhere_is_fetched_there(tmp_path: Path) -> None:
    """Without the key."""
    async with both(SGLANG, tmp_path, stores_away=True) as (v, t):
        ref = await t.accepted(create())
        ended = await t.ended(ref)
        assert (await t.download(ref, ended.assets[0]))[1][4:8] == b"ftyp"
        assert v.counts["content"] == 0 and v.counts["stored"] == 1


# --- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["output_path", "lora", "extra_params", "num_frames", "n", "reference_url", "size"])
@BOTH
def test_clients_choose_no_paths_and_no_work_on_such_a_server(server: str, name: str) -> None:
    """What reaches its disk or network, or makes a clip longer than its price."""
    models = {"wan-demo": {**WAN, "extras": ["fps", name]}}
    with pytest.raises(ValidationError, match=name):
        OpenAISettings.model_validate({"server": server, "models": models})


@pytest.mark.parametrize(
    "settings",
    [
        {"server": "comfyui"},
        {"server": VLLM, "body": "json"},
        {"server": VLLM, "assets": ["video", "thumbnail"]},
        {"server": SGLANG, "uploads_sources": True},
        {"server": SGLANG, "models": {"wan-demo": {**WAN, "verbs": ["create", "remix"]}}},
        {"server": VLLM, "models": {"wan-demo": {**WAN, "characters": True}}},
        {"server": SGLANG, "models": {"wan-demo": {**WAN, "audio": None}}},
        {"server": "azure", "key_header": "not a header"},
    ],
)
def test_what_a_server_cannot_do_is_no_setting(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OpenAISettings.model_validate(settings)


def test_the_operators_word_stands_above_the_table() -> None:
    """Also where it says less."""
    models = {"wan-demo": {**WAN, "seed": False, "extras": ["fps"]}}
    said = {"server": VLLM, "models": models, "delete_cancels": True, "lost_jobs_free": False}
    able = OpenAI(OpenAISettings.model_validate(said), None).abilities("wan-demo")
    assert able.cancels and not (able.lost_jobs_free or able.seed) and able.negative_prompt and able.extras == ("fps",)


def test_only_openai_has_openais_models() -> None:
    """A deployment's name says nothing of what it can."""
    for server in SERVERS:
        models = OpenAI(OpenAISettings.model_validate({"server": server}), None).models()
        assert bool(models) == (server == "openai")
