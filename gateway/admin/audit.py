"""/admin/audit: who changed what, and how it was before and after."""

from __future__ import annotations

from typing import Any, Final

from litestar import get
from msgspec import Struct

from gateway.admin.desk import REFUSALS, AtDesk
from gateway.admin.pages import LIMIT, After, Limit, Order, Page, page
from gateway.domain.audit import ENTRY_ID, AuditEntry
from gateway.domain.errors import BadInput
from gateway.domain.moments import moment_text


class Entry(Struct, frozen=True, kw_only=True):
    """`actor`: a key's id, `cli` for a command, `serve` for the gateway's first start. `object`: such as `key/key_…`.
    `before` and `after` are what is said of it elsewhere, null where it was not or is no more."""

    id: str
    at: str
    actor: str
    action: str
    object: str
    before: Any
    after: Any


@get("/audit", name="admin_audit", responses=REFUSALS, tags=["audit"])
async def list_audit(desk: AtDesk, limit: Limit = LIMIT, after: After = None, order: Order = "desc") -> Page[Entry]:
    """The audit log, newest first. It keeps the last 100,000 changes or somewhat more."""
    if after is not None and not ENTRY_ID.fullmatch(after):
        raise BadInput("Invalid value: 'after' must be the id of an entry.", param="after")
    found, more = await desk.tools.store.audit_page(after=after, limit=limit, descending=order == "desc")
    return page([shown(one) for one in found], lambda one: one.id, has_more=more)


def shown(entry: AuditEntry) -> Entry:
    return Entry(
        id=entry.id,
        at=moment_text(entry.at_ms),
        actor=entry.actor,
        action=entry.action,
        object=entry.object,
        before=entry.before,
        after=entry.after,
    )


HANDLERS: Final = (list_audit,)
