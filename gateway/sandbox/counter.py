"""The vendor's counter: takes submissions, tells how jobs stand, hands out files; on demand it misbehaves as ordered.

Lives here: what happens, in which order, and every fate's trick. Does not: HTTP routes (`server`), pictures (`studio`).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

import msgspec
from msgspec import Struct

from gateway.sandbox import wire
from gateway.sandbox.fates import Fate, WrongDirective, by_default, in_name, in_prompt, without_directives
from gateway.sandbox.jobs import (
    FILE_LIFE_MS,
    Character,
    Job,
    Look,
    UnknownJob,
    character_id,
    job_id,
    look,
    needs_file,
    order_of,
    read_character,
    read_job,
    shortened,
)
from gateway.sandbox.memory import Entry, Memory
from gateway.sandbox.seal import Seal
from gateway.sandbox.studio import CannotRender, Studio
from gateway.sandbox.wire import Misdirected, Portrait, Refusal, Wanted

TRIES_KEPT = 10_000
PAGE_MAX = 100
NAME_CHARS_MAX = 80
NAMELESS = "character"
SEED_MASK = 2**63 - 1


class Defaults(Struct, frozen=True, kw_only=True):
    """What holds where neither the prompt nor the request says otherwise."""

    queue_s: float = 0.5
    render_s: float = 6.0
    fate: str = ""


class Tries:
    """Tricks that happen the first few times only."""

    def __init__(self) -> None:
        self._done: OrderedDict[str, int] = OrderedDict()

    def again(self, name: str, times: int, *, anew: bool = False) -> bool:
        """Whether the trick is due once more. `anew`: once it is over it starts again, for the next with this name."""
        done = self._done.pop(name, 0)
        if done >= times and anew:
            return False
        self._done[name] = min(done + 1, times)
        while len(self._done) > TRIES_KEPT:
            self._done.popitem(last=False)
        return done < times


class Taken(Struct, frozen=True):
    """What was asked for was made. `trick` says how the answer goes wrong, empty if it does not."""

    face: dict[str, object]
    trick: str = ""
    after_s: float = 0.0  # how long the answer waits
    calls: tuple[str, str, float] | None = None  # who is called back, about which job, and in how many s it has ended


class Nothing(Struct, frozen=True):
    """Nothing was made and no answer will come. `trick` says how."""

    trick: str


class Counter:
    def __init__(
        self,
        memory: Memory,
        studio: Studio,
        defaults: Defaults,
        *,
        seal: Seal,
        now_ms: Callable[[], int],
        nonce: Callable[[], str],
    ) -> None:
        self._memory = memory
        self._studio = studio
        self._defaults = defaults
        self._seal = seal
        self._now_ms = now_ms
        self._nonce = nonce
        self._tries = Tries()
        self._dead_links: OrderedDict[str, None] = OrderedDict()

    # --- submissions -------------------------------------------------------------------------------------------

    def submit(self, spec: bytes, files: dict[str, str], key: str) -> Taken | Nothing:
        """Make a job, or give the one that this key made already. Refusal if nothing is made."""
        wanted = self._read(spec, files)
        digest = wire.digest(wanted, files)
        known = self._memory.by_key(key) if key else None
        if known is not None:
            return self._repeated(known, digest)
        fate = self._fate(wanted, key or self._nonce())
        if trick := self._nothing_made(f"{wanted.model} {wanted.name} {wanted.prompt}", fate):
            return Nothing(trick)
        job = self._job(wanted, files, fate)
        identity = job_id(job, self._seal)
        try:
            self._memory.add(Entry(id=identity, at_ms=job.start_ms, key=key, digest=digest))
        except OSError as error:
            raise Refusal("overloaded", "the disk is full") from error
        self._foresee(job)
        calls = (wanted.callback_url, identity, (job.done_ms - job.start_ms) / 1_000) if wanted.callback_url else None
        return Taken(self._face(identity, job, Look("queued")), _spoiling(fate), calls=calls)

    def _read(self, spec: bytes, files: dict[str, str]) -> Wanted:
        try:
            wanted = msgspec.json.decode(spec, type=Wanted)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refusal("invalid", str(error)) from error
        wire.check(wanted, files)
        return wanted

    def _repeated(self, known: Entry, digest: str) -> Taken:
        if known.digest != digest:
            raise Refusal("invalid", "this key came with another request before", status=409, code="key_used")
        job = self._known(known.id)
        if "key-used" in job.fate:
            raise KeyUsed(known.id)
        return Taken(self.look(known.id))

    def _fate(self, wanted: Wanted, salt: str) -> Fate:
        def roll(word: str) -> float:
            return int.from_bytes(hashlib.sha256(f"{salt} {word}".encode()).digest()[:6], "big") / 2**48

        try:
            default = by_default(f"{self._defaults.fate} {wanted.fate}", roll)
            return {**default, **in_prompt(wanted.prompt, (wanted.model, wanted.name))}
        except WrongDirective as error:
            raise Misdirected(error) from error

    def _nothing_made(self, asked: str, fate: Fate) -> str:
        """Refusal, or the name of the trick if the connection shall show that nothing was made."""
        # Attempts come with keys of their own, so sendings are counted by what is asked for.
        name = hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest()
        if "throttle" in fate and self._tries.again(f"throttle {name}", int(fate["throttle"]), anew=True):
            raise Refusal("throttled")
        if "refuse" in fate:
            raise Refusal(fate["refuse"])
        for trick in ("lose-request", "hang-before"):
            if trick in fate and self._tries.again(f"{trick} {name}", int(fate[trick]), anew=True):
                return trick
        return ""

    def _job(self, wanted: Wanted, files: dict[str, str], fate: Fate) -> Job:
        queue_s = self._defaults.queue_s if wanted.queue_s is None else wanted.queue_s
        render_s = self._defaults.render_s if wanted.render_s is None else wanted.render_s
        try:
            names = tuple(read_character(each, self._seal).name for each in wanted.characters)
        except UnknownJob as error:
            raise Refusal("invalid", str(error)) from error
        asked = f"{wanted.seed} {wanted.prompt} {wanted.negative_prompt}"
        return Job(
            nonce=self._nonce(),
            model=wanted.model,
            verb=wanted.verb,
            prompt=shortened(wanted.prompt),
            width=wanted.width,
            height=wanted.height,
            seconds=wanted.seconds,
            seed=int.from_bytes(hashlib.sha256(asked.encode("utf-8", "replace")).digest()[:8], "big") & SEED_MASK,
            image=files.get("image"),
            source=files.get("source"),
            source_seconds=wanted.source_seconds,
            names=names,
            stills=wanted.stills,
            silent=not wanted.audio,
            start_ms=self._now_ms(),
            queue_ms=round(1000 * float(fate.get("queue", queue_s))),
            render_ms=round(1000 * float(fate.get("time", render_s))),
            fate=dict(fate),
            last_image=files.get("last_image"),
        )

    # --- jobs --------------------------------------------------------------------------------------------------

    def look(self, identity: str) -> dict[str, object]:
        """A job as it stands."""
        job = self._known(identity)
        if "flaky" in job.fate and self._tries.again(f"flaky {job.nonce}", int(job.fate["flaky"])):
            raise Refusal("overloaded")
        seen = self._look(identity, job)
        if seen.error == "unreadable":
            raise Refusal("unreadable")
        return self._face(identity, job, seen)

    def ended(self, identity: str) -> bool:
        """Whether there is nothing more to come of a job. It counts as no look."""
        try:
            return self._look(identity, self._known(identity)).status not in ("queued", "rendering")
        except Refusal:
            return True

    def cancel(self, identity: str) -> dict[str, object]:
        job = self._known(identity)
        seen = self._look(identity, job)
        if seen.status in ("completed", "failed"):
            raise Refusal("invalid", "the job has ended", status=409, code="ended")
        if seen.status != "cancelled":
            entry = self._memory.entry(identity) or Entry(id=identity, at_ms=job.start_ms)
            self._memory.add(msgspec.structs.replace(entry, cancelled=True))
        return self._face(identity, job, Look("cancelled"))

    def page(self, since_ms: int, until_ms: int, key: str, after: str, limit: int) -> dict[str, object]:
        """Jobs that came in a span of time, oldest first, or the one that a key made."""
        found = [entry for entry in self._memory.between(since_ms, until_ms) if not key or entry.key == key]
        places = [n for n, entry in enumerate(found) if entry.id == after]
        found = found[places[0] + 1 :] if places else found
        shown = found[: max(1, min(limit, PAGE_MAX))]
        return {
            "jobs": [wire.listed(entry.id, entry.key, self._known(entry.id)) for entry in shown],
            "has_more": len(found) > len(shown),
            "complete": since_ms >= self._memory.complete_since_ms,
        }

    def file(self, identity: str, link: str) -> Job:
        """The job whose file may be handed out now. Refusal if it is not ready or the link is dead."""
        job = self._known(identity)
        if self._look(identity, job).status != "completed" or "silent-finish" in job.fate:
            raise Refusal("not_found", "there is no file")
        if self._now_ms() > job.done_ms + FILE_LIFE_MS:
            raise Refusal("not_found", "the file has expired", status=410, code="expired")
        if "stale-link" in job.fate and link != "2":
            self._dead_links[job.nonce] = None
            while len(self._dead_links) > TRIES_KEPT:
                self._dead_links.popitem(last=False)
            raise Refusal("not_found", "the link is dead", status=410, code="link_dead")
        return job

    def cuts(self, job: Job) -> bool:
        return "cut" in job.fate and self._tries.again(f"cut {job.nonce}", int(job.fate["cut"]))

    # --- characters --------------------------------------------------------------------------------------------

    def character(self, spec: bytes, video: str | None) -> Taken | Nothing:
        """Make a character. Refusal if nothing is made."""
        try:
            asked = msgspec.json.decode(spec, type=Portrait)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refusal("invalid", str(error)) from error
        if not 1 <= len(asked.name) <= NAME_CHARS_MAX or video is None:
            raise Refusal("invalid", f"a name of 1 to {NAME_CHARS_MAX} characters and a video are needed")
        try:
            fate = in_name(asked.name, (asked.aim,))
        except WrongDirective as error:
            raise Misdirected(error) from error
        if trick := self._nothing_made(f"{asked.aim} {asked.name}", fate):
            return Nothing(trick)
        known_as = without_directives(asked.name) or NAMELESS
        made = Character(known_as, video, self._nonce())
        face: dict[str, object] = {"id": character_id(made, self._seal), "name": asked.name}
        after_s = float(fate.get("time", 0)) + float(fate.get("queue", 0))
        return Taken(face, _spoiling(fate), after_s)

    # --- how things stand --------------------------------------------------------------------------------------

    def _look(self, identity: str, job: Job) -> Look:
        seen = look(job, self._now_ms(), self._memory.cancelled(identity))
        if seen is None:
            raise Refusal("not_found", "there is no such job")
        if seen.status != "completed" or not needs_file(job.fate):
            if seen.status == "rendering":
                self._foresee(job)
            return seen
        try:
            return seen if self._studio.ready(order_of(job)) else Look("rendering", 99)
        except CannotRender:
            # Nothing breaks a render but a file that came with the request.
            return Look("failed", error="invalid" if job.image or job.last_image or job.source else "internal")

    def _known(self, identity: str) -> Job:
        try:
            return read_job(identity, self._seal)
        except UnknownJob as error:
            raise Refusal("not_found", "there is no such job") from error

    def _foresee(self, job: Job) -> None:
        if needs_file(job.fate):
            self._studio.foresee(order_of(job))

    def _face(self, identity: str, job: Job, seen: Look) -> dict[str, object]:
        link = ""
        if "stale-link" in job.fate:
            link = "?link=2" if job.nonce in self._dead_links else "?link=1"
        return wire.face(identity, job, seen, link)


class KeyUsed(Exception):
    """The key has made a job before, and this vendor says no more than which."""

    def __init__(self, job: str) -> None:
        super().__init__("this key was used")
        self.job = job


def _spoiling(fate: Fate) -> str:
    """How the answer about what was made goes wrong."""
    return next((trick for trick in ("lose-reply", "hang", "error-after", "garble") if trick in fate), "")
