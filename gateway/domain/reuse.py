"""Reuse: a finished clip of a project answers an identical create, for as long as key and project allow it. Pure.

Identical is what would be rendered from the same words by the same routes: of prompts, the white space and the Unicode
form do not count; images and an uploaded clip count by their bytes, a source video and a character by their ids;
metadata, priority and the name that the client used for the model not at all. The routes that the plan kept have a part
in it, so a clip of the sandbox never answers a key that is not bound to it, nor one provider's clip a request that
wants another's.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.domain.limits import Owned
from gateway.domain.videos import Choice, Origin, Request, State, StoredAsset, Video

NEVER: Final = 0
"""A key's word against its project's."""


def life_ms(owned: Sequence[Owned], *, wanted: bool) -> int:
    """For how long a clip may be used again; 0: not at all. Of `owned` the first that says something decides; a request
    that does not want it has no part in it, as taker or as giver."""
    said = [one.limits.reuse_s for one in owned if one.limits.reuse_s is not None]
    return said[0] * 1_000 if said and wanted else 0


def likeness(project: str, request: Request, plan: Iterable[Choice]) -> str:
    """The same for identical requests: a digest. `request` is settled, so its size and seconds are what is rendered."""
    image, last, source = request.image, request.last_image, request.source
    parts = [
        project,
        request.verb,
        sorted(choice.route for choice in plan if choice.dropped is None),
        str(request.size),
        request.seconds,
        plain(request.prompt),
        None if request.negative_prompt is None else plain(request.negative_prompt),
        request.seed,
        image.sha256 if image else None,
        [source.video, source.sha256] if source else None,
        [one.id for one in request.characters],
        *sorted(request.extras.items()),
        *([last.sha256] if last else ()),
        *([request.audio] if request.audio is not None else ()),
    ]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def likeness_of(video: Video) -> str:
    return likeness(video.project, video.request, video.plan)


def plain(text: str) -> str:
    """Without what makes no difference to a reader."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def may_serve(first: Video, project: str, like: str, *, life_ms: int, now_ms: int) -> bool:
    """Whether the clip of a video may answer a request of this likeness. Its files may be gone all the same."""
    finished = first.state is State.COMPLETED and not first.deleted and bool(first.assets) and now_ms < first.expires_ms
    recent = now_ms < first.completed_ms + life_ms
    return finished and recent and first.reuse_ms > 0 and first.project == project and likeness_of(first) == like


def remade(video: Video, first: Video, assets: tuple[StoredAsset, ...], *, asset_life_s: int) -> Video:
    """A new video, finished at once by another's clip. It has no attempt, no plan and no cost, and its own copy of the
    files lives as long as any."""
    rendered = first.current_attempt
    ends_ms = video.created_ms + asset_life_s * 1_000
    return replace(
        video,
        state=State.COMPLETED,
        reused_from=Origin(video=first.id, account=rendered.account, ref=rendered.ref),
        reuse_ms=0,
        plan=(),
        strategy="",
        progress=100,
        assets=assets,
        completed_ms=video.created_ms,
        expires_ms=ends_ms,
        sweep_ms=ends_ms,
    )
