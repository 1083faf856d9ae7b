"""The SDK's own automatic resends: whatever happens on the way, one create is one video."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.sdk.client.record import Run, openai
from tests.sdk.client.things import png

TIMEOUT_S = 3.0


def one_create_is_one_video(run: Run) -> None:
    """`order.faulty` names a proxy for every fault; what each counted is for the proxies' owner to see."""
    faulty: dict[str, str] = run.order["faulty"]
    with ThreadPoolExecutor(len(faulty)) as threads:
        list(threads.map(lambda item: _through(run, *item), faulty.items()))


def _through(run: Run, fault: str, base_url: str) -> None:
    """With the SDK's default retries, of which no argument says anything."""
    client = openai.OpenAI(base_url=base_url, api_key=run.order["key"], timeout=TIMEOUT_S)
    prompt = run.prompt(f"through: {fault}")
    more = {"input_reference": png(720, 1280), "size": "720x1280"} if "image" in fault else {}
    if fault in run.order["hopeless"]:
        kind = openai.APITimeoutError if "silence" in fault else openai.APIConnectionError
        run.record.raises(fault, kind, lambda: client.videos.create(prompt=prompt, **more))
        seen = None
    else:
        seen = client.videos.create(prompt=prompt, **more).id
    listed = [video.id for video in run.client().videos.list(limit=100) if video.prompt == prompt]
    run.record.equal(f"{fault}: one video exists", len(listed), 1)
    if seen is not None:
        run.record.equal(f"{fault}: it is the one that was answered", listed, [seen])
    ends = [run.done(run.client().videos.retrieve(ident)).status for ident in listed]
    run.record.equal(f"{fault}: it is rendered", ends, ["completed"])


def deliberate_creates_stay_two(run: Run) -> None:
    create: Callable[..., Any] = run.client().videos.create
    prompt = run.glance("twice on purpose")
    run.record.that("two calls are two videos", create(prompt=prompt).id != create(prompt=prompt).id)


def an_idempotency_key_is_honoured(run: Run) -> None:
    check, create = run.record, run.client().videos.create
    headers = {"Idempotency-Key": f"key {run.order['tag']}"}
    prompt = run.glance("with a key")
    first = create(prompt=prompt, extra_headers=headers)
    check.equal("the same key and request", create(prompt=prompt, extra_headers=headers).id, first.id)
    counting = openai.OpenAI(base_url=run.order["base_url"], api_key=run.order["key"])
    error = check.raises(
        "the same key, another request",
        openai.UnprocessableEntityError,
        lambda: counting.videos.create(prompt=prompt + "!", extra_headers=headers),
    )
    check.equal("x-should-retry", error and error.response.headers.get("x-should-retry"), "false")


SCENARIOS = (one_create_is_one_video, deliberate_creates_stay_two, an_idempotency_key_is_honoured)
