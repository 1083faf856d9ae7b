"""Verifies and parses webhooks with the openai package of the environment that runs it: `python … ORDERS`.

Each order has the body, the headers and the secret; what is printed for it is what the SDK made of it, and whether it
refused the same with another body, an old time and another secret.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import openai  # type: ignore[import-not-found, unused-ignore]


def refused(client: Any, body: str, headers: dict[str, str]) -> bool:
    try:
        client.webhooks.unwrap(body, headers)
    except openai.InvalidWebhookSignatureError:
        return True
    return False


def unwrapped(order: dict[str, Any]) -> dict[str, Any]:
    body, headers = order["body"], order["headers"]
    client: Any = openai.OpenAI(api_key="sk-none", webhook_secret=order["secret"])
    stranger: Any = openai.OpenAI(api_key="sk-none", webhook_secret=order["other_secret"])
    event = client.webhooks.unwrap(body, headers)
    return {
        "type": event.type,
        "id": event.id,
        "video": event.data.id,
        "created_at": event.created_at,
        "refused": [
            refused(client, body.replace("video_", "video-"), headers),
            refused(client, body, {**headers, "webhook-timestamp": "1"}),
            refused(stranger, body, headers),
        ],
    }


print(json.dumps([unwrapped(order) for order in json.loads(sys.argv[1])]))
