"""The simulated resellers' dialects by the preset's name, from the contract's pages. `reseller_forms` holds those that
are named after a model or a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from tests.support.reseller_calls import ai302_called, kie_signed, wave_signed
from tests.support.reseller_contract import (
    NEWAPI,
    Dialect,
    Job,
    among,
    digits,
    enveloped,
    failure,
    flag,
    link,
    links,
    pixels,
    ratio,
    resolution,
    text,
    tls_link,
    whole,
)
from tests.support.reseller_forms import FORMS, comet_seedance, kie_veo


def evolink_error(status: int, code: str, message: str) -> tuple[int, Any]:
    return status, {"error": {"code": status, "message": message, "type": code, "param": ""}}


def evolink_task(job: Job, word: str, link: str) -> Any:
    task = {"created": 1795200000, "id": job.id, "model": job.model, "object": "video.generation.task", "progress": 40,
            "status": word, "type": "video",
            "task_info": {"can_cancel": True, "video_duration": job.seconds}}  # fmt: skip
    return {
        **task,
        **({"results": [link]} if link else {}),
        **({"error": failure(job, word)} if word == "failed" else {}),
    }


EVOLINK: Final = Dialect(
    create="/v1/videos/generations",
    poll="/v1/tasks/{id}",
    fields={"model": text, "prompt": text, "duration": whole, "quality": resolution, "aspect_ratio": ratio,
            "image_urls": links, "generate_audio": flag, "callback_url": tls_link},
    words=("pending", "processing", "completed", "failed"),
    made=lambda job: evolink_task(job, "pending", ""),
    seen=evolink_task,
    error=evolink_error,
    gone=(404, "not_found_error", "no such task"),
    callback="callback_url",
    upload=("/upload", "file", lambda url: {"success": True, "data": {"file_url": url}}),
    reads={"/v1/credits": {"success": True, "data": {"user": {"remaining_credits": 252.5}, "token": {}}}},
)  # fmt: skip


def comet_error(status: int, code: str, message: str) -> tuple[int, Any]:
    """Bad input is a 500."""
    status, code = (500, "invalid_request") if status == 400 and code != "task_not_exist" else (status, code)
    return status, {"error": {"message": message, "type": "comet_api_error", "param": "", "code": code}}


def comet_video(job: Job, word: str, link: str) -> Any:
    face = {"id": job.id, "task_id": job.id, "object": "video", "model": "backend", "status": word, "progress": 0}
    return {
        **face,
        **({"video_url": link} if link else {}),
        **({"error": failure(job, word)} if word == "FAILED" else {}),
    }


COMET: Final = Dialect(
    create="/v1/videos",
    poll="/v1/videos/{id}",
    form="always",
    fields={"model": text, "prompt": text, "seconds": digits, "size": pixels},
    words=("SUBMITTED", "IN_PROGRESS", "SUCCESS", "FAILED"),
    made=lambda job: comet_video(job, "SUBMITTED", ""),
    seen=comet_video,
    error=comet_error,
    gone=(400, "task_not_exist", "task_not_exist"),
)


def aiml_error(status: int, code: str, message: str) -> tuple[int, Any]:
    return status, {"message": message, "path": "/v2/video/generations", "requestId": "r", "statusCode": status}


def aiml_job(job: Job, word: str, link: str) -> Any:
    face: dict[str, Any] = {"id": job.id, "status": word, "error": None}
    if word == "error":
        face["error"] = {"name": "Error", "message": job.fate.message}
    used = {"credits_used": 400_000 * job.seconds, "usd_spent": 0.2 * job.seconds}
    return {**face, "video": [{"url": link}], "meta": {"usage": used}} if link else face


def aiml_log(jobs: list[Job]) -> Any:
    rows = [{"inference_id": job.id, "client_request_id": job.key, "model": job.model} for job in jobs]
    return {"data": rows, "pagination": {"limit": 100, "offset": 0, "total": len(rows), "has_more": False}}


AIMLAPI: Final = Dialect(
    create="/v2/video/generations",
    poll="/v2/video/generations",
    id_in="generation_id",
    fields={"model": text, "prompt": text, "duration": whole, "aspect_ratio": ratio, "resolution": resolution,
            "image_url": text, "last_image_url": text, "generate_audio": flag, "negative_prompt": text, "seed": whole,
            "provider": among("auto", "fal", "google", "kling", "bytedance")},
    words=("queued", "generating", "completed", "error"),
    made=lambda job: {"id": job.id, "status": "queued", "meta": {"usage": {"credits_used": 1}}},
    seen=aiml_job,
    error=aiml_error,
    listing=("/v2/logs", aiml_log),
)  # fmt: skip


def kie_error(status: int, code: str, message: str) -> tuple[int, Any]:
    """HTTP says 200 whatever happened, but for an unknown path and a rate."""
    return (429 if status == 429 else 200), {"code": status, "msg": message, "data": None}


def kie_record(job: Job, word: str, link: str) -> Any:
    result = json.dumps({"resultUrls": [link]}) if link else ""
    failed = {"failCode": "500", "failMsg": job.fate.message} if word == "fail" else {"failCode": "", "failMsg": ""}
    data = {"taskId": job.id, "model": job.model, "state": word, "param": "{}", "resultJson": result, **failed}
    return {"code": 200, "msg": "success", "data": data}


KIE: Final = Dialect(
    create="/api/v1/jobs/createTask",
    poll="/api/v1/jobs/recordInfo",
    id_in="taskId",
    fields={"model": text, "input.prompt": text, "input.duration": digits, "input.aspect_ratio": ratio,
            "input.resolution": resolution, "input.sound": flag, "callBackUrl": link},
    words=("waiting", "generating", "success", "fail"),
    made=lambda job: {"code": 200, "msg": "success", "data": {"taskId": job.id}},
    seen=kie_record,
    error=kie_error,
    gone=(422, "", "recordInfo is null"),
    callback="callBackUrl",
    signed=kie_signed,
)  # fmt: skip


def pi_task(job: Job, word: str, link: str) -> Any:
    wrong = (
        {"code": 10000, "message": "task failed", "raw_message": job.fate.message} if word == "failed" else {"code": 0}
    )
    works = [{"status": 99, "video": {"resource_without_watermark": link}}] if link else []
    return enveloped("message", "success")({
        "task_id": job.id, "model": job.model, "task_type": "video_generation", "status": word,
        "output": {"status": 99, "works": works}, "meta": {"usage": {"consume": 0}}, "error": wrong,
    })  # fmt: skip


def pi_called(job: Job, word: str, link: str) -> Any:
    return {"timestamp": 1795200120, "data": pi_task(job, word, link)["data"]}


PIAPI: Final = Dialect(
    create="/api/v1/task",
    poll="/api/v1/task/{id}",
    header="x-api-key",
    scheme="",
    fields={"model": text, "task_type": among("video_generation"), "input.prompt": text, "input.duration": whole,
            "input.aspect_ratio": ratio, "input.mode": among("std", "pro"), "input.negative_prompt": text,
            "input.image_url": link, "config.service_mode": among("public", "private"),
            "config.webhook_config.endpoint": link, "config.webhook_config.secret": text},
    words=("pending", "processing", "completed", "failed"),
    made=lambda job: pi_task(job, "pending", ""),
    seen=pi_task,
    error=lambda status, code, message: (status, {"code": status, "message": message, "data": {}}),
    upload=("/upload", "file_data", lambda url: {"code": 200, "data": {"url": url}}),
    callback="config.webhook_config.endpoint",
    called=pi_called,
    signed=lambda secret, job, body: {"x-webhook-secret": str(job.body["config.webhook_config.secret"])},
    cancel="/api/v1/task/{id}",
    failed_status=500,
)  # fmt: skip


def ai302_task(job: Job, word: str, link: str) -> Any:
    face = {"task_id": job.id, "status": word, "model": job.model, "created_at": "2026-11-20T10:30:00Z"}
    wrong = {"error": {"error": "x", "message": job.fate.message, "error_type": "E"}} if word == "failed" else {}
    return {**face, **wrong, **({"video_url": link, "raw_response": "{}"} if link else {})}


AI302: Final = Dialect(
    create="/302/v2/video/create",
    poll="/302/v2/video/fetch/{id}",
    fields={"model": text, "prompt": text, "duration": whole, "aspect_ratio": ratio, "resolution": resolution,
            "image": text, "end_image": text, "negative_prompt": text},
    words=("pending", "processing", "completed", "failed"),
    made=lambda job: ai302_task(job, "pending", ""),
    seen=ai302_task,
    error=lambda status, code, message: (status, {"error": {"err_code": 10001, "message": message, "type": code}}),
    callback="?webhook",
    called=ai302_called,
)  # fmt: skip


def mart_task(job: Job, word: str, link: str) -> Any:
    data: dict[str, Any] = {"id": job.id, "status": word, "progress": 50, "created": 1795200000}
    if word == "failed":
        data["error"] = {"message": job.fate.message}
    if word == "processing":  # the address is there too early, and leads nowhere yet
        data["result"] = {"videos": [{"url": ["https://cdn.example.net/early.mp4"]}]}
    if link:
        data |= {"cost": 0.1 * job.seconds, "result": {"videos": [{"url": [link], "expires_at": 4_000_000_000}]}}
    return {"code": 200, "data": data}


APIMART: Final = Dialect(
    create="/v1/videos/generations",
    poll="/v1/tasks/{id}",
    fields={"model": text, "prompt": text, "duration": whole, "aspect_ratio": ratio, "resolution": resolution,
            "image_urls": lambda value: isinstance(value, list), "audio": flag, "negative_prompt": text},
    words=("submitted", "processing", "completed", "failed"),
    made=lambda job: {"code": 200, "data": [{"status": "submitted", "task_id": job.id}]},
    seen=mart_task,
    error=lambda status, code, message: (status, {"error": {"code": code, "message": message, "type": "e"}}),
)  # fmt: skip


def wave_prediction(job: Job, word: str, link: str) -> Any:
    return {"id": job.id, "model": job.model, "status": word, "outputs": [link] if link else [],
            "has_nsfw_contents": [False], "created_at": "2026-11-20T10:30:00Z",
            "error": job.fate.message if word == "failed" else ""}  # fmt: skip


def wave_seen(job: Job, word: str, link: str) -> Any:
    return enveloped("message", "success")(wave_prediction(job, word, link))


WAVESPEED: Final = Dialect(
    create="/api/v3/{model:.+}",
    poll="/api/v3/predictions/{id}/result",
    fields={"prompt": text, "duration": whole, "aspect_ratio": ratio, "resolution": resolution, "image": text,
            "last_image": text, "generate_audio": flag, "seed": whole, "negative_prompt": text},
    words=("created", "processing", "completed", "failed"),
    made=lambda job: wave_seen(job, "created", ""),
    seen=wave_seen,
    error=lambda status, code, message: (status, {"code": status, "message": message}),
    callback="?webhook",
    called=wave_prediction,
    signed=wave_signed,
)  # fmt: skip


def segmind_request(job: Job, word: str, link: str) -> Any:
    face = {"request_id": job.id, "status": word, "metrics": {"inference_time": 1.0}}
    wrong = {"error": job.fate.message} if word == "FAILED" else {}
    return {**face, **wrong, **({"output": json.dumps({"video": link})} if link else {})}


SEGMIND: Final = Dialect(
    create="/v2/{model:[^/]+}",
    poll="/v2/requests/{id}/status",
    result="/v2/requests/{id}",
    header="x-api-key",
    scheme="",
    fields={"prompt": text, "duration": whole, "aspect_ratio": ratio, "resolution": resolution, "image": link,
            "last_image": link, "generate_audio": flag, "seed": whole, "negative_prompt": text},
    words=("QUEUED", "PROCESSING", "COMPLETED", "FAILED"),
    made=lambda job: {"request_id": job.id, "status": "QUEUED", "poll_url": "https://old.example/v1"},
    seen=segmind_request,
    error=lambda status, code, message: (status, {"error": message}),
    upload=("/upload-asset", "data_urls", lambda url: {"file_urls": [url]}),
    failed_status=422,
)  # fmt: skip

DIALECTS: Final[Mapping[str, Dialect]] = {
    **FORMS,
    "newapi": NEWAPI,
    "evolink": EVOLINK,
    "comet": COMET,
    "comet-seedance": comet_seedance(COMET),
    "aimlapi": AIMLAPI,
    "kie": KIE,
    "kie-veo": kie_veo(KIE),
    "piapi": PIAPI,
    "ai302": AI302,
    "apimart": APIMART,
    "wavespeed": WAVESPEED,
    "segmind": SEGMIND,
}
