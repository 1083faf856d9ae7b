"""Small videos, changes and admissions, and a project with a key to make them for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.change import Admission, Change, Posting, Repeat
from gateway.domain.ids import video_id
from gateway.domain.keys import Key, Project
from gateway.domain.videos import Attempt, AttemptState, Request, Video
from gateway.store.outcomes import Admitted, Claimed, CommitOutcome
from gateway.store.store import Store
from providers.contract import Size

T0 = 1_795_200_000_000  # 2026-11-20 21:20 UTC
HASH = "0f" * 32
PRICE = 400_000


class Clock:
    """The time that the scripts are told."""

    def __init__(self, now_ms: int = T0) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@asynccontextmanager
async def simulated(url: str, clock: Clock, name: str = "telecine") -> AsyncIterator[Store]:
    """A store that goes by a clock of the test's, with a project and a key."""
    store = Store(url, name=name, now_ms=clock, patience_s=2.0)
    await store.open()
    await seed(store)
    yield store
    await store.close()


async def seed(store: Store, project: str = "proj_1", key: str = "key_1", key_hash: str = HASH) -> None:
    await store.create_project(Project(id=project, name=project, created_ms=T0))
    await store.create_key(Key(id=key, project=project, created_ms=T0), key_hash)


def attempt(ordinal: int = 1, *, price: int = PRICE, now_ms: int = T0, provider: str = "mock") -> Attempt:
    return Attempt(
        ordinal=ordinal,
        route=f"{provider}/m",
        provider=provider,
        account=f"{provider}|https://{provider}.test|",
        model="m",
        key=f"k{ordinal}",
        price_micros=price,
        counters=ledger.counters_of("key_1", "proj_1", provider, now_ms),
        planned_ms=now_ms,
    )


def video(number: int = 1, **changes: object) -> Video:
    made = Video(
        id=video_id(T0 + number, number.to_bytes(18, "big")),
        project="proj_1",
        key_id="key_1",
        request=Request(model="sora-2", prompt=f"clip {number}", seconds=4, size=Size(720, 1280)),
        created_ms=T0,
        deadline_ms=T0 + 3_600_000,
        attempts=(attempt(),),
    )
    return replace(made, **changes)


def admission(made: Video, *, repeat: Repeat | None = None, due_ms: int = T0, key_hash: str = HASH) -> Admission:
    """With the hold of its attempts."""
    change = Change(
        label="admit",
        video=made,
        postings=tuple(ledger.hold(made, one) for one in made.attempts),
        window_until_ms=ledger.window_until_ms(T0) if made.attempts else 0,
        due_ms=due_ms,
    )
    return Admission(change=change, key_hash=key_hash, repeat=repeat)


def following(made: Video, *postings: Posting, label: str = "progressed", **changes: object) -> Change:
    """The next change of a video: only its version rises, unless told more."""
    first = Change(label=label, video=replace(made, version=made.version + 1), postings=postings, due_ms=T0 + 5_000)
    return replace(first, **changes)


def closed(made: Video) -> Video:
    """The video with every attempt closed."""
    return replace(made, attempts=tuple(replace(one, state=AttemptState.CLOSED) for one in made.attempts))


async def let_in(store: Store, number: int = 1, **changes: object) -> Video:
    """An admitted video."""
    made = video(number, **changes)
    outcome = await store.admit(admission(made))
    assert isinstance(outcome, Admitted), outcome
    return made


async def apply(store: Store, change: Change, *, token: str | None = None, commit_id: str = "") -> CommitOutcome:
    """Commit under a name of its own."""
    name = commit_id or f"{change.video.id}:{change.video.version}:{change.label}"
    return await store.commit(change, commit_id=name, token=token)


async def claimed(store: Store, *, lease_ms: int = 20_000) -> Claimed:
    """The one video that is due."""
    claims = await store.claim(10, lease_ms=lease_ms, token_prefix="runner")
    (one,) = claims.videos
    return one
