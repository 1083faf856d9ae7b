"""Accounts whose balance shall be the bound of what is held there, and that nobody has read yet: shut till then."""

from __future__ import annotations

from gateway.snapshot import Snapshot
from gateway.store.store import Store


async def shut_unread(store: Store, snapshot: Snapshot) -> None:
    """Called by every process before it serves by this configuration. A cap that stands is never replaced."""
    bounded = [name for name, one in snapshot.settings.providers.items() if one.balance == "budget"]
    known = await store.standings() if bounded else {}
    for provider in bounded:
        if provider not in known or not known[provider].bounds:
            await store.shut_unread(provider)
