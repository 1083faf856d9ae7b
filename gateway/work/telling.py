"""Telling of a video's change: the deliveries that are written in its very commit, for whoever wants to hear of it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from gateway.domain import events, targets
from gateway.domain.change import Change, Message
from gateway.domain.deliveries import LANES_OF_REQUESTS, Delivery, encode_delivery
from gateway.domain.errors import BadInput
from gateway.domain.events import Event
from gateway.domain.targets import Target
from gateway.domain.videos import Video
from gateway.snapshot import Snapshot
from gateway.work.caller import Caller
from gateway.work.hand import Hand
from gateway.work.targeting import Which, replay, request_target
from gateway.work.tools import Tools


async def with_messages(tools: Tools, snapshot: Snapshot, before: Video | None, change: Change) -> Change:
    """The change with what is told of it; itself where nobody would hear it. `before`: None of a new video."""
    event = events.of_change(before, change.video)
    if event is None:
        return change
    if not tools.hearers.known:
        await tools.hearers.refresh(tools.store)
    messages = tuple(messages_of(tools, snapshot, event, change.video))
    return replace(change, messages=messages) if messages else change


def messages_of(tools: Tools, snapshot: Snapshot, event: Event, video: Video) -> Iterator[Message]:
    now_ms, body = tools.clock.now_ms(), ""
    for target, url in _hearers(tools, event, video):
        body = body or events.of_video(event, video, now_ms, whole=snapshot.settings.webhooks.whole_video)
        identity = events.event_id(event, video.id)
        yield message(
            Delivery(
                id=f"{identity}.{target.id}",
                event=identity,
                type=event,
                about=video.id,
                project=video.project,
                target=target.id,
                lane=targets.lane_of(target, url, LANES_OF_REQUESTS),
                url=url,
                body=body,
                made_ms=now_ms,
            )
        )


def message(delivery: Delivery) -> Message:
    return Message(delivery.id, delivery.lane, encode_delivery(delivery))


def _hearers(tools: Tools, event: Event, video: Video) -> Iterator[tuple[Target, str]]:
    """Each with the address of the request, which is empty for a target that has its own."""
    for target in tools.hearers.of(event, f"project/{video.project}", f"key/{video.key_id}"):
        yield target, ""
    if video.webhook_url is not None and event in events.ENDS:
        target_id = targets.of_requests(video.project)
        # It was made before the video was admitted; a process that has not seen it yet needs only its name.
        yield tools.hearers.target(target_id) or _nameless(target_id, video), video.webhook_url


def _nameless(target_id: str, video: Video) -> Target:
    return Target(id=target_id, scope=f"project/{video.project}", secrets=(), created_ms=video.created_ms)


async def check_address(tools: Tools, snapshot: Snapshot, caller: Caller, url: str) -> None:
    """A request's address before anything is stored or held: BadInput if nothing may be sent there. Its project has a
    secret from then on."""
    if not tools.poster.may_go(url, allow_private=snapshot.settings.webhooks.allow_private):
        raise BadInput(
            "Invalid value: 'webhook_url' must be a public address that begins with https://.", param="webhook_url"
        )
    if tools.hearers.target(targets.of_requests(caller.project)) is None:
        hand = Hand(caller.key_id, tools.random, tools.clock.now_ms())
        await request_target(tools.store, caller.project, hand)


async def tell_again(tools: Tools, video: Video, hand: Hand) -> int:
    """Have the end of a video told once more, to everybody who wants to hear of it now, under the same id. How many."""
    event = events.of_end(video)
    if event is None:
        return 0
    await tools.hearers.refresh(tools.store)
    messages = list(messages_of(tools, tools.snapshot(), event, video))
    done = await replay(tools.store, Which(about=video.id, event=event), hand)
    done += await tools.store.add_deliveries(messages) or 0
    tools.told.set()
    return done
