"""Strays: the files that a request brought and no video has, because a process died between storing and admitting them.

Only what is stored before an admission can be one: input images, source clips, and copies of a clip that is used again.
The clip that a character is made of is needed for the sending alone.
A clip that was rendered never is, so even a store that forgot its videos costs nobody a clip.
"""

from __future__ import annotations

from typing import Final

from gateway.assets.store import StorageAway
from gateway.domain.assets import owner_of_input
from gateway.log import log
from gateway.store.errors import StoreAway
from gateway.work.tools import Tools

AGE_S: Final = 3_600
"""No request takes so long between storing a file and its admission."""


async def sweep_strays(tools: Tools) -> int:
    """Remove them. How many there were; a store or a storage that is away is asked another time."""
    removed = 0
    try:
        async for names in tools.assets.names(older_s=AGE_S):
            if tools.store.rewound is not None:
                return removed
            owners = {name: owner for name in names if (owner := owner_of_input(name)) is not None}
            known = await tools.store.known(sorted(set(owners.values())))
            for name, owner in owners.items():
                if owner not in known:
                    await tools.assets.delete(name)
                    removed += 1
    except (StoreAway, StorageAway) as error:
        log("strays_not_swept", level="warning", reason=str(error))
    if removed:
        log("strays_swept", files=removed)
    return removed
