"""The dialects of new-api, the relay software behind most resellers, and of Crazyrouter, which is a patched one.

Read in the software's source of August 2026 and in Crazyrouter's pages; nothing here was tried live.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from providers.reseller.places import merged

MODEL_PROMPT: Final[dict[str, Any]] = {"model": "model", "prompt": "prompt"}
WHOLE_DURATION: Final = {"at": "duration", "as": "whole"}
RATIO: Final = {"at": "aspect_ratio", "as": "ratio"}
RESOLUTION: Final = {"at": "resolution", "as": "resolution"}

NEWAPI_CODES: Final = {
    "insufficient_user_quota": "no_credit",
    "pre_consume_token_quota_failed": "no_credit",
    "insufficient_quota": "no_credit",
    "invalid_api_key": "unauthorised",
    "invalid_request": "invalid",
    "invalid_json": "invalid",
    "invalid_multipart_form": "invalid",
    "missing_model": "invalid",
    "invalid_size": "invalid",
    "model_mapping_failed": "invalid",
    "model_price_error": "invalid",
    "read_request_body_failed": "invalid",
    "task_failed": "invalid",
    "1008": "overloaded",  # the site's own money at its upstream
    "task_not_exist": "not_found",
    "not_implemented": "not_found",  # this channel has no such form of poll: the second path has
    "model_not_found": "overloaded",  # no channel now; a model that is never found opens the breaker
    "get_channel_failed": "overloaded",
    "system_cpu_overloaded": "overloaded",
    "system_memory_overloaded": "overloaded",
    "system_disk_overloaded": "overloaded",
    "new_api_panic": "internal",
    "artifact_gone": "not_found",
}
NEWAPI: Final[dict[str, Any]] = {
    "create": {
        "path": "/v1/videos",
        "fields": {
            **MODEL_PROMPT,
            "seconds": [{"at": "seconds", "as": "text"}, WHOLE_DURATION],  # a number in `seconds` is a 400
            "size": [{"at": "size", "as": "pixels"}, {"at": "metadata.aspect_ratio", "as": "ratio"}],
            "image": {"at": "images", "as": "list"},
            "last_image": {"at": "images", "as": "list"},
            "negative_prompt": "metadata.negative_prompt",
            "seed": "metadata.seed",
        },
        "extras_at": "metadata",
    },
    "poll": {
        "path": "/v1/videos/{id}",
        "second_path": "/v1/video/generations/{id}",  # the site's own record, where the first may be stale for ever
        "appears_after_s": 60,
    },
    "result": {
        "order": ["content"],
        "content_path": "/v1/videos/{id}/content",
        "artifacts_path": "/v1/tasks/{id}/artifacts",
        "url_paths": [
            "metadata.url", "data.result_url", "url", "video_url", "video.url", "data.url", "data.fail_reason",
        ],
    },
    "errors": {
        "codes": NEWAPI_CODES,
        "foreign": ["fail_to_fetch_task"],
        # Said before any channel was asked.
        "made_nothing": [
            "model_not_found", "get_channel_failed", "system_cpu_overloaded", "system_memory_overloaded",
            "system_disk_overloaded",
        ],
    },
    "charge": [{"at": "data.quota", "per_usd": "500000"}],
    "failed_jobs_free": True,  # the software gives the full price back
    "models_path": "/v1/models",
    "balance": {
        "path": "/v1/dashboard/billing/subscription",
        "paths": ["hard_limit_usd"],
        "per_usd": "1",
        "minus": {"path": "/v1/dashboard/billing/usage", "at": "total_usage", "divided_by": 100},
        "unlimited_at": "hard_limit_usd",
        "unlimited": [100_000_000],
    },
}  # fmt: skip
GENERATIONS: Final = merged(
    NEWAPI,
    {
        "create": {"path": "/v1/video/generations"},
        "poll": {"path": "/v1/video/generations/{id}", "second_path": None},
        "result": {"order": ["url", "content"]},
    },
)
# laozhang, apiyi and the like: the image is a file, and the rest are texts of a form.
NEWAPI_FILES: Final = merged(
    NEWAPI,
    {
        "create": {
            "encoding": "multipart",
            "image_as": "file",
            "fields": {"image": {"at": "input_reference"}, "last_image": []},
        }
    },
)
# A channel whose upstream gets the whole body as it is, and may refuse what OpenAI did not know.
NEWAPI_SORA: Final = merged(
    NEWAPI,
    {
        "create": {
            "encoding": "multipart_if_file",
            "image_as": "file",
            "fields": {
                "seconds": {"at": "seconds", "as": "text"},
                "size": {"at": "size", "as": "pixels"},
                "image": "input_reference",
                "last_image": [],
                "negative_prompt": [],
                "seed": [],
            },
            "extras_at": None,
        }
    },
)
KLING_KIN: Final = merged(
    GENERATIONS,
    {
        "create": {
            "path": "/kling/v1/videos/text2video",
            "image_path": "/kling/v1/videos/image2video",
            "fields": {
                "model": ["model_name", "model"],
                "seconds": {"at": "duration", "as": "text"},
                "size": [
                    RATIO,
                    {"at": "mode", "as": "resolution", "words": {"720p": "std", "1080p": "pro", "2160p": "4k"}},
                ],
                "image": "image",
                "last_image": "image_tail",
                "negative_prompt": "negative_prompt",
                "seed": [],
                "audio": {"at": "sound", "as": "on_off"},
            },
            "image_as": "base64",
            "extras_at": None,
        },
        "poll": {
            "path": "/kling/v1/videos/text2video/{id}",
            "image_path": "/kling/v1/videos/image2video/{id}",
            "state_paths": ["data.task_status", "data.status", "data.data.task_status"],
        },
        "result": {
            "order": ["url"],
            "url_paths": [
                "data.task_result.videos", "data.artifact_url", "data.result_url", "data.url",
                "data.data.data.task_result.videos", "data.data.task_result.videos",
            ],
        },
        "errors": {"job_paths": ["data.error", "data.task_status_msg", "data.fail_reason"]},
        "charge": [],
    },
)  # fmt: skip

# --- Crazyrouter: a patched new-api; the model's name decides which path works ---------------------------------------

CRAZY_URLS: Final = [
    "data.artifact_url", "data.result_url", "data.url", "data.content.video_url", "metadata.url", "video.url",
    "video_url", "url", "data.data.Response.AigcVideoTask.Output.FileInfos[0].FileUrl",
]  # fmt: skip
CRAZY: Final = merged(
    GENERATIONS,
    {
        "address": "https://api.crazyrouter.com",
        "create": {
            "fields": {
                "seconds": {"at": "seconds", "as": "text"},
                "size": [{"at": "size", "as": "pixels"}, {"at": "metadata.aspect_ratio", "as": "ratio"}],
                "image": "image",
                "last_image": "metadata.last_frame_url",
                "audio": {"at": "metadata.sound", "as": "on_off"},
            },
            "image_as": "upload",
            "upload": {
                "to": "/v1/files/uploads",
                "constants": {"purpose": "model_input"},
                "link_paths": ["url", "data.url"],
            },
        },
        "poll": {"path": "/v1/video/generations/{id}", "appears_after_s": 60},
        "result": {"order": ["url", "content"], "url_paths": CRAZY_URLS},
        "balance": None,  # by the account's own token only; see `crazyrouter-wallet`
        "charge": [],
        "failed_jobs_free": False,  # the software gives the price back; whether this patched one does is unverified
    },
)
BY_MODEL: Final = {
    "by_model": {
        "veo-*": "crazyrouter-unified",
        "kling-*": "crazyrouter-kling",
        "doubao-seedance-*": "crazyrouter-seedance",
    }
}
CRAZY_UNIFIED: Final = merged(
    CRAZY,
    {
        "create": {
            "path": "/v1/video/create",
            "fields": {
                "seconds": WHOLE_DURATION,
                "size": [RATIO, {"at": "size", "as": "resolution_capital"}],
                "image": {"at": "images", "as": "list"},
                "last_image": [],
                "audio": [],
            },
        },
        "poll": {"path": "/v1/video/query?id={id}"},
    },
)
CRAZY_OPENAI: Final = merged(
    CRAZY,
    {
        "create": {
            "path": "/v1/videos",
            "fields": {
                "seconds": WHOLE_DURATION,
                "size": {"at": "size", "as": "pixels"},
                "image": "image_url",
                "last_image": [],
                "audio": [],
                "negative_prompt": [],
                "seed": [],
            },
            "extras_at": None,
        },
        "poll": {"path": "/v1/videos/{id}"},
    },
)
CRAZY_KLING: Final = merged(
    KLING_KIN,
    {
        "address": "https://api.crazyrouter.com",
        "create": {"image_as": "base64"},
        "result": {"url_paths": ["data.task_result.videos", *CRAZY_URLS]},
        "balance": None,
        "failed_jobs_free": False,
    },
)
CRAZY_SEEDANCE: Final = merged(
    CRAZY,
    {
        "create": {
            "path": "/volc/v1/contents/generations/tasks",
            "fields": {
                "prompt": "content[0].text",
                "seconds": WHOLE_DURATION,
                "size": [{"at": "ratio", "as": "ratio"}, RESOLUTION],
                "image": "content[1].image_url.url",
                "last_image": "content[2].image_url.url",
                "audio": "generate_audio",
                "negative_prompt": [],
                "seed": "seed",
            },
            "constants": {"content[0].type": "text"},
            "image_constants": {"content[1].type": "image_url", "content[1].role": "first_frame"},
            "last_constants": {"content[2].type": "image_url", "content[2].role": "last_frame"},
            "extras_at": None,
        },
        "poll": {"path": "/volc/v1/contents/generations/tasks/{id}"},
        "result": {"order": ["url"], "url_paths": ["content.video_url", *CRAZY_URLS]},
    },
)
WALLET: Final = {
    "balance": {
        "path": "/api/user/self", "paths": ["data.quota"], "per_usd": "500000", "credential": "user_token",
        "minus": None, "unlimited_at": None,
    }
}  # fmt: skip

NEWAPI_KIN: Final[Mapping[str, Mapping[str, Any]]] = {
    "newapi": NEWAPI,
    "newapi-generations": GENERATIONS,
    "newapi-files": NEWAPI_FILES,
    "newapi-sora": NEWAPI_SORA,
    "newapi-kling": KLING_KIN,
    "crazyrouter": {**CRAZY, **BY_MODEL},
    "crazyrouter-wallet": {**CRAZY, **BY_MODEL, **WALLET},
    "crazyrouter-unified": CRAZY_UNIFIED,
    "crazyrouter-openai": CRAZY_OPENAI,
    "crazyrouter-kling": CRAZY_KLING,
    "crazyrouter-seedance": CRAZY_SEEDANCE,
}
