"""The stepper: moves one video by as much as is due now. The runner calls it for everything that is claimed.

Each turn asks the agenda for one action, performs it, and books what came of it, until the video may rest. A submission
is committed as `submitting` before a byte leaves; whoever finds a video in that state knows that its holder died.
"""

from __future__ import annotations

from typing import Final

from gateway import metrics
from gateway.assets.store import AssetMissing, StorageAway
from gateway.domain.agenda import (
    Cancel,
    Collect,
    Confirm,
    Decide,
    DoubtAfterDeath,
    Find,
    Poll,
    Resend,
    Rest,
    Submit,
    Sweep,
    agenda,
)
from gateway.domain.news import Ask, AskAgain, Doubted, Poisoned, Rerouted, Unsent
from gateway.domain.suspects import CLAIMS_MAX
from gateway.domain.traces import of_attempt
from gateway.domain.videos import Video, attempt_id
from gateway.domain.world import World
from gateway.log import log
from gateway.snapshot import Snapshot
from gateway.tracing import spans
from gateway.work import act
from gateway.work.act import Result, Wait
from gateway.work.book import Job, book, close, pause
from gateway.work.collect import collect
from gateway.work.probing import give_back, may_probe
from gateway.work.rooms import REROUTES_MAX, find_room
from gateway.work.spec import pictures_bytes, spec_of
from gateway.work.sweep import sweep
from gateway.work.tools import Tools

# Refusals by every route, each with its next attempt, fit into one step with room to spare.
TURNS_MAX = 100
# A video that only a drained provider could render looks so often whether that changed.
DRAINED_LOOK_MS: Final = 5_000
# What may not be sent because the store's replicas are behind looks so often whether they are back.
REPLICAS_LOOK_MS: Final = 1_000
# What has to wait longer for the memory of its pictures gives up its lease, and makes room for what is polled.
PICTURES_S_MAX: Final = 2.0


async def step(tools: Tools, snapshot: Snapshot, video: Video, *, token: str, claims: int) -> int | None:
    """Move a claimed video on. Returns when it is due again if its lease is still held, None if a commit gave it up."""
    job = Job(video, token, snapshot, lease_ms=snapshot.lease_ms, waits=tools.looks.of(video))
    try:
        return await _turns(tools, job, claims)
    finally:
        tools.looks.note(job.video, job.waits)


async def _turns(tools: Tools, job: Job, claims: int) -> int | None:
    """No look is taken twice, and each begins with a lease that outlasts it: a vendor that hangs costs one call."""
    for turn in range(TURNS_MAX):
        world = tools.world(job.snapshot, job.video)
        action = agenda(job.video, world, job.waits)
        if turn == 0 and claims > CLAIMS_MAX and job.video.open_attempts:
            action = Decide(Poisoned(job.video.open_attempts[0].ordinal))
        if isinstance(action, Rest):
            if action.due_ms is None:
                await close(tools, job)
                return None
            return action.due_ms
        if isinstance(action, Sweep):
            await sweep(tools, job)
            return None
        if type(action) in _CALLS and not await _may_look(tools, job, action):
            return None if job.token is None else world.now_ms
        result = await _perform(tools, job, action, world)
        job.aging = isinstance(result, Wait)
        if isinstance(result, Wait):
            pause(job, job.video, _attempt_of(action), world, not_before_ms=result.not_before_ms)
        elif not await book(tools, job, result) and job.token is not None:
            if isinstance(result, Rerouted):
                job.reroutes = REROUTES_MAX  # no budget allows it: it waits in line instead
            else:
                pause(job, job.video, result.attempt, world)
        if job.token is None:
            return None
    return tools.clock.now_ms() + job.lease_ms


async def _may_look(tools: Tools, job: Job, action: object) -> bool:
    """Not twice in one step, and not under a lease that is another's by now."""
    look = (type(action), _attempt_of(action))
    if look in job.looked:
        return False
    job.looked += (look,)
    assert job.token is not None
    if job.aging and not await tools.store.renew(job.video.id, job.token, lease_ms=job.lease_ms):
        metrics.lease_lost()
        job.token = None
    return job.token is not None


_CALLS: Final = {Find: act.find, Confirm: act.confirm, Poll: act.poll, Cancel: act.cancel, Collect: collect}


async def _perform(
    tools: Tools,
    job: Job,
    action: Submit | Resend | Find | Confirm | Poll | Cancel | Collect | Decide | DoubtAfterDeath,
    world: World,
) -> Result:
    if job.video.trace and spans.on():
        ordinal = action.news.attempt if isinstance(action, Decide) else action.attempt
        spans.enter(of_attempt(job.video, ordinal))
    match action:
        case Decide(news):
            return news
        case DoubtAfterDeath(ordinal):
            return Doubted(ordinal, "the runner died with the call in the air", blame=False)
        case Submit(ordinal) | Resend(ordinal):
            resend, size = isinstance(action, Resend), pictures_bytes(job.video)
            if not size:
                return await _submit(tools, job, ordinal, resend=resend)
            async with tools.outgoing.turn(size, min(PICTURES_S_MAX, job.lease_ms / 2_000)) as ours:
                return await _submit(tools, job, ordinal, resend=resend) if ours else Wait()
        case _:
            if free_ms := await _pace(tools, job, action):
                return Wait(free_ms)
            return await _CALLS[type(action)](tools, job, job.video.attempt(action.attempt), world)


async def _pace(tools: Tools, job: Job, action: Find | Confirm | Poll | Cancel | Collect) -> int:
    """0 if its provider may be asked now; else from when on, in ms. Only looks are paced."""
    provider = job.video.attempt(action.attempt).provider
    limits = job.snapshot.limits.get(provider)
    if limits is None or limits.polls_per_minute is None or isinstance(action, Cancel | Collect):
        return 0
    return await tools.store.pace_poll(provider)


async def _submit(tools: Tools, job: Job, ordinal: int, *, resend: bool) -> Result:
    """Commit the intention, then send. What the driver says after that is news, whatever it is."""
    if tools.store.rewound is not None:
        # The store forgot commits: what reads as never sent may have been. Nothing leaves until an operator has looked.
        return Wait()
    if not await tools.store.replicas_near():
        return Wait(tools.clock.now_ms() + REPLICAS_LOOK_MS)
    snapshot = job.snapshot
    attempt = job.video.attempt(ordinal)
    world = tools.world(snapshot, job.video)
    route = world.route_of(attempt)
    endpoint = snapshot.endpoints.get(attempt.provider)
    if route is None or endpoint is None:
        return Unsent(ordinal, "its route has left the configuration", resend, blame=False)
    if route.drained and not resend:
        return await find_room(tools, job, ordinal, world, shut_until_ms=world.now_ms + DRAINED_LOOK_MS)
    shut_until_ms = 0 if resend else await may_probe(tools, snapshot, route, attempt_id(job.video.id, ordinal))
    if shut_until_ms:
        return await find_room(tools, job, ordinal, world, shut_until_ms=shut_until_ms)
    try:
        spec = await spec_of(tools, job.video, attempt, route)
    except (StorageAway, AssetMissing) as error:
        # Ours, and it may pass, or another replica may have the files: only the deadline ends a video for it.
        log("storage_away", level="error", video=job.video.id, reason=str(error) or "a file is not here")
        give_back(tools, route, attempt_id(job.video.id, ordinal), world.now_ms)
        return Wait()
    send_by_boot_s = tools.clock.boot_s() + snapshot.send_by_s
    send_by_ms = world.now_ms + round(snapshot.send_by_s * 1_000)
    intention = AskAgain(ordinal, send_by_ms) if resend else Ask(ordinal, send_by_ms)
    if not await book(tools, job, intention):
        if job.busy is not None:
            give_back(tools, route, attempt_id(job.video.id, ordinal), world.now_ms)
            return Wait(job.busy.until_ms) if resend else await find_room(tools, job, ordinal, world)
        # Somebody else moved the video meanwhile, and may be sending: nothing is known, and nothing was sent by us.
        return Wait()
    # The commit's own answer may be what showed that the store forgot: then another may have sent this meanwhile.
    forgot = tools.store.rewound is not None
    if forgot or (not resend and world.forgets(job.video)):
        return Doubted(ordinal, "it may have been sent in the time that the store forgot", resend, blame=False)
    if not job.confirmed:
        give_back(tools, route, attempt_id(job.video.id, ordinal), world.now_ms)
        return Unsent(ordinal, "the store's replicas did not confirm it in time", resend, blame=False)
    tools.queues.sent(attempt.provider)
    outcome = await tools.driver.submit(
        endpoint,
        endpoint.adapter.submit(spec, attempt.key),
        send_by_boot_s=send_by_boot_s,
        timeout_s=route.submit_timeout_s,
        send="resend" if resend else "submit",
    )
    return act.news_of_submit(attempt, outcome, resend=resend)


def _attempt_of(action: object) -> int:
    ordinal = getattr(action, "attempt", None)
    assert isinstance(ordinal, int)
    return ordinal
