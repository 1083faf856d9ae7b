"""The simulated resellers' forms that are named after a model or a file: Crazyrouter's own, Kling's body at new-api's
kin and at one-hub, relays that take files, CometAPI's Seedance and kie.ai's Veo. From the contract's pages."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from tests.support.reseller_contract import (
    CRAZY_UNIFIED,
    GENERATIONS,
    NEWAPI,
    Body,
    Check,
    Dialect,
    Job,
    among,
    digits,
    flag,
    flat,
    link,
    links,
    nested,
    pixels,
    ratio,
    resolution,
    task_form,
    text,
    whole,
)

IMAGE_ITEM: Final = {"type", "image_url", "role"}
ROLES: Final = ("first_frame", "last_frame")


def made_envelope(job: Job) -> Any:
    data = {"id": job.id, "task_id": job.id, "model": job.model, "status": "queued"}
    return {"code": "success", "message": "", "data": data}


# --- Crazyrouter ---------------------------------------------------------------------------------------------------

CRAZY_GENERATIONS: Final = replace(
    CRAZY_UNIFIED,
    create="/v1/video/generations",
    poll="/v1/video/generations/{id}",
    content="/v1/videos/{id}/content",
    id_in="",
    fields={"model": text, "prompt": text, "seconds": digits, "duration": whole, "size": pixels, "image": link,
            "images": links, "metadata.resolution": resolution, "metadata.aspect_ratio": ratio,
            "metadata.sound": among("on", "off"), "metadata.last_frame_url": link, "metadata.negative_prompt": text,
            "metadata.seed": whole},
    made=lambda job: {"id": job.id, "task_id": job.id, "status": "processing", "status_update_time": 1795200000},
)  # fmt: skip
CRAZY_WALLET: Final = replace(
    CRAZY_GENERATIONS,
    reads={"/v1/models": {"success": True, "object": "list", "data": [{"id": "veo-3.1-fast"}]}},
    wallet={"/api/user/self": {"success": True, "message": "", "data": {"id": 17, "quota": 3_750_000}}},
)
CRAZY_OPENAI: Final = replace(
    CRAZY_GENERATIONS,
    create="/v1/videos",
    poll="/v1/videos/{id}",
    fields={"model": text, "prompt": text, "size": pixels, "duration": whole, "image_url": link, "private": flag},
    made=made_envelope,
)


def bare_picture(value: Any) -> bool:
    """Kling's: an address, or base64 without the `data:` before it."""
    if link(value):
        return True
    try:
        return isinstance(value, str) and base64.b64decode(value, validate=True)[:4] == b"\x89PNG"
    except binascii.Error:
        return False


KLING_FIELDS: Final[Mapping[str, Check]] = {
    "model_name": text, "model": text, "prompt": text, "negative_prompt": text, "mode": among("std", "pro", "4k"),
    "duration": among(*map(str, range(3, 16))), "aspect_ratio": among("16:9", "9:16", "1:1"),
    "sound": among("on", "off"), "image": bare_picture, "image_tail": bare_picture, "callback_url": link,
    "external_task_id": text,
}  # fmt: skip
CRAZY_KLING: Final = replace(
    CRAZY_UNIFIED,
    create="/kling/v1/videos/{kind:text2video|image2video}",
    poll="/kling/v1/videos/{kind:text2video|image2video}/{id}",
    id_in="",
    fields=KLING_FIELDS,
    made=made_envelope,
    upload=None,
)


def ark_body(body: Body) -> Body:
    """ByteDance's list of items, checked and told by plain names; an item that is none stays, and is refused."""
    items = body.pop("content", None)
    if not isinstance(items, list) or not items:
        return body
    for index, item in enumerate(items):
        shape = set(item) if isinstance(item, dict) else set()
        if index == 0 and shape == {"type", "text"} and item["type"] == "text":
            body["prompt"] = item["text"]
        elif shape == IMAGE_ITEM and item["type"] == "image_url" and item["role"] in ROLES:
            told = item["image_url"]
            body[item["role"]] = told.get("url") if isinstance(told, dict) and set(told) == {"url"} else told
        else:
            body["content"] = items
    return body


def ark_task(job: Job, word: str, link: str) -> Any:
    wrong = {"code": "InternalServiceError", "message": job.fate.message} if word == "failed" else None
    told = {"content": {"video_url": link}, "usage": {"total_tokens": 108_900}} if link else {}
    return {"id": job.id, "model": job.model, "status": word, "error": wrong, "created_at": 1795256100,
            "duration": job.seconds, **told}  # fmt: skip


def ark_error(status: int, code: str, message: str) -> tuple[int, Any]:
    return nested(status, code, message) if status == 401 else (status, {"error": {"code": code, "message": message}})


CRAZY_SEEDANCE: Final = replace(
    CRAZY_UNIFIED,
    create="/volc/v1/contents/generations/tasks",
    poll="/volc/v1/contents/generations/tasks/{id}",
    id_in="",
    fields={"model": text, "prompt": text, "first_frame": link, "last_frame": link, "resolution": resolution,
            "ratio": ratio, "duration": whole, "generate_audio": flag, "seed": whole},
    unwrap=ark_body,
    words=("queued", "running", "succeeded", "failed"),
    made=lambda job: {"id": job.id},
    seen=ark_task,
    error=ark_error,
    gone=(404, "NotFound", "The specified task is not found"),
)  # fmt: skip

# --- one-hub, and relays that take files ---------------------------------------------------------------------------


def hub_task(job: Job, word: str, link: str) -> Any:
    data: dict[str, Any] = {"task_id": job.id, "task_status": word, "created_at": 1, "updated_at": 2}
    data |= {"task_status_msg": job.fate.message} if word == "failed" else {}
    data |= {"task_result": {"videos": [{"id": "77001", "url": link, "duration": "5.1"}]}} if link else {}
    return {"code": 0, "message": "SUCCEED", "request_id": "5f0e", "data": data}


NEWAPI_KLING: Final = replace(
    CRAZY_KLING,
    fields={**KLING_FIELDS, "duration": among("5", "10")},
    words=("submitted", "processing", "succeed", "failed"),
    made=lambda job: hub_task(job, "submitted", ""),
    seen=hub_task,
    error=task_form,
    gone=(404, "task_not_exist", "task_not_exist"),
    seconds=5,
    reads={
        "/v1/models": {"object": "list", "data": [{"id": "kling-v2-6", "object": "model"}]},
        "/v1/dashboard/billing/subscription": {"object": "billing_subscription", "hard_limit_usd": 20.5},
        "/v1/dashboard/billing/usage": {"object": "list", "total_usage": 525.5},
    },
)


def opened(body: Body) -> Body:
    """A form's metadata is an object in a text."""
    metadata = body.pop("metadata", None)
    return {**body, **(flat(json.loads(metadata), "metadata") if isinstance(metadata, str) else {})}


NEWAPI_FILES: Final = replace(
    NEWAPI,
    form="always",
    unwrap=opened,
    fields={"model": text, "prompt": text, "seconds": digits, "duration": digits, "size": pixels,
            "metadata.aspect_ratio": ratio, "metadata.negative_prompt": text, "metadata.seed": whole},
)  # fmt: skip
NEWAPI_SORA: Final = replace(
    NEWAPI, form="files", fields={"model": text, "prompt": text, "seconds": digits, "size": pixels}
)

# --- kie.ai's Veo --------------------------------------------------------------------------------------------------


def veo_record(job: Job, word: str, link: str) -> Any:
    """States are numbers, and times are texts."""
    done = {"response": {"taskId": job.id, "resultUrls": [link], "resolution": "720p"}} if link else {"response": None}
    wrong = {"errorCode": 500, "errorMessage": job.fate.message} if word == "2" else {"errorMessage": ""}
    data = {"taskId": job.id, "successFlag": int(word), "completeTime": "2026-11-20 10:30:00", **done, **wrong}
    return {"code": 200, "msg": "success", "data": data}


def veo_called(job: Job, word: str, link: str) -> Any:
    info = {"resultUrls": [link]} if link else {}
    return {"code": 501 if word == "2" else 200, "msg": "", "data": {"taskId": job.id, "info": info}}


def kie_veo(kie: Dialect) -> Dialect:
    """A length is on no page of Veo's, and nothing says that one is refused."""
    return replace(
        kie,
        create="/api/v1/veo/generate",
        poll="/api/v1/veo/record-info",
        fields={"model": text, "prompt": text, "imageUrls": links, "aspect_ratio": ratio, "callBackUrl": link,
                "generationType": among("TEXT_2_VIDEO", "FIRST_AND_LAST_FRAMES_2_VIDEO", "REFERENCE_2_VIDEO"),
                "duration": whole},
        words=("0", "0", "1", "2"),
        seen=veo_record,
        called=veo_called,
    )  # fmt: skip


def comet_seedance(comet: Dialect) -> Dialect:
    """Its size is a shape."""
    return replace(comet, fields={**comet.fields, "size": ratio, "resolution": resolution})


FORMS: Final[Mapping[str, Dialect]] = {
    "newapi-generations": GENERATIONS,
    "newapi-files": NEWAPI_FILES,
    "newapi-sora": NEWAPI_SORA,
    "newapi-kling": NEWAPI_KLING,
    "crazyrouter": CRAZY_GENERATIONS,
    "crazyrouter-wallet": CRAZY_WALLET,
    "crazyrouter-unified": CRAZY_UNIFIED,
    "crazyrouter-openai": CRAZY_OPENAI,
    "crazyrouter-kling": CRAZY_KLING,
    "crazyrouter-seedance": CRAZY_SEEDANCE,
}
