"""GET and HEAD of a finished file: variants, ranges, conditions, and bytes that never stand in memory as a whole."""

from __future__ import annotations

from email.utils import formatdate
from typing import Final

from gateway.api.exchange import Answer, Exchange, Header, of_error
from gateway.api.stream import send_file
from gateway.api.videos import caller_of
from gateway.assets.store import AssetMissing
from gateway.domain.assets import NOT_HERE
from gateway.domain.errors import BadInput, Outdated, Unavailable
from gateway.domain.ranges import Another, NotModified, Part, Unsatisfiable, decide
from gateway.domain.videos import StoredAsset
from gateway.log import log
from gateway.work import read
from providers.contract import AssetKind

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
        case Another():
            raise Outdated("The file is not, or no longer, the one that you name. Download it from its beginning.")
        case Unsatisfiable():
            return _unsatisfiable(decision, asset)
        case Part():
            ranged = (*common, (b"content-range", decision.content_range(asset.size_bytes).encode("ascii")))
            await _sent(exchange, asset, decision, (media_type, *ranged), 206)
        case _:
            await _sent(exchange, asset, Part(0, asset.size_bytes), (media_type, *common), 200)
    return None


async def _sent(exchange: Exchange, asset: StoredAsset, part: Part, headers: tuple[Header, ...], status: int) -> None:
    size = part.end - part.start
    headers = (*headers, (b"content-length", b"%d" % size))
    if exchange.method == "HEAD":
        await exchange.begin(status, headers)
        await exchange.write(b"")
        return
    try:
        async with exchange.tools.assets.reader(asset.name, part.start, part.end) as file:
            await send_file(exchange, file, size, status=status, headers=headers)
    except AssetMissing as error:
        # Never a 404: the clip exists and was paid for. Another replica may have it on a disk of its own.
        log("clip_not_here", level="error", todo="see docs/operations.md, Several replicas")
        raise Unavailable(NOT_HERE, code="clip_not_here", retry_after_s=1) from error


def _unsatisfiable(decision: Unsatisfiable, asset: StoredAsset) -> Answer:
    error = BadInput(
        f"The range begins behind the last of {asset.size_bytes} bytes.", code="range_not_satisfiable", param="Range"
    )
    answer = of_error(error)
    return Answer(answer.body, 416, ((b"content-range", decision.content_range(asset.size_bytes).encode("ascii")),))
