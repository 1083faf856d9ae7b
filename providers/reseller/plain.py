"""Resellers whose answers stand bare, without an envelope: EvoLink, CometAPI, AIMLAPI, 302.AI, Segmind.

An upload, a balance or a file on a host of its own gets the key only where the provider's `own_hosts` names that host.
"""

from __future__ import annotations

from typing import Any, Final

from providers.reseller.newapi import MODEL_PROMPT, RATIO, RESOLUTION, WHOLE_DURATION
from providers.reseller.places import merged

EVOLINK: Final[dict[str, Any]] = {
    "address": "https://api.evolink.ai",
    "create": {
        "path": "/v1/videos/generations",
        "fields": {
            **MODEL_PROMPT,
            "seconds": WHOLE_DURATION,
            "size": [RATIO, {"at": "quality", "as": "resolution"}],
            "image": {"at": "image_urls", "as": "list"},
            "last_image": {"at": "image_urls", "as": "list"},
            "audio": "generate_audio",
        },
        "image_as": "upload",
        "upload": {
            "to": "https://files-api.evolink.ai/api/v1/files/upload/stream",
            "link_paths": ["data.file_url"],
        },
        "callback": {"at": "callback_url", "https_only": True},
    },
    "poll": {"path": "/v1/tasks/{id}"},
    "id_paths": ["id"],
    "result": {"url_paths": ["results"], "life_s": 86_400},
    "errors": {
        "codes": {
            "invalid_request_error": "invalid",
            "authentication_error": "unauthorised",
            "insufficient_quota_error": "no_credit",
            "permission_error": "unauthorised",
            "not_found_error": "not_found",
            "request_too_large_error": "invalid",
            "rate_limit_error": "throttled",
            "internal_server_error": "internal",
            "upstream_error": "overloaded",
            "service_unavailable_error": "overloaded",
        },
        "unknown_model_is": "invalid",
        "job_codes": {
            "content_policy_violation": "blocked",
            "invalid_parameters": "invalid",
            "image_processing_error": "invalid",
            "image_dimension_mismatch": "invalid",
            "resource_exhausted": "overloaded",
            "service_unavailable": "overloaded",
            "quota_exceeded": "throttled",
            "resource_not_found": "not_found",
        },
    },
    "hook": {"id_paths": ["id"], "model_at": "model", "seconds_at": "task_info.video_duration"},
    # Credits; what one is worth is unverified, so it stands with the route's price. The token's half is made up.
    "balance": {"path": "/v1/credits", "paths": ["data.user.remaining_credits"]},
}
COMET: Final[dict[str, Any]] = {
    "address": "https://api.cometapi.com",
    "create": {
        "path": "/v1/videos",
        "encoding": "multipart",
        "image_as": "file",
        "fields": {
            **MODEL_PROMPT,
            "seconds": {"at": "seconds", "as": "text"},
            "size": {"at": "size", "as": "pixels"},  # Seedance 1.0 to 2.0 wants a ratio: preset `comet-seedance`
            "image": "input_reference",
        },
    },
    "poll": {"path": "/v1/videos/{id}", "appears_after_s": 60},
    "result": {
        "order": ["url", "content"],
        "url_paths": ["video_url", "data.fail_reason"],
        "content_path": "/v1/videos/{id}/content",
    },
    "errors": {
        "codes": {
            "invalid_request": "invalid",
            "InvalidParameter": "invalid",
            "task_not_exist": "not_found",
            "insufficient_user_quota": "no_credit",
            "504": "overloaded",
        },
        "made_nothing": ["invalid_request"],
    },
    "models_path": "/v1/models",
    "balance": {
        "path": "https://query.cometapi.com/user/quota",
        "paths": ["total_quota"],
        "per_usd": "1",
        "unlimited_at": "total_quota",
        "unlimited": [-1, 999_999_999],
        "credential": "query",
    },
}
COMET_SEEDANCE: Final = merged(COMET, {"create": {"fields": {"size": [{"at": "size", "as": "ratio"}, RESOLUTION]}}})
AIMLAPI: Final[dict[str, Any]] = {
    "address": "https://api.aimlapi.com",
    "create": {
        "path": "/v2/video/generations",
        "fields": {
            **MODEL_PROMPT,
            "seconds": WHOLE_DURATION,
            "size": [RATIO, RESOLUTION],
            "image": "image_url",
            "last_image": "last_image_url",
            "audio": "generate_audio",
            "seed": "seed",
            "negative_prompt": "negative_prompt",
        },
        "correlation": "x-client-request-id",
        # Pin `provider` at each model (wire: {create: {constants: {provider: google}}}): else a retry of theirs may
        # render twice.
    },
    "poll": {"path": "/v2/video/generations?generation_id={id}"},
    "id_paths": ["id", "generation_id"],
    "result": {"url_paths": ["video.url", "video"]},
    "errors": {"unknown_model_is": "invalid", "job_paths": ["error"]},
    "charge": [
        {"at": "meta.usage.usd_spent", "per_usd": "1"},
        {"at": "meta.usage.credits_used", "per_usd": "2000000"},
    ],
    "failed_jobs_free": True,  # "a failed generation is billed nothing"
    "find": {
        "path": "/v2/logs",
        "query": {"period": "24h", "limit": "100", "offset": "{offset}"},
        "pages": 3,
        "id_at": "inference_id",
        "key_at": "client_request_id",
    },
    "balance": {"path": "/v2/billing", "paths": ["current_balance"], "per_usd": "1"},
}
AI302: Final[dict[str, Any]] = {
    "address": "https://api.302.ai",
    "create": {
        "path": "/302/v2/video/create",
        "fields": {
            **MODEL_PROMPT,
            "seconds": WHOLE_DURATION,
            "size": [RATIO, RESOLUTION],
            "image": "image",
            "last_image": "end_image",
            "negative_prompt": "negative_prompt",
        },
        "callback": {"query": "webhook"},
    },
    "id_paths": ["task_id"],
    "poll": {"path": "/302/v2/video/fetch/{id}", "state_paths": ["status"]},
    "result": {"url_paths": ["video_url", "result.video_url", "url", "data.video.url"]},
    "errors": {
        "codes": {
            "InvalidParameter": "invalid",
            "MissingParameter": "invalid",
            "Unauthorized": "unauthorised",
            "unauthorized": "unauthorised",
            "RateLimitExceeded": "throttled",
            "InsufficientBalance": "no_credit",
            "InternalError": "internal",
        },
        "job_paths": ["error"],
    },
    "hook": {"id_paths": ["task_id"]},  # `request_id` is no task: the address alone says which attempt it was
    "balance": {"path": "/dashboard/balance", "paths": ["data.balance"], "per_usd": "1"},  # the key needs `manage`
}
SEGMIND: Final[dict[str, Any]] = {
    "address": "https://api.segmind.com",
    "auth": {"header": "x-api-key", "scheme": ""},
    "create": {
        "path": "/v2/{model}",
        "fields": {
            "prompt": "prompt",
            "seconds": WHOLE_DURATION,
            "size": [RATIO, RESOLUTION],
            "image": "image",
            "last_image": "last_image",
            "audio": "generate_audio",
            "seed": "seed",
            "negative_prompt": "negative_prompt",
        },
        "image_as": "upload",
        "upload": {
            "to": "https://workflows-api.segmind.com/upload-asset",  # second-hand
            "at": "data_urls",
            "as": "list",
            "link_paths": ["file_urls"],
        },
    },
    "id_paths": ["request_id"],
    "poll": {
        "path": "/v2/requests/{id}/status",
        "result_path": "/v2/requests/{id}",
        "state_paths": ["status"],
        "statuses": [422],
    },
    "result": {"url_paths": ["output", "video"], "life_s": 3_600},
    "errors": {"codes": {"406": "no_credit", "410": "invalid"}, "job_paths": ["error"]},
    "failed_jobs_free": True,  # only a 200 is charged, and a failed job is a 422
    # `metrics.cost` is second-hand, and its unit is not told: no charge is read.
}
