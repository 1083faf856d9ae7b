"""Clips made from clips: remix, edit, extension, characters. Versions without a method send the same by hand."""

from __future__ import annotations

from typing import Any

from tests.sdk.client.record import Run, openai
from tests.sdk.client.videos import check_video

# Method -> the first version that has it.
SINCE = {
    "create": (2, 2, 0),
    "remix": (2, 2, 0),
    "create_and_poll": (2, 2, 0),
    "edit": (2, 27, 0),
    "extend": (2, 27, 0),
    "create_character": (2, 27, 0),
    "get_character": (2, 27, 0),
}


def has(run: Run, method: str) -> bool:
    return run.version() >= SINCE[method]


def has_the_methods_that_we_think(run: Run) -> None:
    """So that no check is left out because of a name that changed."""
    videos = run.client().videos
    for method in SINCE:
        run.record.equal(f"videos.{method} exists", hasattr(videos, method), has(run, method))


def by_hand(run: Run, method: str) -> str:
    """The prompt of a call by hand, which is waited for only where it is the only one."""
    return run.glance("by hand") if has(run, method) else run.prompt("by hand")


def post(run: Run, path: str, body: dict[str, Any], **more: Any) -> Any:
    """The call as a program makes it by hand."""
    from openai.types import Video  # type: ignore[import-not-found, unused-ignore]

    return run.client().post(path, body=body, cast_to=Video, **more)


def remixes(run: Run) -> None:
    check, source = run.record, run.completed("bridge")
    remix = run.client().videos.remix(source.id, prompt=run.prompt("in winter"))
    check_video(run, remix)
    check.equal("remixed_from_video_id", remix.remixed_from_video_id, source.id)
    check.equal("it has the source's shape", (remix.seconds, remix.size), (source.seconds, source.size))
    check.equal("it ends", run.done(remix).status, "completed")
    nobody = "video_" + "0" * 48
    check.raises(
        "an unknown source",
        openai.NotFoundError,
        lambda: run.client().videos.remix(nobody, prompt=run.prompt("nothing")),
    )
    empty = run.client().videos.remix
    error = check.raises("an empty prompt", openai.BadRequestError, lambda: empty(source.id, prompt=""))
    check.equal("param", getattr(error, "param", None), "prompt")


def edits(run: Run) -> None:
    check, source = run.record, run.completed("bridge")
    made = [post(run, "/videos/edits", {"prompt": by_hand(run, "edit"), "video": {"id": source.id}})]
    if has(run, "edit"):
        extra = {"video": {"id": source.id}}
        made.append(run.client().videos.edit(prompt=run.prompt("at night"), video=openai.omit, extra_body=extra))
    for video in made:
        check_video(run, video)
        check.equal("it has the source's shape", (video.seconds, video.size), (source.seconds, source.size))
    check.equal("it ends", run.done(made[-1]).status, "completed")


def edits_an_upload(run: Run) -> None:
    if not has(run, "edit"):
        return
    data, more = run.videos["bytes"], {"model": "sora-2"}

    def edit() -> Any:
        return run.client().videos.edit(prompt=run.prompt("an upload"), video=("clip.mp4", data), extra_body=more)

    if run.order["uploads"]:
        run.record.equal("it ends", run.done(edit()).status, "completed")
    else:
        error = run.record.raises("where no route takes uploads", openai.BadRequestError, edit)
        run.record.that("the message says what is missing", "clip" in str(error), str(error))


def extends(run: Run) -> None:
    check, source = run.record, run.completed("bridge")
    body = {"prompt": by_hand(run, "extend"), "seconds": "4", "video": {"id": source.id}}
    made = [post(run, "/videos/extensions", body)]
    if has(run, "extend"):
        extra = {"video": {"id": source.id}}
        made.append(
            run.client().videos.extend(prompt=run.prompt("go on"), seconds="4", video=openai.omit, extra_body=extra)
        )
    for video in made:
        check_video(run, video)
        check.equal("seconds is the whole length", video.seconds, "8")
    check.equal("it ends", run.done(made[-1]).status, "completed")
    error = check.raises(
        "without seconds", openai.BadRequestError, lambda: post(run, "/videos/extensions", {**body, "seconds": None})
    )
    check.equal("code", getattr(error, "code", None), "missing_required_parameter")
    check.equal("param", getattr(error, "param", None), "seconds")


def makes_characters(run: Run) -> None:
    """Old versions can name a character, though they cannot make one: theirs is made by another client of ours."""
    check = run.record
    if has(run, "create_character"):
        videos = run.client().videos
        made = videos.create_character(name="Biscuit", video=("clip.mp4", run.videos["bytes"]))
        check.that("id", made.id and made.id.startswith("char_"), made.id)
        check.equal("name", made.name, "Biscuit")
        check.that("created_at", isinstance(made.created_at, int), made.created_at)
        seen = videos.get_character(made.id)
        check.equal("it can be read", (seen.id, seen.name, seen.created_at), (made.id, made.name, made.created_at))
        check.raises("an unknown character", openai.NotFoundError, lambda: videos.get_character("char_" + "0" * 48))
        check.raises(
            "a name that is too long",
            openai.BadRequestError,
            lambda: videos.create_character(name="x" * 81, video=("clip.mp4", run.videos["bytes"])),
        )
        check.raises(
            "a file that is no clip",
            openai.BadRequestError,
            lambda: videos.create_character(name="Crumb", video=("clip.mp4", b"no clip")),
        )
        body = {"characters": [{"id": made.id}]}
        video = run.client().videos.create(prompt=run.prompt("Biscuit sleeps"), extra_body=body)
        check.equal("it ends with the character", run.done(video).status, "completed")
    unknown = {"characters": [{"id": "char_" + "0" * 48}]}
    check.raises(
        "an unknown character in a create",
        openai.BadRequestError,
        lambda: run.client().videos.create(prompt=run.prompt("nobody"), extra_body=unknown),
    )


SCENARIOS = (has_the_methods_that_we_think, remixes, edits, edits_an_upload, extends, makes_characters)
