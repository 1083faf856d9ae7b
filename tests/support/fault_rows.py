"""A vendor's table of faults: each with the policy, and what must come of it there and at the vendor behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from gateway.domain.videos import Video
from tests.support.house import House
from tests.support.vendor_faults import Fault


class Vendor(Protocol):
    """A simulated one, as far as the table needs it."""

    @property
    def counts(self) -> dict[str, int]: ...

    def program(self, *faults: Fault) -> None: ...


class Row(Struct, frozen=True, kw_only=True):
    faults: Sequence[Fault] = ()
    options: dict[str, Any] = {}  # of the simulated vendor
    doubt: str = "hold"
    deadline: int = 60  # seconds
    status: str = "completed"
    code: str | None = None
    renders: tuple[int, int] = (1, 0)
    money: Sequence[tuple[str, str, int]]  # as `House.money` tells it
    closes: bool = True  # False: a doubt that is followed for longer than a test


async def shown(one: House, row: Row, asked: dict[str, Any], vendor: Vendor, behind: Vendor) -> Video:
    """Make a video, and hold what becomes of it against the row."""
    vendor.program(*row.faults)
    video = await one.create(**asked)
    face = await one.until(video)
    assert (face["status"], (face["error"] or {}).get("code")) == (row.status, row.code)
    if row.closes:
        await one.until_closed(video)
    assert await one.money(video) == list(row.money)
    assert (vendor.counts["renders"], behind.counts["renders"]) == row.renders
    record = await one.record(video)
    if row.status == "completed":
        clip = record.assets[0]
        assert await one.tools.assets.size(clip.name) == clip.size_bytes > 0
    return record
