"""Downloading: whole, in pieces, in part, and the pictures made from a clip."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.sdk.client.record import Run, openai
from tests.sdk.client.things import is_jpeg, is_mp4, is_webp

PICTURES = {"thumbnail": ("image/webp", is_webp), "spritesheet": ("image/jpeg", is_jpeg)}


def downloads_the_clip(run: Run) -> None:
    check, client = run.record, run.client()
    reply = client.videos.download_content(run.completed("bridge").id)
    data = reply.read()
    check.that("it is a whole MP4", is_mp4(data), data[:16])
    headers = reply.response.headers
    check.equal("content-type", headers.get("content-type"), "video/mp4")
    check.equal("content-length", headers.get("content-length"), str(len(data)))
    check.equal("accept-ranges", headers.get("accept-ranges"), "bytes")
    check.that("etag", headers.get("etag"), dict(headers))
    check.that("x-request-id", str(headers.get("x-request-id")).startswith("req_"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        client.videos.download_content(run.completed("bridge").id, variant="video").write_to_file(path)
        check.equal("write_to_file writes the same", path.read_bytes(), data)
    run.videos["bytes"] = data


def downloads_the_pictures(run: Run) -> None:
    for variant, (media_type, is_right) in PICTURES.items():
        reply = run.client().videos.download_content(run.completed("bridge").id, variant=variant)
        data = reply.read()
        run.record.that(f"the {variant} is what it says", is_right(data), data[:16])
        run.record.equal(f"the {variant}'s type", reply.response.headers.get("content-type"), media_type)


def streams_the_clip(run: Run) -> None:
    data = bytearray()
    with run.client().videos.with_streaming_response.download_content(run.completed("bridge").id) as reply:
        for piece in reply.iter_bytes(10_000):
            data += piece
    run.record.equal("the pieces are the clip", bytes(data), run.videos["bytes"])


def downloads_parts(run: Run) -> None:
    check, client, whole = run.record, run.client(), run.videos["bytes"]
    ident, size = run.completed("bridge").id, len(whole)

    def part(wanted: str, **more: str) -> Any:
        return client.videos.download_content(ident, extra_headers={"Range": wanted, **more})

    for wanted, start, end in (("bytes=0-99", 0, 100), ("bytes=100-", 100, size), ("bytes=-50", size - 50, size)):
        reply = part(wanted)
        check.equal(f"{wanted}: status", reply.response.status_code, 206)
        check.equal(f"{wanted}: bytes", reply.read(), whole[start:end])
        check.equal(
            f"{wanted}: content-range", reply.response.headers.get("content-range"), f"bytes {start}-{end - 1}/{size}"
        )
    etag = part("bytes=0-0").response.headers["etag"]
    check.equal("If-Range that fits", part("bytes=0-9", **{"If-Range": etag}).response.status_code, 206)
    other = part("bytes=0-9", **{"If-Range": '"another"'})
    check.equal("If-Range that does not", (other.response.status_code, len(other.read())), (200, size))
    error = check.raises("beyond the end", openai.APIStatusError, lambda: part(f"bytes={size}-"))
    check.equal("its status", getattr(error, "status_code", None), 416)


def refuses_unknown_content(run: Run) -> None:
    check, client = run.record, run.client()
    error = check.raises(
        "an unknown variant",
        openai.BadRequestError,
        lambda: client.videos.download_content(run.completed("bridge").id, variant="poster"),
    )
    if error is not None:
        check.equal("param", error.param, "variant")
        check.that("the message names what there is", "spritesheet" in str(error), str(error))
    nobody = "video_" + "0" * 48
    check.raises("an unknown video", openai.NotFoundError, lambda: client.videos.download_content(nobody))


SCENARIOS = (
    downloads_the_clip,
    downloads_the_pictures,
    streams_the_clip,
    downloads_parts,
    refuses_unknown_content,
)
