"""GET and HEAD of a finished file: variants, ranges, conditions, and bytes that never stand in memory as a whole."""

from __future__ import annotations

from email.utils import formatdate
from typing import Final

from gateway import metrics
from gateway.api.exchange import Answer, Exchange, of_error
from gateway.api.videos import caller_of
from gateway.domain.errors import BadInput
from gateway.domain.ranges import NotModified, Part, Unsatisfiable, decide
from gateway.domain.videos import StoredAsset
from gateway.work import read
from providers.contract import AssetKind

PATHSEND: Final = "http.response.pathsend"
SUFFIX: Final = {AssetKind.VIDEO: "mp4", AssetKind.THUMBNAIL: "webp", AssetKind.SPRITESHEET: "jpg"}


async def content(exchange: Exchange) -> Answer | None:
    """The bytes of a variant. `Accept` is not looked at: SDKs send types that no file has."""
    caller = await caller_of(exchange)
    variant = exchange.query().get("variant", "video")
    if variant not in set(AssetKind):
        allowed = ", ".join(f"'{kind}'" for kind in AssetKind)
        raise BadInput(f"Invalid value: 'variant' must be one of {allowed}.", param="variant")
    video_id: str = exchange.path_params["video_id"]
    video, asset = await read.asset(exchange.tools, caller, video_id, AssetKind(variant))
    etag = f'"{asset.etag}"'
    modified_s = video.completed_ms // 1_000
    decision = decide(exchange.headers(), asset.size_bytes, etag, modified_s, method=exchange.method)
    common = (
        (b"etag", etag.encode("ascii")),
        (b"last-modified", formatdate(modified_s, usegmt=True).encode("ascii")),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", b"private, max-age=0"),
        (b"content-disposition", f'inline; filename="{video_id}.{SUFFIX[asset.kind]}"'.encode("ascii")),
    )
    media_type = (b"content-type", asset.media_type.encode("ascii"))
    match decision:
        case NotModified():
            return Answer(b"", 304, common, media_type)
        case Unsatisfiable():
            return _unsatisfiable(decision, asset)
        case Part(start, end):
            ranged = (*common, (b"content-range", decision.content_range(asset.size_bytes).encode("ascii")))
            await _send(exchange, asset, start, end, (media_type, *ranged), 206)
        case _:
            await _send(exchange, asset, 0, asset.size_bytes, (media_type, *common), 200)
    return None


async def _send(  # noqa: PLR0917 - one answer's facts, in the order in which they are sent
    exchange: Exchange, asset: StoredAsset, start: int, end: int, headers: tuple[tuple[bytes, bytes], ...], status: int
) -> None:
    length = (b"content-length", b"%d" % (end - start))
    begin = {"type": "http.response.start", "status": status, "headers": [*headers, length]}
    if exchange.method == "HEAD":
        await exchange.send(begin)
        await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    whole = end - start == asset.size_bytes
    if whole and PATHSEND in exchange.scope.get("extensions", {}):
        await exchange.send(begin)
        await exchange.send({"type": PATHSEND, "path": str(exchange.tools.assets.path(asset.name))})
    else:
        chunks = exchange.tools.assets.read(asset.name, start, end)
        # The first piece before the head: a file that has gone can still be an error.
        first = await anext(chunks, b"")
        await exchange.send(begin)
        await exchange.send({"type": "http.response.body", "body": first, "more_body": True})
        async for chunk in chunks:
            await exchange.send({"type": "http.response.body", "body": chunk, "more_body": True})
        await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})
    metrics.content_sent(end - start)


def _unsatisfiable(decision: Unsatisfiable, asset: StoredAsset) -> Answer:
    error = BadInput(
        f"The range begins behind the last of {asset.size_bytes} bytes.", code="range_not_satisfiable", param="Range"
    )
    answer = of_error(error)
    return Answer(answer.body, 416, ((b"content-range", decision.content_range(asset.size_bytes).encode("ascii")),))
