"""Secrets of the gateway as a whole: made once by whoever needs one first, and shared by all its replicas."""

from __future__ import annotations

from gateway.domain.signing import SECRET_BYTES, sandbox_key
from gateway.store.room import Room


class Secrets(Room):
    _hook_secret: bytes | None = None

    async def hook_secret(self) -> bytes:
        """Under which the addresses of callbacks stand. Read once by each process."""
        if self._hook_secret is None:
            mine = self._random(SECRET_BYTES).hex()
            theirs = await self._link.command("SET", self._names.hook_secret, mine, "NX", "GET")
            self._hook_secret = bytes.fromhex(mine if theirs is None else theirs.decode("ascii"))
        return self._hook_secret

    async def sandbox_key(self) -> bytes:
        return sandbox_key(await self.hook_secret())
