"""Every key in Redis, built here and nowhere else.

All carry the gateway's name as their hash tag, so one gateway lives in one slot of a Cluster, several gateways can
share a server, and any two keys may meet in one script.
"""

from __future__ import annotations

from typing import Final


class Names:
    def __init__(self, name: str = "telecine") -> None:
        assert name, "a gateway has a name"
        assert not set("{}") & set(name), "braces would move the hash tag"
        tag = f"{{{name}}}:"
        self.tag: Final = tag
        self.due: Final = tag + "due"  # zset video -> when to look at it, ms
        self.leases: Final = tag + "leases"  # hash video -> "token|until_ms|mark"
        self.claims: Final = tag + "claims"  # hash video -> claims without a commit
        self.ledger: Final = tag + "ledger"  # stream of entries
        self.usage_cursor: Final = tag + "usage_cursor"  # id in `ledger` of the last entry that was rolled up
        self.usage_cells: Final = tag + "usage_cells"  # zset "<day> <project>" of every cell, all with score 0
        self.carried: Final = tag + "carried"  # hash counter -> id in `ledger` of its carry
        self.trimmed: Final = tag + "trimmed"  # hash about entries that left the ledger: entries, until_ms, until_id
        self.reading: Final = tag + "reading"  # while it is there, somebody reads the whole ledger
        self.counters: Final = tag + "counters"  # hash "<counter>:held|settled" -> micro-dollars
        self.disputes: Final = tag + "disputes"  # hash of open disputes -> micro-dollars
        self.holds: Final = tag + "holds"  # hash of open holds -> micro-dollars
        self.refs: Final = tag + "refs"  # hash "<account>|<digest of the ref>" -> attempt
        self.retained: Final = tag + "retained"  # zset video of which nothing is open -> since when, ms
        self.tombstones: Final = tag + "tombstones"  # zset deleted video -> until when it may be asked for, ms
        self.amended: Final = tag + "amended"  # hash attempt of a removed video -> number of its entries, if not two
        self.seq: Final = tag + "seq"  # raised by every commit
        self.time: Final = tag + "time"  # the last time that the ledger used, ms
        self.caps: Final = tag + "caps"  # hash budget -> "micro-dollars|percent,percent"
        self.crossed: Final = tag + "crossed"  # hash counter -> "cap|percent": what was told of it
        self.events: Final = tag + "events"  # stream of what others may want to know
        self.audit: Final = tag + "audit"  # stream of operators' changes, newest kept
        self.rates: Final = tag + "rates"  # hash key or project -> when all its requests are there again, us
        self.health: Final = tag + "health"  # hash "route/…" or "provider/…" -> its chart
        self.begun: Final = tag + "begun"  # hash "key" -> id of the key that the first start made
        self.drained: Final = tag + "drained"  # hash, named as in `health` -> since when it gets no new work, ms
        self.rewound: Final = tag + "rewound"  # hash about commits that were forgotten: see rewinds.FIELDS
        self.hook_secret: Final = tag + "hook_secret"  # hex; signs the addresses of callbacks
        self.keys: Final = tag + "keys"  # hash key id -> digest of the secret
        self.projects: Final = tag + "projects"  # hash name -> project id
        self.providers: Final = tag + "providers"  # hash "<provider>:<what>" -> limits and standing, see permit.lua
        self.submitted: Final = tag + "submitted"  # hash attempt in flight -> provider
        self.awaited: Final = tag + "awaited"  # set of the providers that videos wait for
        self.standings: Final = tag + "standings"  # hash provider -> its account's balance as last read
        self.config: Final = tag + "config"  # hash: version, digest of the configuration that counts
        self.config_facts: Final = tag + "config_facts"  # hash version -> "at_ms facts", see domain.config_versions
        self.config_texts: Final = tag + "config_texts"  # hash version -> its text
        self.events_read: Final = tag + "events_read"  # id in `events` of the last one that webhooks know
        self.targets: Final = tag + "targets"  # hash target of webhooks -> record
        self.targets_changed: Final = tag + "targets_changed"  # hash: "last" -> the deed that changed one last
        self.deliveries: Final = tag + "deliveries"  # hash delivery on its way, or dead letter -> record
        self.lanes: Final = tag + "lanes"  # zset lane -> when its earliest delivery is due, ms
        self.dead_letters: Final = tag + "dead_letters"  # zset delivery -> when it was given up, ms
        self._video: Final = tag + "video:"
        self._key: Final = tag + "key:"
        self._project: Final = tag + "project:"

    @property
    def mark(self) -> str:
        """Text, written to be waited for."""
        return self.tag + "mark"

    def video(self, video_id: str) -> str:
        """Hash: rec, pub, v(ersion), c(ommit id), p(roject), k(ey id), and `e:<entry>` for each of its postings."""
        return self._video + video_id

    def key(self, key_hash: str) -> str:
        """Hash: id, project, name, role, created_ms, expires_ms, status, and the limits that are set: rpm, in_flight,
        seconds_per_day."""
        return self._key + key_hash

    def project(self, project_id: str) -> str:
        """Hash: id, name, created_ms, status, and limits as a key has them."""
        return self._project + project_id

    def list(self, project_id: str) -> str:
        """Sorted set of a project's listed videos, all with score 0: their ids sort by time."""
        return f"{self.tag}list:{project_id}"

    def usage(self, day: str, project_id: str) -> str:
        """A cell: hash row -> sums, of what a project spent on that day (UTC). See `usage_rows`."""
        return f"{self.tag}usage:{day} {project_id}"

    def in_flight(self, scope: str) -> str:
        """Set of the videos of a key or a project that have not ended."""
        return f"{self.tag}in_flight:{scope}"

    def seconds(self, day: str) -> str:
        """Hash key or project -> seconds of video asked for on that day (UTC)."""
        return f"{self.tag}seconds:{day}"

    def sent(self, provider: str) -> str:
        """List: when the submissions of the last minute left, ms, newest first. Only under a limit."""
        return f"{self.tag}sent:{provider}"

    def polls(self, provider: str) -> str:
        """When a poll would be on time, us. Only under a limit."""
        return f"{self.tag}polls:{provider}"

    def standing_turn(self, provider: str) -> str:
        """While it is there, somebody asks the provider for its account."""
        return f"{self.tag}standing_turn:{provider}"

    def waiting(self, provider: str) -> str:
        """Sorted set of the videos that wait for the provider, by their places: see waiting.lua."""
        return f"{self.tag}waiting:{provider}"

    def queue(self, lane: str) -> str:
        """Sorted set of the deliveries of a lane, by when they are due, ms."""
        return f"{self.tag}queue:{lane}"

    def told(self, what: str) -> str:
        """While it is there, this was told in `events`. `what`: a digest."""
        return f"{self.tag}told:{what}"

    def called(self, provider: str) -> str:
        """Sorted set of the videos whose turn it is, by the time until which they may take it, ms."""
        return f"{self.tag}called:{provider}"

    def turns(self, provider: str) -> str:
        """Hash: how far the line has come, `v<priority>`, and the latest tag of a project, `<priority> <project>`."""
        return f"{self.tag}turns:{provider}"

    def idem(self, key_id: str, digest: str) -> str:
        """What an `Idempotency-Key` of this key stands for: "until_ms fingerprint WHAT"; WHAT is a video's id, or
        for a character its id, "unknown", or "pending/" and the name of the making."""
        return f"{self.tag}idem:{key_id}:{digest}"

    def repeat(self, key_id: str, fingerprint: str) -> str:
        """The latest create with these fields: "until_ms seen|unseen video" (unseen: its original has not come
        yet), or what `idem` says of a character."""
        return f"{self.tag}repeat:{key_id}:{fingerprint}"

    def clip(self, project_id: str, like: str) -> str:
        """The video of the project that was finished last with this likeness (domain.reuse), while it may be used
        again."""
        return f"{self.tag}clip:{project_id}:{like}"

    @property
    def clip_folders(self) -> str:
        """Sorted set of the folders of clips, by when a worker last had them, ms."""
        return f"{self.tag}clip_folders"

    def character(self, character_id: str) -> str:
        """Hash: id, project, name, created_ms, account, ref."""
        return f"{self.tag}character:{character_id}"
