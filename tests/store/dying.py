"""A process that walks one video through admission, claim, commit and rest, and another one to its end, until its
record is removed and its entries are trimmed, and then makes a configuration; to be killed on the way:
`python -m tests.store.dying URL`. It prints `done` if it came through."""

from __future__ import annotations

import asyncio
import sys

from gateway.domain import ledger
from gateway.domain.audit import Deed
from gateway.domain.config_versions import ConfigFacts
from gateway.domain.ledger import DAY_MS
from gateway.domain.permits import ProviderLimits
from gateway.store.outcomes import Rest
from gateway.store.store import Store
from tests.store.samples import PRICE, T0, Clock, admission, apply, closed, following, seed, video
from tests.store.trimming import trim


async def main() -> None:
    clock = Clock()
    store = Store(sys.argv[1], now_ms=clock)
    await seed(store)
    made = video()
    await store.admit(admission(made))
    (one,) = (await store.claim(1, lease_ms=20_000, token_prefix="dying")).videos
    await apply(store, following(made, keep_lease_ms=20_000), token=one.token)
    await store.rest([Rest(made.id, one.token, T0 + 4_000)])
    await end(store, clock)
    facts, deed = (
        ConfigFacts(digest="d1", actor="file"),
        Deed(id="1", actor="file", action="config.apply", object="config"),
    )
    await store.publish_config(facts, b"a: 1\n", deed, based_on=0, limits={"a": ProviderLimits(rpm=7)})
    await store.close()
    sys.stdout.write("done\n")


async def end(store: Store, clock: Clock) -> None:
    made = video(2)
    await store.admit(admission(made))
    settle = ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished")
    change = following(closed(made), settle, due_ms=None)
    await apply(store, change)
    clock.now_ms += DAY_MS
    await store.remove(made.id, change.video, keep_ms=DAY_MS)
    await store.catch_up()
    await trim(store, clock, keep_ms=DAY_MS)


if __name__ == "__main__":
    asyncio.run(main())
