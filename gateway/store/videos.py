"""Videos: let them in, change them.

`_commit` is the one function that commits; the kill points stand there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway import killpoints
from gateway.domain.change import Admission, AtProviders, Change, Posting, Repeat
from gateway.domain.ledger import utc_day
from gateway.domain.limits import Limited, Rate
from gateway.domain.videos import Video, encode_public, encode_video
from gateway.store.edits import deed_words
from gateway.store.errors import StoreAway
from gateway.store.lane import Word
from gateway.store.loader import ADMIT, COMMIT, Script
from gateway.store.outcomes import (
    AdmitOutcome,
    Admitted,
    Busy,
    Capped,
    CommitOutcome,
    Committed,
    KeyGone,
    RefTaken,
    Repeated,
    Reused,
    Stale,
    WindowPassed,
    crossed_of,
)
from gateway.store.replicas import Replicas
from gateway.store.webhooks import keys_of, words_of

SECONDS_KEPT_MS: Final = 3 * 86_400_000  # of a day's seconds: until nobody asks for that day any more


class Videos(Replicas):
    async def admit(self, admission: Admission) -> AdmitOutcome:
        """Let a new video in, whole or not at all. Made again with the same video id it answers the same."""
        if self.unfit:
            raise StoreAway("admit", self.unfit[0])
        change, repeat = admission.change, admission.repeat
        video = change.video
        names = self._names
        memory, words = self._memory(video, repeat)
        seconds = names.seconds(utc_day(change.window_until_ms - 1))
        keys = [*self._keys(video), names.key(admission.key_hash), names.project(video.project), memory]
        keys += [names.rates, seconds, *self._keys_told(change)]
        commit_id = f"admit:{video.id}"
        head = [*self._head(change, commit_id, None), video.key_id, video.project, *words]
        head += [video.request.seconds, SECONDS_KEPT_MS]
        floor = self._sequence.seen
        reply, _ = await self._commit("admit", ADMIT, keys, [*head, *_written(change)])
        match reply:
            case [b"ADMITTED", now_ms, seq, crossed, *rate]:
                self._sequence.meet(seq, floor)
                return Admitted(now_ms, seq, crossed_of(crossed), Rate(*rate) if rate else None)
            case [b"LIMITED", what, scope, limit, used, wait_ms, reset_ms]:
                return Limited(what.decode(), scope.decode(), limit, used, wait_ms, reset_ms)
            case [b"CAPPED", counter, cap, held, settled]:
                return Capped(counter.decode(), cap, held, settled)
            case [b"REPEATED", video_id]:
                return Repeated(video_id.decode())
            case [b"REUSED"]:
                return Reused()
            case [b"KEYGONE"]:
                return KeyGone()
            case [b"WINDOWPASSED", now_ms]:
                return WindowPassed(now_ms)
            case other:
                raise AssertionError(f"admit.lua answered {other!r}")

    async def recall(self, key_id: str, repeat: Repeat) -> Repeated | Reused | None:
        """What an admission would answer to this repeat; None to a new create. Changes nothing, and knows of a moment
        ago: only `admit` decides."""
        memory = await self._link.command("GET", self._memory_of(key_id, repeat))
        if memory is None:
            return None
        _, known, video_id = memory.decode().split()
        if repeat.key_name is not None:
            return Repeated(video_id) if known == repeat.fingerprint else Reused()
        return Repeated(video_id) if repeat.resend or known == "unseen" else None

    async def attempt_of_ref(self, account: str, digest: str) -> str | None:
        """The attempt that a vendor's job belongs to; None: nobody's."""
        found = await self._link.command("HGET", self._names.refs, f"{account}|{digest}")
        return None if found is None else str(found.decode("ascii"))

    async def commit(self, change: Change, *, commit_id: str, token: str | None) -> CommitOutcome:
        """Apply a Change, whole or not at all. Made again with the same `commit_id` it answers the same."""
        assert commit_id, "a commit has a name"
        keys = [*self._keys(change.video), *self._keys_at(change.at), *self._keys_told(change)]
        floor = self._sequence.seen
        words = [*self._head(change, commit_id, token), *_at(change), *_written(change)]
        sends = bool(change.at.ask or change.at.again)
        reply, confirmed = await self._commit(change.label, COMMIT, keys, words, wait=sends)
        match reply:
            case [b"COMMITTED", now_ms, seq, crossed]:
                self._sequence.meet(seq, floor)
                return Committed(now_ms, seq, crossed_of(crossed), confirmed)
            case [b"CAPPED", counter, cap, held, settled]:
                return Capped(counter.decode(), cap, held, settled)
            case [b"STALE", seq]:
                # A record that does not fit may be one whose latest commits were forgotten.
                self._sequence.meet(seq, floor)
                return Stale()
            case [b"REFTAKEN", attempt]:
                return RefTaken(attempt.decode())
            case [b"WINDOWPASSED", now_ms]:
                return WindowPassed(now_ms)
            case [b"BUSY", why, until_ms]:
                return Busy(why.decode(), until_ms)
            case other:
                raise AssertionError(f"commit.lua answered {other!r}")

    async def _commit(
        self, label: str, script: Script, keys: Sequence[str], words: Sequence[Word], *, wait: bool = False
    ) -> tuple[Any, bool]:
        """The reply, and whether it is where it has to be. `wait`: for replicas, where they are waited for."""
        killpoints.reach(f"before.commit.{label}")
        if wait and self.wait_replicas:
            reply = await self._run_confirmed(script, keys, words)
        else:
            reply = await self._link.run(script, keys, words), True
        killpoints.reach(f"after.commit.{label}")
        return reply

    def _keys(self, video: Video) -> list[str]:
        """KEYS 1 to 19 of fields.lua."""
        names = self._names
        return [
            names.video(video.id),
            names.due,
            names.leases,
            names.claims,
            names.list(video.project),
            names.ledger,
            names.counters,
            names.holds,
            names.refs,
            names.seq,
            names.time,
            names.caps,
            names.crossed,
            names.events,
            names.in_flight(f"key/{video.key_id}"),
            names.in_flight(f"project/{video.project}"),
            names.disputes,
            names.retained,
            names.tombstones,
        ]

    def _keys_at(self, at: AtProviders) -> list[str]:
        """KEYS from 20 on of waiting.lua."""
        names = self._names
        keys = [names.providers, names.submitted, names.awaited]
        for one in _lines_of(at):
            keys += (names.sent(one), names.waiting(one), names.called(one), names.turns(one))
        return keys

    def _keys_told(self, change: Change) -> list[str]:
        """KEYS at the end: those of messages.lua."""
        return [*keys_of(self._names, change.messages), *([self._names.audit] if change.deed is not None else [])]

    def _head(self, change: Change, commit_id: str, token: str | None) -> list[Word]:
        """ARGV 1 to 14 of fields.lua. A deleted video has no face and stands in no list."""
        video, binding = change.video, change.binding
        return [
            self._now_ms(),
            commit_id,
            video.id,
            video.version,
            encode_video(video),
            b"" if video.deleted else encode_public(video),
            _due(change),
            change.keep_lease_ms,
            token or "",
            "1" if change.unlist or video.deleted else "",
            change.window_until_ms,
            f"{binding.account}|{binding.ref}" if binding else "",
            binding.attempt if binding else "",
            "1" if change.over else "",
        ]

    def _memory(self, video: Video, repeat: Repeat | None) -> tuple[str, list[Word]]:
        """KEYS 22 and ARGV 17 to 21 of admit.lua."""
        if repeat is None:
            return self._names.repeat(video.key_id, ""), ["", "", "", 0, 0]
        again = "1" if repeat.resend else ""
        key = self._memory_of(video.key_id, repeat)
        if repeat.key_name is None:
            return key, ["resend", repeat.fingerprint, again, repeat.resend_ttl_s * 1000, 0]
        return key, ["idem", repeat.fingerprint, again, repeat.key_ttl_s * 1000, video.deadline_ms]


def _lines_of(at: AtProviders) -> list[str]:
    """The provider that is asked first, each once."""
    return list(dict.fromkeys(one for one in (at.ask or at.again, *at.lines) if one))


def _at(change: Change) -> list[Word]:
    """ARGV 15 to 22 of waiting.lua."""
    at = change.at
    return [
        "ask" if at.ask else "again" if at.again else "",
        "\n".join(_lines_of(at)),
        "1" if at.waits else "",
        change.video.priority,
        change.video.project,
        "\n".join(f"{attempt} {provider}" for attempt, provider in at.begin),
        "\n".join(at.done),
        f"{at.paused[0]} {at.paused[1]}" if at.paused else "",
    ]


def _due(change: Change) -> Word:
    """ARGV 7 of fields.lua."""
    if change.aside:
        return "aside"
    return f"rest:{change.video.repeats_until_ms}" if change.due_ms is None else change.due_ms


def _written(change: Change) -> list[Word]:
    deed = (*deed_words(change.deed), "deed") if change.deed is not None else ()
    return [*_postings(change.postings), *words_of(change.messages), *deed]


def _postings(postings: Sequence[Posting]) -> list[Word]:
    """How many, and the fields of each in the order of money.lua's FIELDS."""
    words: list[Word] = [len(postings)]
    for one in postings:
        words += (one.id, one.kind.value, one.answers or "", one.amount_micros, one.released_micros)
        words += ("\n".join(one.counters), one.spared, one.video, one.attempt, one.key_id, one.project, one.provider)
        words += (one.route, one.model, one.tags, "1" if one.delivered else "", one.dearest_micros or "")
        words += ("1" if one.presumed else "", one.ref, one.reason)
    return words
