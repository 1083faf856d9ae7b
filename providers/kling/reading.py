"""What Kling answers: refusals by their `code`, tasks in the words of both standards, bills."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from msgspec import Struct

from providers import contract as c
from providers.contract import Json, Reply, Unreadable, Why
from providers.toolbox import Node, clean, retry_after_s, why_of_status

# A refusal's `code`. The status alone would mislead: an empty account is a 429 as well.
CODES: Final[Mapping[int, Why]] = {
    **dict.fromkeys((1000, 1001, 1002, 1003, 1004, 1100, 1103, 1304), Why.UNAUTHORISED),
    **dict.fromkeys((1101, 1102), Why.NO_CREDIT),
    **dict.fromkeys((1200, 1201, 1202), Why.INVALID),
    1203: Why.NOT_FOUND,  # the model at a create, the task at a look
    **dict.fromkeys((1300, 1301), Why.BLOCKED),
    **dict.fromkeys((1302, 1303), Why.THROTTLED),
    5000: Why.INTERNAL,
    **dict.fromkeys((5001, 5002), Why.OVERLOADED),
}
USED_ID: Final = 1201  # a bad parameter, and an own id that was used before
# A failed task has words only, in the account's language.
MODERATED: Final = re.compile("risk|safety|sensitive|content|风险|安全|敏感|违规|审核", re.IGNORECASE)
STATES: Final[Mapping[str, str]] = {
    "submitted": "running",
    "processing": "running",
    "succeeded": "ended",
    "succeed": "ended",
    "failed": "failed",
}


class Task(Struct, frozen=True):
    """A task of either standard."""

    ident: str
    state: Node
    said: Node
    our_id: Json
    link: Node
    charged: c.Charge | None


def refusal_of(reply: Reply, document: Node) -> c.Refused | None:
    """None where the vendor says that all is well, in its own words and by the status."""
    code = document["code"].whole()
    if code == 0 and reply.status == 200:
        return None
    why = CODES.get(code, why_of_status(reply.status)) if code != 0 else Why.UNREADABLE
    said = document["message"].raw
    message = clean(said) if isinstance(said, str) else ""
    return c.Refused(why=why, message=message, retry_after_s=retry_after_s(reply))


def ident_of(data: Node) -> str:
    return (data["id"] if data["task_id"].missing else data["task_id"]).ident()


def tasks_of(data: Node) -> list[Task]:
    """A list; one integrator saw a single task by itself."""
    return [task_of(data)] if isinstance(data.raw, dict) else [task_of(one) for one in data]


def task_of(one: Node) -> Task:
    ident = ident_of(one)
    if not one["task_id"].missing:
        our_id, link = one["task_info"]["external_task_id"].raw, one["task_result"]["videos"][0]["url"]
        charged = _deducted(one["final_unit_deduction"].raw)
        return Task(ident, one["task_status"], one["task_status_msg"], our_id, link, charged)
    outputs = one["outputs"]
    clips = [file for file in outputs if file["type"].raw == "video"] if isinstance(outputs.raw, list) else []
    link = clips[0]["url"] if clips else Node(None)
    return Task(ident, one["status"], one["message"], one["external_id"].raw, link, _billed(one["billing"].raw))


def verdict_of(task: Task) -> c.PollVerdict:
    said = task.said.raw if isinstance(task.said.raw, str) else ""
    match STATES.get(task.state.text().lower()):
        case "running":
            return c.Running()
        case "ended" if task.link.raw:
            return c.Finished(assets=(c.Remote(link=task.link.link()),), charged=task.charged)
        case "ended":
            return c.Broken(why=Why.INTERNAL, message="succeeded without a clip", charged=task.charged)
        case "failed":
            why = Why.BLOCKED if MODERATED.search(said) else Why.INTERNAL
            return c.Broken(why=why, message=clean(said), charged=task.charged)
        case _:
            raise Unreadable("a state outside the contract")


def _billed(entries: Json) -> c.Charge | None:
    """A bill of one kind: units of packs, or dollars. Yuan have no rate here, and a mixed bill is not one number."""
    if not isinstance(entries, list):
        return None
    rows = list(map(Node, entries))
    if rows and all(row["charge_type"].raw == "unit" for row in rows):
        return charge_of([amount_of(row["amount"].raw) for row in rows])
    if rows and all((row["charge_type"].raw, row["currency"].raw) == ("cash", "USD") for row in rows):
        return charge_of([amount_of(row["amount"].raw) for row in rows], c.Unit.USD)
    return None


def _deducted(units: Json) -> c.Charge | None:
    """What the old standard took of a pack. None of it may mean that the balance paid, of which a task says nothing."""
    amount = amount_of(units)
    return charge_of([amount]) if amount else None


def charge_of(amounts: list[Decimal | None], unit: c.Unit = c.Unit.CREDITS) -> c.Charge | None:
    """None where there is nothing, or one that is no amount: a clip is not thrown away for an odd bill."""
    known = [one for one in amounts if one is not None]
    return c.Charge(str(sum(known, Decimal(0))), unit) if known and len(known) == len(amounts) else None


def amount_of(told: Json) -> Decimal | None:
    text = told if isinstance(told, str) else str(told) if type(told) in (int, float) else ""
    return Decimal(text) if re.fullmatch(r"\d{1,12}(\.\d{1,12})?", text, re.ASCII) else None
