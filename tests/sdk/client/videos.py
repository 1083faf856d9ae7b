"""Creating in every form, retrieving, polling, listing and deleting."""

from __future__ import annotations

import asyncio
import base64
import io
from functools import partial
from typing import Any

from tests.sdk.client.record import Run, openai
from tests.sdk.client.things import png

KEYS: dict[str, Any] = {
    "id": str,
    "object": str,
    "created_at": int,
    "status": str,
    "completed_at": (int, type(None)),
    "error": object,
    "expires_at": (int, type(None)),
    "model": str,
    "progress": int,
    "prompt": (str, type(None)),
    "remixed_from_video_id": (str, type(None)),
    "seconds": str,
    "size": str,
}
STATUSES = ("queued", "in_progress", "completed", "failed")
SMALL = "720x1280"


def check_video(run: Run, video: Any) -> None:
    """The thirteen keys with their types."""
    said = video.to_dict(mode="json", exclude_unset=True) if hasattr(video, "to_dict") else dict(video)
    run.record.equal("a video has the thirteen keys", sorted(set(KEYS) - set(said)), [])
    wrong = [name for name, kind in KEYS.items() if name in said and not isinstance(said[name], kind)]
    run.record.equal("every key has its type", wrong, [])
    run.record.that("its status is one of four", said.get("status") in STATUSES, said.get("status"))


def creates_with_the_defaults(run: Run) -> None:
    check, client = run.record, run.client()
    video = client.videos.create(prompt=run.glance("a paper boat"))
    check_video(run, video)
    check.equal("object", video.object, "video")
    check.that("the id says what it is", video.id.startswith("video_"), video.id)
    check.equal("default model", video.model, "sora-2")
    check.equal("default seconds", video.seconds, "4")
    check.equal("default size", video.size, SMALL)
    check.equal("prompt", video.prompt, run.glance("a paper boat"))
    check.that("it is not ended yet", video.status in ("queued", "in_progress"), video.status)
    check.equal("no error", video.error, None)
    check.that("the answer carries a request id", str(video._request_id).startswith("req_"), video._request_id)
    again = client.videos.retrieve(video.id)
    check.equal("it can be read at once", again.id, video.id)
    check.equal("created_at stays", again.created_at, video.created_at)


def creates_with_every_field(run: Run) -> None:
    check, client = run.record, run.client()
    video = client.videos.create(prompt=run.glance("a kite"), model="sora-2-pro", seconds="8", size="1280x720")
    check.equal("model", video.model, "sora-2-pro")
    check.equal("seconds", video.seconds, "8")
    check.equal("size", video.size, "1280x720")
    number = client.videos.create(prompt=run.glance("a number"), seconds=8)
    check.equal("seconds as a number", number.seconds, "8")
    alias = client.videos.create(prompt=run.glance("an alias"), model="sora-2-2025-12-08")
    check.equal("an alias is shown as it was asked for", alias.model, "sora-2-2025-12-08")


def creates_from_json(run: Run) -> None:
    """What old SDKs send by themselves, and new ones when told to."""
    headers = {"Content-Type": "application/json"}
    video = run.client().videos.create(
        prompt=run.glance("as JSON"), seconds="4", size="1280x720", extra_headers=headers
    )
    check_video(run, video)
    run.record.equal("size", video.size, "1280x720")


def creates_with_an_image_file(run: Run) -> None:
    check, client, image = run.record, run.client(), png(720, 1280)
    forms: dict[str, Any] = {
        "bytes": image,
        "an open file": io.BytesIO(image),
        "a name, bytes and a type": ("frame.png", image, "image/png"),
    }
    for form, reference in forms.items():
        prompt = run.glance(f"a frame as {form}")
        video = client.videos.create(prompt=prompt, input_reference=reference, size=SMALL)
        check.equal(f"a frame as {form}", (video.size, video.prompt), (SMALL, prompt))
    error = check.raises(
        "a frame of another size",
        openai.BadRequestError,
        lambda: client.videos.create(prompt=run.prompt("wrong"), input_reference=png(640, 360), size=SMALL),
    )
    if error is not None:
        check.equal("param", error.param, "input_reference")
        check.that("the message names the size that would fit", "720x1280" in str(error), str(error))
    error = check.raises(
        "a frame that is no picture",
        openai.BadRequestError,
        lambda: client.videos.create(prompt=run.prompt("wrong"), input_reference=b"not a picture", size=SMALL),
    )
    if error is not None:
        check.equal("param", error.param, "input_reference")


def creates_with_a_reference_object(run: Run) -> None:
    check, client = run.record, run.client()
    data_url = "data:image/png;base64," + base64.b64encode(png(720, 1280)).decode()
    body = {"input_reference": {"image_url": data_url}}
    video = client.videos.create(prompt=run.glance("a data URL"), size=SMALL, extra_body=body)
    check.equal("a data URL", video.size, SMALL)
    refused = {
        "a private address": {"image_url": "https://127.0.0.1/frame.png"},
        "no https": {"image_url": "http://example.com/frame.png"},
        "a file id": {"file_id": "file-123"},
        "nothing": {"image_url": "data:image/png;base64,AAAA"},
    }
    for what, reference in refused.items():
        extra = {"input_reference": reference}
        error = check.raises(
            f"a reference with {what}",
            openai.BadRequestError,
            partial(client.videos.create, prompt=run.prompt("wrong"), size=SMALL, extra_body=extra),
        )
        if error is not None:
            check.that("param names the reference", str(error.param).startswith("input_reference"), error.param)


def takes_extras_and_synonyms(run: Run) -> None:
    check, client = run.record, run.client()
    for extra, expected in (
        ({"duration": 8}, ("8", SMALL)),
        ({"n_seconds": "12"}, ("12", SMALL)),
        ({"width": 1280, "height": 720}, ("4", "1280x720")),
        ({"aspect_ratio": "16:9", "resolution": "720p"}, ("4", "1280x720")),
        ({"metadata": {"shelf": "7"}}, ("4", SMALL)),
    ):
        video = client.videos.create(prompt=run.glance(f"extra {sorted(extra)}"), extra_body=extra)
        check.equal(f"extra {extra}", (video.seconds, video.size), expected)


def polls_until_it_is_completed(run: Run) -> None:
    check, client = run.record, run.client()
    raw = client.videos.with_raw_response.retrieve(client.videos.create(prompt=run.prompt("a bridge")).id)
    hint = raw.headers.get("openai-poll-after-ms")
    if raw.parse().status in ("queued", "in_progress"):
        check.that(
            "a pending video says when to look again", (hint or "").isdigit() and 1000 <= int(hint) <= 8000, hint
        )
    video = client.videos.poll(raw.parse().id, poll_interval_ms=100)
    check_video(run, video)
    check.equal("status", video.status, "completed")
    check.equal("progress", video.progress, 100)
    check.that("completed_at", (video.completed_at or 0) >= video.created_at, video.completed_at)
    check.that("expires_at", (video.expires_at or 0) > (video.completed_at or 0), video.expires_at)
    check.equal("error", video.error, None)
    run.videos["bridge"] = video


def creates_and_polls(run: Run) -> None:
    video = run.client().videos.create_and_poll(prompt=run.prompt("a lighthouse"), model="sora-2", seconds="4")
    run.record.equal("create_and_poll ends completed", video.status, "completed")
    run.videos["lighthouse"] = video


def shows_a_failed_job_as_a_video(run: Run) -> None:
    check = run.record
    video = run.done(run.client().videos.create(prompt=run.prompt("a storm", kind="fails")))
    check.equal("status", video.status, "failed")
    check.that("its error has a code", isinstance(getattr(video.error, "code", None), str), video.error)
    check.that("its error has a message", bool(getattr(video.error, "message", None)), video.error)


def passes_strict_validation(run: Run) -> None:
    client = run.client(_strict_response_validation=True)
    video = client.videos.retrieve(run.completed("bridge").id)
    run.record.equal("retrieve", video.id, run.completed("bridge").id)
    run.record.that("list", len(client.videos.list(limit=3).data) > 0)


def quotes(run: Run) -> None:
    """Not in the SDK's vocabulary, so asked for as the SDK asks for anything."""
    check, client = run.record, run.client()
    body = {"prompt": run.prompt("dear me"), "model": "sora-2", "seconds": "8"}
    answer = client.post("/videos/quote", body=body, cast_to=object)
    check.equal("object", answer["object"], "video.quote")
    check.equal("price", (answer["price_usd"], answer["price_micros"], answer["currency"]), ("0.80", 800_000, "usd"))
    check.equal("routes", [one["price_micros"] for one in answer["routes"]], [800_000])
    refused = {**body, "seconds": "5"}
    check.raises(
        "a refusal", openai.BadRequestError, lambda: client.post("/videos/quote", body=refused, cast_to=object)
    )


def lists_page_by_page(run: Run) -> None:
    """In a project of its own, so that nothing else is listed."""
    check, client = run.record, run.client(api_key=run.order["list_key"])
    check.equal("an empty list", list(client.videos.list()), [])
    made = [client.videos.create(prompt=run.glance(f"number {n}")).id for n in range(5)]
    check.equal("oldest first", [one.id for one in client.videos.list(limit=2, order="asc")], made)
    check.equal("newest first", [one.id for one in client.videos.list(limit=2, order="desc")], made[::-1])
    check.equal("newest first by default", [one.id for one in client.videos.list()], made[::-1])
    page = client.videos.list(limit=2, order="asc")
    check.equal("a page holds what was asked for", [one.id for one in page.data], made[:2])
    check.equal("has_more", page.has_more, True)
    check.equal("last_id", page.last_id, made[1])
    check.that("there is a next page", page.has_next_page())
    following = page.get_next_page()
    check.equal("the next page goes on", [one.id for one in following.data], made[2:4])
    last = following.get_next_page()
    check.equal("the last page", [one.id for one in last.data], made[4:])
    check.equal("has_more at the end", last.has_more, False)
    check.equal("after the last", client.videos.list(after=made[4], order="asc").data, [])
    check.raises("limit above 100", openai.BadRequestError, lambda: client.videos.list(limit=101))
    check.raises("limit below 0", openai.BadRequestError, lambda: client.videos.list(limit=-1))
    check.raises("an unknown order", openai.BadRequestError, lambda: client.videos.list(order="sideways"))


def deletes(run: Run) -> None:
    check, client = run.record, run.client()
    video = run.done(client.videos.create(prompt=run.prompt("short-lived")))
    gone = client.videos.delete(video.id)
    check.equal("the answer", (gone.id, gone.object, gone.deleted), (video.id, "video.deleted", True))
    check.raises("retrieve after delete", openai.NotFoundError, lambda: client.videos.retrieve(video.id))
    check.raises("content after delete", openai.NotFoundError, lambda: client.videos.download_content(video.id))
    check.raises("delete after delete", openai.NotFoundError, lambda: client.videos.delete(video.id))
    check.that("it is not listed", video.id not in [one.id for one in client.videos.list(limit=100)])


def refuses_to_touch_a_running_video(run: Run) -> None:
    check, client = run.record, run.client()
    video = client.videos.create(prompt=run.prompt("a glacier", kind="runs"))
    error = check.raises("delete of a running video", openai.BadRequestError, lambda: client.videos.delete(video.id))
    check.that("the error has a code", getattr(error, "code", None))
    check.raises("content before the end", openai.NotFoundError, lambda: client.videos.download_content(video.id))
    act = client.videos.remix
    error = check.raises(
        "remix of a running video", openai.BadRequestError, lambda: act(video.id, prompt=run.prompt("again"))
    )
    check.equal("code", getattr(error, "code", None), "invalid_value")
    check.that("it is still there", client.videos.retrieve(video.id).status in ("queued", "in_progress"))


def cancels_a_running_video(run: Run) -> None:
    """An extra: no method of the SDK knows it. Where the provider stops jobs, it ends within moments, for free."""
    check, client = run.record, run.client()
    video = client.videos.create(prompt=run.prompt("a long winter", kind="runs"))
    said = client.post(f"/videos/{video.id}/cancel", cast_to=object)
    check.that("the wish is answered", said["cancel"]["state"] in ("asked", "cancelled"), said)
    ended = run.done(video)
    check.equal("status", (ended.status, ended.error.code), ("failed", "cancelled"))
    told = ended.to_dict()["cancel"]
    check.equal("state", (told["state"], told["confirmed"], told["may_cost_usd"]), ("cancelled", True, "0.00"))
    again = client.post(f"/videos/{video.id}/cancel", cast_to=object)
    check.equal("asked again", again["cancel"], told)
    nobody = "video_" + "0" * 48
    check.raises(
        "of a video that is not", openai.NotFoundError, lambda: client.post(f"/videos/{nobody}/cancel", cast_to=object)
    )


def works_from_the_async_client(run: Run) -> None:
    settings = {"base_url": run.order["base_url"], "api_key": run.order["key"], "max_retries": 0}

    async def whole_way() -> tuple[Any, bytes, list[str]]:
        async with openai.AsyncOpenAI(**settings) as client:
            video = await client.videos.create(prompt=run.prompt("from a loop"))
            video = await client.videos.poll(video.id, poll_interval_ms=100)
            content = await client.videos.download_content(video.id)
            listed = [one.id async for one in client.videos.list(limit=50)]
            return video, content.content, listed

    video, data, listed = asyncio.run(whole_way())
    run.record.equal("status", video.status, "completed")
    run.record.equal("content", data[4:8], b"ftyp")
    run.record.that("listed", video.id in listed)


SCENARIOS = (
    creates_with_the_defaults,
    creates_with_every_field,
    creates_from_json,
    creates_with_an_image_file,
    creates_with_a_reference_object,
    takes_extras_and_synonyms,
    polls_until_it_is_completed,
    creates_and_polls,
    shows_a_failed_job_as_a_video,
    passes_strict_validation,
    quotes,
    lists_page_by_page,
    deletes,
    refuses_to_touch_a_running_video,
    works_from_the_async_client,
)
