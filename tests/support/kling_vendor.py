"""A simulated Kling on loopback: both standards over one store of tasks, own ids, callbacks, bills, links, faults.

async with kling(clips=str(tmp_path), run_s=0.1) as v: ... v.base_url, v.tasks, v.counts, v.program(Fault(...))

Faults are those of `vendor_faults`, by the verbs create, retrieve, account and content; a fault's `code` is the code of
the refusal, a fate's `message` what the failed task says.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from tests.support.kling_contract import OFFERS, Order, Refusal, check_jwt, new_order, pixels, read_body
from tests.support.kling_old_contract import old_order, old_rate
from tests.support.vendor_clips import Clips
from tests.support.vendor_faults import Fault, Point
from tests.support.vendor_stand import Handler, Links, Stand, say, standard_webhook, standing


class Options(Struct, frozen=True, kw_only=True):
    api_key: str = "api-key-kling-simulated"
    access_key: str = "access-simulated"  # with the secret key, on the old standard's paths
    secret_key: str = "secret-simulated"
    places: int = 5  # tasks at once
    run_s: float = 0.05
    link_s: float = 60.0  # how long a link lives
    links_dead: int = 0  # so many links of a clip are dead from the beginning
    used_ids: bool = False  # whether an id of ours may be used twice
    finds: bool = True  # a task can be looked up by an id of ours
    unknown: str = "empty"  # what a task nobody knows is in the new standard: empty, missing
    single: str = "list"  # how one task is shown: list, object
    bill: str = "unit"  # unit, usd, cny, mixed, none
    webhook_secret: str = ""
    units: float = 10_000.0
    clips: str = ""


class Task(Struct):
    id: str
    order: Order
    made_s: float
    ends_s: float
    cost: float
    fate: Fault | None = None

    def state(self, now_s: float) -> str:
        if now_s < (self.made_s + self.ends_s) / 2:
            return "submitted"
        if now_s < self.ends_s:
            return "processing"
        return "failed" if self.fate is not None and self.fate.do == "fail" else "succeeded"


class Kling(Stand):
    """The vendor: its tasks by id, what it counted, what it charged in units."""

    def __init__(self, options: Options, clips: Clips) -> None:
        super().__init__(clips)
        self.options = options
        self.tasks: dict[str, Task] = {}
        self.links = Links(options.links_dead)
        self.spent = 0.0
        self.called: list[tuple[str, int]] = []  # the state told, and how the callback was answered

    @property
    def api_key(self) -> str:
        return self.options.api_key

    def jobs_made(self) -> Iterable[Task]:
        return self.tasks.values()

    def table(self) -> list[tuple[str, str, str, Handler]]:
        return [
            ("POST", "/{kind:text-to-video|image-to-video|omni-video}/{model}", "create", self._new),
            ("GET", "/tasks", "retrieve", self._tasks),
            ("POST", "/v1/videos/{kind}", "create", self._old),
            ("GET", "/v1/videos/{kind}/{id}", "retrieve", self._old_task),
            ("GET", "/account/costs", "account", self._costs),
            ("GET", "/outputs/{id}/{token}", "content", self._content),
        ]

    def check(self, request: web.Request, verb: str) -> None:
        told = request.headers.get("Authorization", "")
        if verb == "content":
            if told or "Referer" in request.headers:
                raise Refusal(1002, status=403)
            return
        if not told.startswith("Bearer "):
            raise Refusal(1001, "Authorization is empty")
        token = told.removeprefix("Bearer ")
        if request.path.startswith(("/v1/", "/account/")) and token.count(".") == 2:
            check_jwt(token, self.options.access_key, self.options.secret_key, time.time())
        elif token != self.api_key:
            raise Refusal(1002, "Authorization is invalid")

    def worded(self, fault: Fault) -> Refusal:
        refusal = Refusal(int(fault.code or 5000), fault.message, status=fault.status)
        if fault.retry_after is not None:
            refusal.headers["Retry-After"] = fault.retry_after
        return refusal

    # --- making --------------------------------------------------------------------------------------------------

    async def _new(self, request: web.Request) -> web.StreamResponse:
        names = request.match_info
        order = new_order(names["kind"], names["model"], read_body(await request.read()))
        rate = OFFERS[order.model].units[order.resolution][order.sound]
        return say(envelope(self._face(self._make(order, rate))))

    async def _old(self, request: web.Request) -> web.StreamResponse:
        order = old_order(request.match_info["kind"], read_body(await request.read()))
        return say(envelope(self._old_face(self._make(order, old_rate(order)))))

    def _make(self, order: Order, rate: float) -> Task:
        now_s = time.monotonic()
        if sum(one.ends_s > now_s for one in self.tasks.values()) >= self.options.places:
            raise Refusal(1303, "parallel task over resource pack limit")
        if not self.options.used_ids and order.external_id and self._ours(order.external_id):
            raise Refusal(1201, "external_task_id is already used")
        cost = round(rate * order.seconds, 6)
        if self.spent + cost > self.options.units:
            raise Refusal(1102, "resource pack has run out")
        fate = self.book.take("create", Point.MAKING, order.prompt)
        runs_s = 1e9 if fate is not None and fate.do == "never" else self.options.run_s
        task = Task(str(900_000_000_000_000_001 + len(self.tasks)), order, now_s, now_s + runs_s, cost, fate)
        self.tasks[task.id] = task
        self.counts["renders"] += 1
        self.spent += cost
        if order.callback_url:
            self.later(self._call_back(task, order.callback_url))
        return task

    def _ours(self, external_id: str) -> list[Task]:
        """Tasks under an id of ours."""
        there = [one for one in self.tasks.values() if one.fate is None or one.fate.do != "forget"]
        return [one for one in there if one.order.external_id == external_id]

    # --- telling -------------------------------------------------------------------------------------------------

    async def _tasks(self, request: web.Request) -> web.StreamResponse:
        if len(request.query) != 1 or not {*request.query} <= {"task_ids", "external_task_ids"}:
            raise Refusal(1200, "exactly one of task_ids and external_task_ids")
        if "external_task_ids" in request.query and not self.options.finds:
            raise Refusal(5001, "maintenance")
        wanted = request.query.get("task_ids", "").split(",")
        found = [self.tasks[one] for one in wanted if one in self.tasks]
        found = [one for one in found if one.fate is None or one.fate.do != "forget"]
        found = [one for one in found if not one.order.old]
        for external_id in request.query.get("external_task_ids", "").split(","):
            found += self._ours(external_id) if external_id else []
        if not found and self.options.unknown == "missing":
            raise Refusal(1203, "task not found")
        faces = [self._face(one) for one in found]
        return say(envelope(faces[0] if len(faces) == 1 and self.options.single == "object" else faces))

    async def _old_task(self, request: web.Request) -> web.StreamResponse:
        """By the vendor's id or by ours, among tasks of the same kind."""
        wanted = request.match_info["id"]
        theirs = [self.tasks[wanted]] if wanted in self.tasks else []
        found = theirs or (self._ours(wanted) if self.options.finds else [])
        found = [one for one in found if one.order.old and one.order.kind == request.match_info["kind"]]
        if not found or (found[0].fate is not None and found[0].fate.do == "forget"):
            raise Refusal(1203, "task not found") if self.options.finds or theirs else Refusal(5001, "maintenance")
        return say(envelope(self._old_face(found[0])))

    def _old_face(self, task: Task, at_s: float | None = None) -> dict[str, Any]:
        """A task as the old standard shows it, now or as it was."""
        state = task.state(time.monotonic() if at_s is None else at_s)
        face: dict[str, Any] = {
            "task_id": task.id, "task_status": "succeed" if state == "succeeded" else state, "task_status_msg": "",
            "task_info": {"external_task_id": task.order.external_id or ""},
            "created_at": 1_795_000_000_000, "updated_at": 1_795_000_060_000,
        }  # fmt: skip
        if state == "failed" and task.fate is not None:
            face["task_status_msg"] = task.fate.message
        if state == "succeeded":
            empty = task.fate is not None and task.fate.do == "complete_empty"
            face["task_result"] = {"videos": [] if empty else [{"id": f"v{task.id}", **self._file(task)}]}
        if state in ("succeeded", "failed") and self.options.bill != "none":
            face["final_unit_deduction"] = str(task.cost) if self.options.bill == "unit" else "0"
        return face

    def _face(self, task: Task, at_s: float | None = None) -> dict[str, Any]:
        """A task as the new standard shows it, now or as it was."""
        state = task.state(time.monotonic() if at_s is None else at_s)
        face: dict[str, Any] = {
            "id": task.id, "status": state, "message": "", "create_time": 1_795_000_000_000,
            "update_time": 1_795_000_060_000, "external_id": task.order.external_id or "",
        }  # fmt: skip
        if state == "failed" and task.fate is not None:
            face["message"] = task.fate.message
        if state == "succeeded":
            empty = task.fate is not None and task.fate.do == "complete_empty"
            face["outputs"] = [] if empty else [{"type": "video", "id": f"v{task.id}", **self._file(task)}]
        if state in ("succeeded", "failed"):
            face["billing"] = self._bill(task)
        return face

    def _file(self, task: Task) -> dict[str, str]:
        token = self.links.give(task.id, time.monotonic() + self.options.link_s)
        return {"url": f"{self.base_url}/outputs/{task.id}/{token}", "duration": f"{task.order.seconds}.042"}

    def _bill(self, task: Task) -> list[dict[str, str]]:
        unit = {"charge_type": "unit", "package_type": "video", "amount": str(task.cost)}
        cash = {"charge_type": "cash", "cash_type": "balance", "currency": "USD", "amount": f"{task.cost * 0.14:.6f}"}
        bills = {"unit": [unit], "usd": [cash], "cny": [{**cash, "currency": "CNY"}], "mixed": [unit, cash]}
        return bills.get(self.options.bill, [])

    async def _costs(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        if not {"start_time", "end_time"} <= {*query} <= {"start_time", "end_time", "resource_pack_name"}:
            raise Refusal(1201, "start_time and end_time are required")
        pack = {
            "resource_pack_name": "Video Generation - 10000", "resource_pack_id": "p1",
            "resource_pack_type": "decreasing_total", "total_quantity": self.options.units, "status": "online",
            "remaining_quantity": self.options.units - self.spent,
        }  # fmt: skip
        over = {**pack, "resource_pack_id": "p0", "status": "expired", "remaining_quantity": 7.0}
        return say(envelope({"code": 0, "msg": "SUCCEED", "resource_pack_subscribe_infos": [pack, over]}))

    async def _content(self, request: web.Request) -> web.StreamResponse:
        names = request.match_info
        task = self.tasks.get(names["id"])
        if task is None or not self.links.works(task.id, names["token"], time.monotonic()):
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        return await self.serve_clip(request, pixels(task.order), task.order.seconds)

    # --- calling back --------------------------------------------------------------------------------------------

    async def _call_back(self, task: Task, url: str) -> None:
        """At every change of state; nothing is tried again."""
        middle_s = (task.made_s + task.ends_s) / 2
        for at_s in (task.made_s, middle_s, task.ends_s):
            await asyncio.sleep(max(0.0, min(60.0, at_s - time.monotonic())))
            await self._tell(task, url, at_s)

    async def _tell(self, task: Task, url: str, at_s: float) -> None:
        face = (self._old_face if task.order.old else self._face)(task, at_s)
        body = msgspec.json.encode(face)
        headers = dict[str, str]()
        if self.options.webhook_secret:
            headers = standard_webhook(
                self.options.webhook_secret, f"whk_{len(self.called):06}", int(time.time()), body
            )
        self.called.append((face.get("status") or face["task_status"], await self.tell(url, body, headers)))


def envelope(data: object) -> dict[str, Any]:
    return {"code": 0, "message": "SUCCEED", "request_id": "5f0e", "data": data}


@asynccontextmanager
async def kling(**options: Any) -> AsyncIterator[Kling]:
    """A vendor on this event loop. `options` as in `Options`."""
    settings = msgspec.convert(options, Options)
    with tempfile.TemporaryDirectory() as folder:
        async with standing(Kling(settings, Clips(Path(settings.clips or folder)))) as vendor:
            yield vendor
