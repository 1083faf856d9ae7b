"""Resellers that wrap every answer in `{code, data}`: kie.ai, PiAPI, APIMart, WaveSpeed.

An upload, a balance or a file on a host of its own gets the key only where the provider's `own_hosts` names that host.
"""

from __future__ import annotations

from typing import Any, Final

from providers.reseller.newapi import MODEL_PROMPT, RATIO, RESOLUTION, WHOLE_DURATION
from providers.reseller.places import merged

KIE_CODES: Final = {
    "401": "unauthorised",
    "402": "no_credit",
    "433": "no_credit",
    "455": "overloaded",
    "501": "internal",
    "505": "invalid",
}
KIE: Final[dict[str, Any]] = {
    "address": "https://api.kie.ai",
    "create": {
        "path": "/api/v1/jobs/createTask",
        "fields": {
            "model": "model",
            "prompt": "input.prompt",
            "seconds": {"at": "input.duration", "as": "text"},
            "size": [{"at": "input.aspect_ratio", "as": "ratio"}, {"at": "input.resolution", "as": "resolution"}],
            "audio": "input.sound",
        },
        "extras_at": "input",
        "callback": {"at": "callBackUrl"},
    },
    "ok": {"at": "code", "values": [200], "made_nothing": [505]},
    "id_paths": ["data.taskId"],
    "poll": {"path": "/api/v1/jobs/recordInfo?taskId={id}", "state_paths": ["data.state"]},
    "result": {"url_paths": ["data.resultJson.resultUrls", "data.resultJson.resultObject"], "life_s": 86_400},
    "errors": {
        "codes": KIE_CODES,
        "job_paths": ["data.failMsg", "data.failCode"],
    },
    "charge": [{"at": "data.creditsConsumed"}],
    "failed_jobs_free": True,  # by the vendor's policy
    "hook": {
        "id_paths": ["data.taskId", "data.task_id", "taskId", "task_id"],
        "model_at": "data.model",
        "signature": {
            "header": "x-webhook-signature",
            "signed": "{job}.{time}",  # the body is not covered
            "encoding": "base64",
            "time_header": "x-webhook-timestamp",
        },
    },
    "balance": {"path": "/api/v1/chat/credit", "paths": ["data"]},  # credits at $0.005, unverified
}
KIE_VEO: Final = merged(
    KIE,
    {
        "create": {
            "path": "/api/v1/veo/generate",
            "fields": {
                "prompt": "prompt",
                "seconds": WHOLE_DURATION,  # unverified: Veo's page names no length
                "size": [RATIO],
                "audio": [],
            },
            "constants": {"generationType": "TEXT_2_VIDEO"},
            "extras_at": None,
        },
        "poll": {
            "path": "/api/v1/veo/record-info?taskId={id}",
            "state_paths": ["data.successFlag"],
            "states": {"0": "running", "1": "done", "2": "failed", "3": "failed"},
        },
        "result": {"url_paths": ["data.response.resultUrls", "data.info.resultUrls"]},
        "errors": {"job_paths": ["data.errorMessage", "msg"]},
        "hook": {"model_at": None},
    },
)
PIAPI: Final[dict[str, Any]] = {
    "address": "https://api.piapi.ai",
    "auth": {"header": "x-api-key", "scheme": ""},
    "create": {
        "path": "/api/v1/task",
        "fields": {
            "model": "model",
            "prompt": "input.prompt",
            "seconds": {"at": "input.duration", "as": "whole"},
            "size": [
                {"at": "input.aspect_ratio", "as": "ratio"},
                {"at": "input.mode", "as": "resolution", "words": {"720p": "std", "1080p": "pro"}},
            ],
            "image": "input.image_url",
            "negative_prompt": "input.negative_prompt",
        },
        "constants": {"task_type": "video_generation", "config.service_mode": "public"},
        "extras_at": "input",
        "image_as": "upload",
        "upload": {
            "to": "https://upload.theapi.app/api/ephemeral_resource",
            "at": "file_data",
            "as": "base64",
            "name_at": "file_name",
            "link_paths": ["data.url"],
        },
        "callback": {"at": "config.webhook_config.endpoint", "secret_at": "config.webhook_config.secret"},
    },
    "ok": {"at": "code", "values": [200]},
    "id_paths": ["data.task_id"],
    "poll": {
        "path": "/api/v1/task/{id}",
        "state_paths": ["data.status"],
        "statuses": [500],
        "progress_paths": ["data.output.percent"],
    },
    "result": {
        "url_paths": [
            "data.output.video_url", "data.output.works[0].video.resource_without_watermark",
            "data.output.works[0].video.resource", "data.output.video.url",
            "data.output.video.resource_without_watermark", "data.output.video_raw.url", "data.output.download_url",
            "data.output.video", "data.output.url",
        ],
    },
    "errors": {"job_paths": ["data.error"]},
    "charge": [{"at": "data.meta.usage.consume"}],  # points; what one is worth is unverified
    "cancel": {"method": "DELETE", "path": "/api/v1/task/{id}", "states": ["pending"]},
    "hook": {"id_paths": ["data.task_id"], "signature": {"header": "x-webhook-secret"}},
    "balance": {"path": "/account/info", "paths": ["equivalent_in_usd", "data.equivalent_in_usd"], "per_usd": "1"},
}  # fmt: skip
APIMART: Final[dict[str, Any]] = {
    "address": "https://api.apimart.ai",
    "create": {
        "path": "/v1/videos/generations",
        "fields": {
            **MODEL_PROMPT,
            "seconds": WHOLE_DURATION,
            "size": [RATIO, RESOLUTION],
            "image": {"at": "image_urls", "as": "list"},  # as a data URI: unverified
            "last_image": {"at": "image_urls", "as": "list"},
            "audio": "audio",
            "negative_prompt": "negative_prompt",
        },
    },
    "ok": {"at": "code", "values": [200]},
    "id_paths": ["data[0].task_id", "data.task_id", "data.id"],
    "poll": {"path": "/v1/tasks/{id}?language=en", "state_paths": ["data.status"]},
    "result": {
        "url_paths": ["data.result.videos"],
        "expires_paths": ["data.result.videos[0].expires_at"],
        "life_s": 86_400,
    },
    "errors": {"codes": {"invalid_duration": "invalid"}, "job_paths": ["data.error"]},
    "charge": [{"at": "data.cost", "per_usd": "1"}],
    "balance": {
        "path": "/v1/user/balance",
        "paths": ["remain_balance"],
        "per_usd": "1",
        "unlimited_at": "unlimited_quota",
    },
}
WAVESPEED: Final[dict[str, Any]] = {
    "address": "https://api.wavespeed.ai",
    "create": {
        "path": "/api/v3/{model}",
        "fields": {
            "prompt": "prompt",
            "seconds": WHOLE_DURATION,
            "size": [RATIO, RESOLUTION],
            "image": "image",  # a link by the vendor's page; as a data URI unverified
            "last_image": "last_image",
            "audio": "generate_audio",
            "seed": "seed",
            "negative_prompt": "negative_prompt",
        },
        "callback": {"query": "webhook"},
    },
    "ok": {"at": "code", "values": [200]},
    "id_paths": ["data.id"],
    "poll": {"path": "/api/v3/predictions/{id}/result", "state_paths": ["data.status"]},
    "result": {"url_paths": ["data.outputs"], "blocked_at": "data.has_nsfw_contents[0]", "life_s": 7 * 86_400},
    "errors": {
        # A failed job's own number, not to be mixed up with the one around it; second-hand.
        "job_codes": {
            "1200": "blocked",
            "1400": "invalid",
            "1401": "invalid",
            "1402": "invalid",
            "1403": "internal",
            "5000": "internal",
            "5003": "internal",
        },
        "job_paths": ["data"],
    },
    "find": {  # filters and shape are unverified: it shows likenesses at best, and proves nothing
        "path": "/api/v3/predictions",
        "items": "data",
        "id_at": "id",
        "created_at": "created_at",
        "facts": {"model": "model"},
    },
    "hook": {
        "id_paths": ["id"],
        "model_at": "data.model",
        "signature": {
            "header": "webhook-signature",
            "signed": "{id}.{time}.{body}",
            "prefix": "v3,",
            "secret_prefix": "whsec_",
            "id_header": "webhook-id",
            "time_header": "webhook-timestamp",
        },
    },
    "balance": {"path": "/api/v3/balance", "paths": ["data.balance"], "per_usd": "1"},
}
