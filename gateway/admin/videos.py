"""/admin/videos: looked for, explained, cancelled, made again. What a client wrote is not told."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.params import Parameter
from msgspec import Struct

from gateway.admin.desk import REFUSALS, AtDesk, Desk
from gateway.admin.pages import ID_CHARS_MAX, LIMIT, Limit, Order
from gateway.admin.projects import known_project
from gateway.api.videos import KEY_CHARS_MAX
from gateway.domain.admin_shapes import NAME_CHARS_MAX
from gateway.domain.errors import BadInput, Conflict
from gateway.domain.explain import explain
from gateway.domain.ids import VIDEO_ID
from gateway.domain.moments import parse_moment
from gateway.domain.search import STATES, Sought, Span, sought_tag, told
from gateway.domain.videos import FINAL, Video, cancel_face
from gateway.work import retry
from gateway.work.cancel import note_cancel
from gateway.work.read import absent

TAGS: Final = ["videos"]
TEXT_CHARS_MAX: Final = 512
VideoId = Annotated[str, Parameter(max_length=ID_CHARS_MAX, description="The video's id.")]
Moment = Annotated[str | None, Parameter(max_length=40, description="A UTC date, or RFC 3339.")]
Again = Annotated[
    str | None,
    Parameter(
        header="Idempotency-Key", min_length=1, max_length=KEY_CHARS_MAX, description="What this wish is named by."
    ),
]
Anew = Annotated[bool, Parameter(description="Without the `routing` and `max_cost_usd` of the first request.")]
Filter = Annotated[str | None, Parameter(max_length=TEXT_CHARS_MAX)]


class VideoShape(Struct, frozen=True, kw_only=True):
    """`providers`: of all its attempts, in order. `cost_usd`: what is booked by now; `held_usd`: what may come."""

    id: str
    status: str
    state: str
    project: str
    key: str
    model: str
    seconds: int
    size: str
    tags: dict[str, str]
    providers: list[str]
    created_at: str
    completed_at: str | None
    error: str | None
    cost_usd: str
    held_usd: str
    retry_of: str | None


class VideoPage(Struct, frozen=True, kw_only=True):
    """A search looks at a bounded number of videos. `complete`: there is nothing behind; else go on with `after` set to
    `scanned_to`, also where this page is empty."""

    object: str = "list"
    data: list[VideoShape]
    first_id: str | None
    last_id: str | None
    has_more: bool
    complete: bool
    scanned_to: str | None


class CancelShape(Struct, frozen=True, kw_only=True):
    """`state`: asked, cancelled, too_late or cannot. Dollars: what is booked by now, and the most it may come to."""

    id: str
    state: str
    asked_at: int
    confirmed: bool
    cost_usd: str
    may_cost_usd: str


class RetryShape(Struct, frozen=True, kw_only=True):
    """`id` is the new video's."""

    id: str
    retry_of: str


@get("/videos", name="admin_videos", responses=REFUSALS, tags=TAGS)
async def search_videos(
    desk: AtDesk,
    *,
    project: Annotated[str | None, Parameter(max_length=NAME_CHARS_MAX, description="Name or id.")] = None,
    key: Filter = None,
    status: Annotated[str | None, Parameter(query="state", description="A state, or a public status.")] = None,
    model: Filter = None,
    provider: Filter = None,
    tag: Annotated[str | None, Parameter(max_length=TEXT_CHARS_MAX, description="NAME, or NAME=VALUE.")] = None,
    since: Moment = None,
    until: Moment = None,
    limit: Limit = LIMIT,
    after: Annotated[str | None, Parameter(max_length=ID_CHARS_MAX, description="Only videos behind this.")] = None,
    order: Order = "desc",
) -> VideoPage:
    """Videos of all projects that fit, by age; deleted ones are left out."""
    if status is not None and status not in STATES:
        raise BadInput(f"Invalid value: 'state' must be one of {', '.join(sorted(STATES))}.", param="state")
    if after is not None and not VIDEO_ID.fullmatch(after):
        raise BadInput("Invalid value: 'after' must be the id of a video.", param="after")
    sought = Sought(state=status, model=model, provider=provider, key=key, tag=sought_tag(tag))
    span = Span(
        since_ms=_moment("since", since), until_ms=_moment("until", until), after=after, ascending=order == "asc"
    )
    store = desk.tools.store
    owners = [await known_project(desk, project)] if project is not None else await store.list_projects()
    found = await store.search([one.id for one in owners], sought, span, limit=limit)
    data = [msgspec.convert(told(one), VideoShape) for one in found.videos]
    return VideoPage(
        data=data,
        first_id=data[0].id if data else None,
        last_id=data[-1].id if data else None,
        has_more=not found.complete,
        complete=found.complete,
        scanned_to=found.scanned_to,
    )


@get("/videos/{video_id:str}", name="admin_video", responses=REFUSALS, tags=TAGS)
async def explained(desk: AtDesk, video_id: VideoId) -> dict[str, Any]:
    """Why a video of any project is where it is: plan, attempts, money, entries of the ledger. Deleted ones too, while
    their record is kept."""
    video = await _known(desk, video_id)
    entries, whole = await desk.tools.store.entries_about(video_id, video.created_ms)
    return explain(video, entries) | {"entries_complete": whole}


@post("/videos/{video_id:str}/cancel", name="admin_video_cancel", status_code=200, responses=REFUSALS, tags=TAGS)
async def cancel_video(desk: AtDesk, video_id: VideoId) -> CancelShape:
    """Has it cancelled: free before it was sent, else as far as its vendor does it."""
    tools, video = desk.tools, await _known(desk, video_id)
    if video.state in FINAL and not video.cancel_ms:
        raise Conflict(f"The video is {video.state.value} already: it is too late to cancel it.", param="video_id")
    wished = await note_cancel(tools.store, video_id, desk.hand)
    tools.due.set()
    if wished is None:
        raise absent(video_id)
    face: Any = cancel_face(wished, wished.cancel_ms or tools.clock.now_ms())
    return CancelShape(id=video_id, **face)


@post("/videos/{video_id:str}/retry", name="admin_video_retry", status_code=200, responses=REFUSALS, tags=TAGS)
async def retry_video(desk: AtDesk, video_id: VideoId, again: Again = None, *, anew: Anew = False) -> RetryShape:
    """Makes a new video of the record of one that has ended, for the same project and key, which pay for it as for any
    other. Its images are kept; where they are gone it is refused. Sent again with the same `Idempotency-Key` it answers
    with the video that it made first."""
    if not VIDEO_ID.fullmatch(video_id):
        raise absent(video_id)
    made = await retry.retry(desk.tools, retry.Wish(of=video_id, name=again, anew=anew), desk.hand)
    return RetryShape(id=made, retry_of=video_id)


async def _known(desk: Desk, video_id: str) -> Video:
    video = await desk.tools.store.read(video_id) if VIDEO_ID.fullmatch(video_id) else None
    if video is None:
        raise absent(video_id)
    return video


def _moment(param: str, text: str | None) -> int | None:
    try:
        return None if text is None else parse_moment(text)
    except ValueError as error:
        raise BadInput(f"Invalid value: {error}.", param=param) from None


HANDLERS: Final = (search_videos, explained, cancel_video, retry_video)
