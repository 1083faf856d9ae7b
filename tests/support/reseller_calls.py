"""How simulated resellers call back where that is a matter of its own: bodies that are no poll's, and signatures. From
the contract's pages and not from the adapter."""

from __future__ import annotations

import hmac
import time
from base64 import b64encode
from typing import Any

from tests.support.reseller_contract import Job


def kie_signed(secret: str, job: Job, body: bytes) -> dict[str, str]:
    """The body is not covered."""
    now = str(int(time.time()))
    mac = b64encode(hmac.digest(secret.encode(), f"{job.id}.{now}".encode(), "sha256")).decode()
    return {"x-webhook-timestamp": now, "x-webhook-signature": mac}


def ai302_called(job: Job, word: str, link: str) -> Any:
    """Another body than a poll's; `request_id` is no task."""
    return {"model": job.model, "status": word, "result": {"video_url": link, "raw_response": "{}"},
            "request_id": "2026112010300001", "webhook": job.body["webhook"]}  # fmt: skip


def wave_signed(secret: str, job: Job, body: bytes) -> dict[str, str]:
    """Standard Webhooks, but in hex, and the secret's text is the key as it is."""
    ident, now = f"msg_{job.id}", str(int(time.time()))
    mac = hmac.digest(secret.removeprefix("whsec_").encode(), f"{ident}.{now}.".encode() + body, "sha256").hex()
    return {"webhook-id": ident, "webhook-timestamp": now, "webhook-signature": f"v3,{mac}"}
