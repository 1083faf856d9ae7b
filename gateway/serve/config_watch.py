"""The master's part in the configuration: an edit of the file becomes the next version, and every version is followed.

A thread with a loop of its own. It publishes what an operator wrote into config.yaml, writes a version that was made
over this gateway's API back into it, and hands on what new workers have to begin with. Workers look at the store by
themselves; nothing here is in their way, and its death would leave them following.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from gateway.config.problems import ConfigError
from gateway.domain.config_versions import ConfigNow, config_digest, is_edit, latest_with
from gateway.domain.events import Event
from gateway.log import journal, log, where
from gateway.serve.config_file import ConfigOnDisk, Missing
from gateway.store.configurations import Overtaken
from gateway.store.errors import StoreAway
from gateway.store.store import Store
from gateway.work.announce import announce
from gateway.work.configure import AccountInUse, By, publish
from gateway.work.following import Follower
from gateway.work.making import Made, Maker, title

T = TypeVar("T")

FILE_EVERY_S: Final = 0.1
STORE_EVERY: Final = 2  # looks at the file
TRIES_MAX: Final = 5
STOP_S_MAX: Final = 5.0
FILE: Final = "file"


class Begun(Struct, frozen=True):
    """What the gateway begins to serve by; `number` 0: the store could not be asked, and the file's text serves."""

    made: Made
    text: bytes
    number: int


class ConfigWatch:
    """`begin` and `start`, both from the master's thread; then `stop`. `changed` is called in the watch's thread."""

    def __init__(
        self,
        maker: Maker,
        path: Path,
        open_store: Callable[[], Store],
        *,
        replica: str,
        refused: Path,
        changed: Callable[[Begun], None],
    ) -> None:
        self._maker = maker
        self._path = path
        self._open_store = open_store
        self._replica = replica
        self._refused = refused
        self._changed = changed
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, made: Made) -> Begun:
        """What to serve by, the file being good: its text if it is new, else the version that counts. ConfigError if
        that cannot be used here."""
        self._file = ConfigOnDisk(self._path, made.file.raw)
        self._stood = self._file.digest  # the last text in the file that was a version
        self._refused.unlink(missing_ok=True)
        self._begun = asyncio.run(self._with_store(lambda store: self._settle(store, made)))
        journal.flush()  # that loop is over, and would have written later
        return self._begun

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="configuration", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(STOP_S_MAX)

    # --- beginning -------------------------------------------------------------------------------------------------

    async def _settle(self, store: Store, made: Made) -> Begun:
        try:
            now = await self._settled(store, made)
        except StoreAway:  # the workers will say so; an edit is found once it is back
            return Begun(made, made.file.raw, 0)
        if now is None or now.text == made.file.raw:
            return Begun(made, made.file.raw, now.version.number if now is not None else 0)
        found = self._maker.make(now.text, title(now.version.number))
        return Begun(found, now.text, now.version.number)

    async def _settled(self, store: Store, made: Made) -> ConfigNow | None:
        """The version that counts, which may be the file's text from now on."""
        now = await store.config_now()
        edited = now is None or is_edit(config_digest(made.file.raw), "", await store.config_versions())
        if edited:
            await self._publish(store, made.file.raw)
            now = await store.config_now()
        elif now is not None and now.text == made.file.raw:
            await store.limit_providers(made.snapshot.limits, version=now.version.number)
        elif now is not None:
            self._tell_behind(now)
        return now

    # --- watching --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.run(self._with_store(self._live))

    async def _with_store(self, use: Callable[[Store], Awaitable[T]]) -> T:
        store = self._open_store()
        try:
            return await use(store)
        finally:
            await store.close()

    async def _live(self, store: Store) -> None:
        follower = Follower(store, self._maker, self._begun.made, self._begun.number, lambda _: None)
        turn = 0
        while not self._stopped.is_set():
            await asyncio.sleep(FILE_EVERY_S)
            turn += 1
            try:
                await self._look_at_file(store, follower)
                if turn % STORE_EVERY == 0:
                    await self._look_at_store(store, follower)
            except StoreAway:
                continue  # an edit waits: see `_look_at_file`
            except Exception as error:
                log("config_not_watched", level="error", **where(error))

    async def _look_at_file(self, store: Store, follower: Follower) -> None:
        before = self._file.digest
        text = self._file.edited()
        if text is None:
            return
        if isinstance(text, Missing):
            await self._tell_missing(store, text)
            return
        try:
            if not is_edit(config_digest(text), self._stood, await store.config_versions()):
                self._refuse("")
                self._stood = self._file.digest
            elif await self._publish(store, text):
                self._stood = self._file.digest
        except StoreAway:
            self._file.again(before)
            raise
        if await follower.look():
            await self._take_over(store, follower)

    async def _look_at_store(self, store: Store, follower: Follower) -> None:
        if not follower.number:  # it was away when we began
            await self._settled(store, follower.made)
        if await follower.look():
            await self._take_over(store, follower)
        elif not await store.config_version():
            # The store was emptied: what is served is what counts.
            await self._publish(store, self._begun.text)

    async def _take_over(self, store: Store, follower: Follower) -> None:
        now = await store.config_at(follower.number)
        if now is None:
            return
        self._begun = Begun(follower.made, now.text, follower.number)
        self._changed(self._begun)
        if config_digest(now.text) == self._file.digest:
            self._refuse("")
        elif now.version.facts.replica == self._replica and await self._may_write(store):
            self._write(now)
        else:
            self._tell_behind(now)

    async def _may_write(self, store: Store) -> bool:
        """Never over what somebody is writing: a text that is no version was refused, or has not been read yet."""
        known = latest_with(self._file.digest, await store.config_versions()) is not None
        return known and self._file.unchanged()

    def _write(self, now: ConfigNow) -> None:
        try:
            self._file.write(now.text)
        except OSError as error:
            todo = "write the version into the file by hand, or leave it: the store has it"
            log(
                "config_not_written", level="warning", version=now.version.number, reason=str(error.strerror), todo=todo
            )
        else:
            self._refuse("")
            self._stood = self._file.digest
            log("config_written", version=now.version.number)

    # --- publishing ------------------------------------------------------------------------------------------------

    async def _publish(self, store: Store, text: bytes) -> bool:
        """An edit is made on top of whatever counts: both stand in the history. False: it was refused, and told."""
        try:
            for _ in range(TRIES_MAX):
                based_on = await store.config_version()
                done = await publish(store, self._maker, text, By(actor=FILE, replica=""), based_on=based_on)
                if not isinstance(done, Overtaken):
                    break
        except (ConfigError, AccountInUse) as error:
            self._refuse(str(error))
            log("config_refused", level="error", reason=str(error), file=str(self._path))
            told = {"reason": str(error)}
            await announce(store, Event.CONFIG_REFUSED, FILE, told, once=f"config.refused.{config_digest(text)}")
            return False
        self._refuse("")
        return True

    async def _tell_missing(self, store: Store, missing: Missing) -> None:
        """No text is no edit: what counts goes on serving, and a file that comes back is looked at."""
        reason = f"the file {missing.reason}; the last version serves on"
        self._refuse(reason)
        log("config_file_missing", level="error", reason=reason, file=str(self._path), todo="put a file there again")
        await announce(store, Event.CONFIG_REFUSED, FILE, {"reason": reason}, once=f"config.missing.{self._stood}")

    def _refuse(self, reason: str) -> None:
        """Workers export it as a metric, and /admin/config shows it."""
        with suppress(OSError):
            if reason:
                self._refused.write_text(reason)
            else:
                self._refused.unlink(missing_ok=True)

    def _tell_behind(self, now: ConfigNow) -> None:
        todo = "telecine config apply, to make the file's text the next version; or write this version's text into it"
        log("config_file_differs", version=now.version.number, file=str(self._path), todo=todo)
