"""A process that walks one video through admission, claim, commit and rest, to be killed on the way:
`python -m tests.store.dying URL`. It prints `done` if it came through."""

from __future__ import annotations

import asyncio
import sys

from gateway.store.outcomes import Rest
from gateway.store.store import Store
from tests.store.samples import T0, Clock, admission, apply, following, seed, video


async def main() -> None:
    store = Store(sys.argv[1], now_ms=Clock())
    await seed(store)
    made = video()
    await store.admit(admission(made))
    (one,) = (await store.claim(1, lease_ms=20_000, token_prefix="dying")).videos
    await apply(store, following(made, keep_lease_ms=20_000), token=one.token)
    await store.rest([Rest(made.id, one.token, T0 + 4_000)])
    await store.close()
    sys.stdout.write("done\n")


if __name__ == "__main__":
    asyncio.run(main())
