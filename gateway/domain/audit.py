"""The audit log: what an operator changed, by which hand, and how the thing was before and after.

Pure. Entries are written by the very commit that makes the change, and never changed after. No secret stands in them.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import Struct

from providers.contract import Json

CLI: Final = "cli"
"""The actor of a command that was typed on the gateway's machine; else it is the id of a key."""
SERVE: Final = "serve"
"""The actor of what the gateway's first start makes."""
SIDE_BYTES_MAX: Final = 16 * 1024
ENTRY_ID: Final = re.compile(r"[0-9]{1,15}-[0-9]{1,15}", re.ASCII)


class Deed(Struct, frozen=True, kw_only=True):
    """One change, before it is made. `action` is `noun.verb`, `object` what it is done to: `key/key_…`,
    `provider/acme`. None: it was not there before, or is not there after."""

    id: str  # made anew for each change, so that one that is sent twice is written once
    actor: str
    action: str
    object: str
    before: Json = None
    after: Json = None


class AuditEntry(Struct, frozen=True, kw_only=True):
    """A deed as it stands in the log. Ids rise with time."""

    id: str
    at_ms: int
    actor: str
    action: str
    object: str
    before: Json = None
    after: Json = None


def side(value: Json) -> bytes:
    """One side of a change as it is kept: JSON, and too much of it is left out."""
    data = msgspec.json.encode(value)
    if len(data) <= SIDE_BYTES_MAX:
        return data
    return msgspec.json.encode({"left_out": f"{len(data)} bytes are more than an entry keeps"})
