"""The openai adapter against the request and response models of vLLM-Omni and SGLang themselves, from their packages.

A stock server needs a GPU's libraries to start, so this is as near as this machine comes to one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest

from providers.contract import Accepted, Broken, Call, Finished, Form, Image, Part, Reply, Running, Size, Spec, Why
from providers.openai import OpenAI
from providers.openai.settings import NEVER_EXTRAS, OpenAISettings
from tests.support import server_wheels
from tests.support.flows import walk
from tests.support.server_wheels import SGLANG, VLLM

pytestmark = pytest.mark.slow

SERVERS = {VLLM: "vllm-omni", SGLANG: "sglang"}
REQUESTS = {VLLM: "VideoGenerationRequest", SGLANG: "VideoGenerationsRequest"}
VALUES: dict[str, Any] = {"quality": "high", "output_quality": "high", "boundary_ratio": 0.5, "fps": 24}
BOTH = pytest.mark.parametrize("package", SERVERS)


def adapter(package: str) -> OpenAI:
    sound = None if package == VLLM else False  # a switch, or none
    wan = {"seconds": [4], "sizes": ["832x480"], "image": True, "audio": sound}
    told = {"server": SERVERS[package], "models": {"wan": wan}}
    return OpenAI(OpenAISettings.model_validate(told), None)


def _always(reply: Reply, call: Call) -> Reply:
    return reply


def sent(package: str) -> tuple[dict[str, str], tuple[Part, ...]]:
    """The form of a create with everything that is declared for the server's models."""
    one = adapter(package)
    extras = {name: VALUES.get(name, 1) for name in one.abilities("wan").extras}
    spec = Spec(
        model="wan", prompt="a kite", seconds=4, size=Size(832, 480), audio=package == VLLM or None, seed=7,
        negative_prompt="blur", image=Image(b"\x89PNG", "image/png", 832, 480), extras=extras,
    )  # fmt: skip
    call = walk(one.submit(spec, "k"), lambda _: Reply(200, {}, b'{"id": "v"}')).calls[0]
    assert isinstance(call.body, Form)
    return dict(call.body.fields), call.body.files


@BOTH
def test_every_field_that_is_sent_is_read(package: str) -> None:
    """Both ignore what they do not know, so a field too many would be a lie to the client."""
    fields, files = sent(package)
    assert {*fields, *(part.name for part in files)} <= server_wheels.form_fields(package)


@BOTH
def test_their_own_models_take_what_is_sent(package: str) -> None:
    """As the server builds them from the form."""
    fields, _ = sent(package)
    made = getattr(server_wheels.models(package), REQUESTS[package]).model_validate(fields)
    assert (made.prompt, made.size, str(made.seconds), made.seed) == ("a kite", "832x480", "4", 7)
    assert made.num_inference_steps == 1 and made.guidance_scale == 1.0 and made.negative_prompt == "blur"


@BOTH
def test_no_field_that_names_a_place_can_become_an_extra(package: str) -> None:
    """Of all that the server reads, today and in this version."""
    places = [name for name in server_wheels.form_fields(package) if name.endswith(("path", "url", "reference"))]
    assert len(places) > 3 and all(NEVER_EXTRAS.fullmatch(name) for name in places)
    declared = adapter(package).abilities("wan").extras
    assert not any(NEVER_EXTRAS.fullmatch(name) for name in declared)


@BOTH
def test_their_own_jobs_are_understood(package: str) -> None:
    """In every state, with the error as each spells it."""
    module, one = server_wheels.models(package), adapter(package)
    more = {"prompt": "a kite"} if package == VLLM else {"id": "v1"}
    error = {"code": 500, "message": "CUDA out of memory"} if package == VLLM else {"message": "CUDA out of memory"}
    ends: list[Any] = []
    for status in ("queued", "in_progress", "completed", "failed"):
        job = module.VideoResponse(model="wan", status=status, error=error if status == "failed" else None, **more)
        reply = Reply(200, {}, job.model_dump_json().encode())
        ends.append(walk(one.poll({"id": job.id}), partial(_always, reply)).end)
    assert ends[:2] == [Running(0), Running(0)]
    assert isinstance(ends[2], Finished) and ends[2].assets[0].link is None
    assert ends[3] == Broken(why=Why.INTERNAL, message="CUDA out of memory")


@BOTH
def test_their_own_lists_are_counted(package: str) -> None:
    """Who waits and runs."""
    module, one = server_wheels.models(package), adapter(package)
    more = {"prompt": "a kite"} if package == VLLM else {"id": "v1"}
    jobs = [module.VideoResponse(model="wan", status=status, **more) for status in ("queued", "completed")]
    page = module.VideoListResponse(data=jobs, first_id=jobs[0].id, last_id=jobs[1].id, has_more=False)
    body = page.model_dump_json().encode()
    assert walk(one.load(), lambda _: Reply(200, {}, body)).end.jobs == 1


@BOTH
def test_their_own_first_answer_is_an_id(package: str) -> None:
    module, one = server_wheels.models(package), adapter(package)
    more = {"prompt": "a kite"} if package == VLLM else {"id": "v1"}
    job = module.VideoResponse(model="wan", **more)
    spec = Spec(model="wan", prompt="a kite", seconds=4, size=Size(832, 480))
    end = walk(one.submit(spec, "k"), lambda _: Reply(200, {}, job.model_dump_json().encode())).end
    assert end == Accepted({"id": job.id}) and msgspec.json.encode(end.ref)
