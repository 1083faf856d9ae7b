"""The Lua scripts: which files each is joined from, and under which flags the server runs it.

`admit` and `commit` are two entries to one body. A commit must go through when memory is short, since it lets go of
money and leases; an admit must not.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from msgspec import Struct

_FOLDER = Path(__file__).parent / "scripts"


class Script(Struct, frozen=True):
    name: str
    text: str
    sha: str
    writes: bool


def _join(name: str, *parts: str, flags: str = "") -> Script:
    shebang = f"#!lua flags={flags}\n" if flags else "#!lua\n"
    text = shebang + "".join((_FOLDER / f"{part}.lua").read_text(encoding="ascii") for part in parts)
    return Script(
        name, text, hashlib.sha1(text.encode("ascii"), usedforsecurity=False).hexdigest(), flags != "no-writes"
    )


_BODY: Final = ("fields", "events", "caps", "money", "change")
ADMIT: Final = _join("admit", "common", *_BODY, "limits", "audit", "messages", "admit")
_COMMIT: Final = ("common", "permit", *_BODY, "waiting", "audit", "messages", "commit")
COMMIT: Final = _join("commit", *_COMMIT, flags="allow-oom")
ROOM: Final = _join("room", "common", "permit", "room", flags="no-writes")
CALL: Final = _join("call", "common", "permit", "wake", "call", flags="allow-oom")
PACE: Final = _join("pace", "common", "permit", "pace", flags="allow-oom")
RESUME: Final = _join("resume", "resume", flags="allow-oom")
LIMIT_PROVIDERS: Final = _join("limit_providers", "provider_limits", "limit_providers", flags="allow-oom")
PUBLISH_CONFIG: Final = _join(
    "publish_config", "common", "audit", "provider_limits", "publish_config", flags="allow-oom"
)
CLAIM: Final = _join("claim", "common", "claim", flags="allow-oom")
REST: Final = _join("rest", "common", "rest", flags="allow-oom")
RENEW: Final = _join("renew", "common", "renew", flags="allow-oom")
MAKE_DUE: Final = _join("make_due", "common", "wake", "make_due", flags="allow-oom")
REMOVE: Final = _join("remove", "common", "remove", flags="allow-oom")
TRIM: Final = _join("trim", "common", "trim", flags="allow-oom")
FACE: Final = _join("face", "face", flags="no-writes")
PAGE: Final = _join("page", "page", flags="no-writes")
CHANGED: Final = _join("changed", "changed", flags="no-writes")
SET_CAP: Final = _join("set_cap", "common", "cap_fields", "events", "caps", "audit", "set_cap", flags="allow-oom")
SHUT: Final = _join("shut", "shut", flags="allow-oom")
ROLL_UP: Final = _join("roll_up", "common", "roll_up")
BEGIN_CHARACTER: Final = _join("begin_character", "common", "begin_character")
END_CHARACTER: Final = _join("end_character", "end_character", flags="allow-oom")
NOTE_REWIND: Final = _join("note_rewind", "common", "note_rewind", flags="allow-oom")
ACCEPT_REWIND: Final = _join("accept_rewind", "common", "accept_rewind", flags="allow-oom")
EDIT: Final = _join("edit", "common", "events", "audit", "edit", flags="allow-oom")
SWAP: Final = _join("swap", "common", "events", "swap", flags="allow-oom")
CLAIM_DELIVERIES: Final = _join("claim_deliveries", "common", "lane", "claim_deliveries", flags="allow-oom")
PLACE_DELIVERY: Final = _join("place_delivery", "common", "lane", "place_delivery", flags="allow-oom")
ADD_DELIVERIES: Final = _join("add_deliveries", "common", "audit", "messages", "add_deliveries", flags="allow-oom")
ANNOUNCE: Final = _join("announce", "common", "events", "announce", flags="allow-oom")

MARK: Final = _join("mark", "mark", flags="allow-oom")

SCRIPTS: Final = (
    ADMIT,
    COMMIT,
    ROOM,
    CALL,
    PACE,
    RESUME,
    LIMIT_PROVIDERS,
    PUBLISH_CONFIG,
    CLAIM,
    RENEW,
    REST,
    MAKE_DUE,
    REMOVE,
    TRIM,
    FACE,
    PAGE,
    CHANGED,
    SET_CAP,
    SHUT,
    ROLL_UP,
    BEGIN_CHARACTER,
    END_CHARACTER,
    NOTE_REWIND,
    ACCEPT_REWIND,
    EDIT,
    SWAP,
    ANNOUNCE,
    CLAIM_DELIVERIES,
    PLACE_DELIVERY,
    ADD_DELIVERIES,
    MARK,
)
