"""What tests of trimming share: the chores as workers do them, without their pauses."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.domain.ledger import DAY_MS, Entry
from gateway.domain.trimming import Front, Sheaf
from gateway.domain.videos import Video
from gateway.store.outcomes import Trim
from gateway.store.store import Store
from tests.store.samples import Clock

KEEP_MS = 400 * DAY_MS
PAGE = 7


async def trim(store: Store, clock: Clock, *, keep_ms: int = KEEP_MS) -> int:
    """How many entries left."""
    front, after, trimmed = Front(clock.now_ms - keep_ms), "", 0
    while page := await store.front(after, limit=PAGE):
        old = all(line.entry is None or front.add(line.id, line.entry) for line in page)
        known = await store.known([one.video for one in front.touched])
        sizes = await store.sizes([one.attempt for one in front.touched if one.video not in known])
        for sheaf in front.take(sizes):
            if await store.trim([sheaf], now_ms=clock.now_ms, keep_ms=keep_ms) == Trim.TRIMMED:
                trimmed += len(sheaf.ids)
        if not old:
            break
        after = page[-1].id
    return trimmed


async def retire(store: Store, clock: Clock, *, keep_ms: int) -> int:
    """How many records went."""
    removed = 0
    for name in await store.over(clock.now_ms, keep_ms=keep_ms, limit=1_000):
        removed += await store.remove(name, await store.read(name), keep_ms=keep_ms)
    return removed


async def sheaves_of(store: Store, made: Video) -> list[Sheaf]:
    """The entries of each attempt of a video, whatever the roll-up has seen."""
    found: dict[str, Sheaf] = {}
    rows = await store._link.command("XRANGE", store._names.ledger, "-", "+")
    for stream_id, flat in rows:
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        if fields[b"video"].decode() == made.id:
            name = fields[b"attempt"].decode()
            found.setdefault(name, Sheaf(made.id, name, [])).ids.append(stream_id.decode())
    return list(found.values())


def kinds(entries: Iterable[Entry]) -> list[str]:
    return [one.posting.kind.value for one in entries]
