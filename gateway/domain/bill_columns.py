"""Which columns of a vendor's bill say what: as the operator names them, else by what vendors call them.

A guess is made only where it is plain: one column of the best rank. Otherwise the refusal names the columns found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from gateway.domain.amounts import UNITS

SHOWN_MAX: Final = 20  # columns that a refusal names
NAME_CHARS_MAX: Final = 60  # of each

# What a column may be called, best rank first: lower case, letters and digits only, words joined by `_`.
JOBS: Final = (
    ("job_id", "task_id", "generation_id", "prediction_id", "operation_id", "render_id", "video_id"),
    ("job", "task", "generation", "prediction", "operation", "render", "request_id", "external_id"),
    ("id",),
)
AMOUNTS: Final = (
    ("amount", "cost", "charge", "charged", "billed", "amount_billed", "amount_charged", "billed_amount"),
    ("total", "net_amount", "total_amount", "total_cost", "price"),
    ("usd", "dollars", "cents"),
)
CURRENCIES: Final = (("currency", "currency_code"), ("unit",))
DATES: Final = tuple(
    (name,)
    for name in (
        "completed_at", "finished_at", "ended_at", "charged_at", "billed_at", "date", "timestamp", "time", "usage_date",
        "created_at", "created", "started_at", "submitted_at", "start_time",
    )
)  # fmt: skip
# `amount_usd`, `Cost (USD)`, `charge in cents`
_UNIT: Final = re.compile(r"(?:_in)?_(usd|us_dollars|dollars|cents|us_cents|usd_cents)$")


class BadBill(ValueError):
    """A sentence for whoever brought the bill."""


class Wanted(Struct, frozen=True, kw_only=True):
    """The columns by name, where the operator gave one. `dates`: whether dates are needed at all."""

    job: str | None = None
    amount: str | None = None
    currency: str | None = None
    date: str | None = None
    dates: bool = True


class Columns(Struct, frozen=True):
    """Places in a row. `places` as in UNITS: what the amount's own name says that it counts."""

    count: int
    job: int
    amount: int
    currency: int | None
    date: int | None
    places: int


def find_columns(header: Sequence[str], wanted: Wanted) -> Columns:
    """BadBill names the columns found where one that is needed is missing or not plain."""
    names = [name.strip() for name in header]
    plain = [_plain(name) for name in names]
    amount = _place(names, [_UNIT.sub("", name) for name in plain], AMOUNTS, wanted.amount, "amount")
    job = _place(names, plain, JOBS, wanted.job, "job")
    if job is None or amount is None:
        what, option = ("the vendor's job id", "job") if job is None else ("the amount", "amount")
        raise BadBill(f"which column holds {what} is unclear; name it with --{option}-column: {_listed(names)}")
    unit = _UNIT.search(plain[amount])
    return Columns(
        count=len(names),
        job=job,
        amount=amount,
        currency=_place(names, plain, CURRENCIES, wanted.currency, "currency"),
        date=_place(names, plain, DATES, wanted.date, "date") if wanted.dates else None,
        places=places_of(unit[1] if unit else plain[amount]) or 0,
    )


def places_of(unit: str) -> int | None:
    """How far the point moves to make dollars of this unit; None if it is not one of money that we keep."""
    return 0 if unit.strip() in ("$", "US$") else UNITS.get(_plain(unit).replace("_", ""))


def _place(
    names: list[str], plain: list[str], ranks: Sequence[Sequence[str]], told: str | None, option: str
) -> int | None:
    """By the operator's word, else the only one of the best rank; None: there is none, or more than one."""
    if told is not None:
        for known in (names, plain):
            found = [at for at, name in enumerate(known) if name == (told if known is names else _plain(told))]
            if len(found) == 1:
                return found[0]
        raise BadBill(f'--{option}-column: not one column is called "{told[:NAME_CHARS_MAX]}": {_listed(names)}')
    for rank in ranks:
        if found := [at for at, name in enumerate(plain) if name in rank]:
            return found[0] if len(found) == 1 else None
    return None


def _plain(name: str) -> str:
    """`Job ID`, `jobId` and `job-id` are all `job_id`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:NAME_CHARS_MAX]) for name in names[:SHOWN_MAX])
    more = f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else ""
    return f"the bill has {shown}{more}"
