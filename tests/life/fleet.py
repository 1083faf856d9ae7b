"""Many videos through faulty vendors while workers die and stand still: the run, and what is seen of it afterwards.

Four vendors fail in every way that their wire knows; one in five prompts names how. `a` honours keys, `b` can list, `c`
can do nothing, and so can `r`, whose route is declared at risk; behind each stands `d`, which is well and honours keys.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
from msgspec import Struct
from msgspec.structs import replace

from tests.support.gateway import Gateway, command_line
from tests.support.vendor_clips import Clips
from tests.support.vendor_control import RemoteVendor
from tests.support.vendor_faults import Fault, Point, throttle
from tests.support.vendor_http import changed

LEASE_S: Final = 3.0
CLIENTS: Final = 60
CONFIG: Final = """\
gateway: {{lease_s: 3, submit_margin_s: 1, send_by_s: 1, socket_timeout_s: 1, deadline_s: {deadline}, stop_grace_s: 2}}
providers:
  a: {{{common}, base_url: "{a}", settings: {{lists: false, honours_idempotency_key: true}}}}
  b: {{{common}, base_url: "{b}", settings: {{lists: true, visible_after_s: 5}}}}
  c: {{{common}, base_url: "{c}", settings: {{lists: false}}}}
  r: {{{common}, base_url: "{r}", doubt: failover, settings: {{lists: false}}}}
  d: {{{common}, base_url: "{d}", settings: {{lists: false, honours_idempotency_key: true}}}}
models:
  keys: {{routes: [a/sora-2, d/sora-2]}}
  lists: {{routes: [b/sora-2, d/sora-2]}}
  nothing: {{routes: [c/sora-2, d/sora-2]}}
  risk: {{routes: [r/sora-2, d/sora-2]}}
"""
# A breaker that opens would keep the faults away; it has tests of its own.
COMMON: Final = (
    "adapter: openai, api_key: sk-vendor, submit_timeout_s: 2, poll_timeout_s: 1.5, poll_min_s: 0.2, poll_max_s: 1, "
    "lost_jobs: free, breaker: {failures: 1000, share: 1}"
)
ASKED: Final = {"seconds": "4", "size": "720x1280"}
MODELS: Final = ("keys", "lists", "nothing", "risk")

_MADE: Final = Point.AFTER_MAKING
FAULTS: Final[dict[str, Fault]] = {
    "refused": Fault(on="create", do="refuse", status=400),
    "throttled": throttle("create", "0.2", times=None),
    "closed early": Fault(on="create", do="close"),
    "reset early": Fault(on="create", do="close", reset=True),
    "reply lost": Fault(on="create", do="close", at=_MADE),
    "reply reset": Fault(on="create", do="close", at=_MADE, reset=True),
    "slow": Fault(on="create", do="hang", seconds=3),
    "answers late": Fault(on="create", do="hang", at=_MADE, seconds=3),
    "proxy's page": Fault(on="create", do="html", status=502),
    "proxy's page, made": Fault(on="create", do="html", at=_MADE, status=502),
    "error, made": Fault(on="create", do="refuse", at=_MADE, status=500),
    "garbage": Fault(on="create", do="garbage", at=_MADE),
    "empty": Fault(on="create", do="empty", at=_MADE),
    "half": Fault(on="create", do="half"),
    "fails": Fault(on="create", do="fail", code="server_error"),
    "forgets": Fault(on="create", do="forget"),
    "no clip": Fault(on="create", do="complete_empty"),
    "truncated": Fault(on="content", do="truncate"),
    "cut": Fault(on="content", do="cut"),
    "wrong size": Fault(on="content", do="wrong_size"),
    "wrong length": Fault(on="content", do="wrong_seconds"),
}


def programme() -> list[Fault]:
    """Each fault for the prompts that name it, once for each of them; and what happens to polls now and then."""
    named = [replace(fault, prompt=f"~{name}~", each=1, times=None) for name, fault in FAULTS.items()]
    kinds = ("close", "html", "garbage") * 20
    polls = [Fault(on="retrieve", do=kind, skip=17 * at, times=5) for at, kind in enumerate(kinds)]
    return [*named, *polls]


async def make_clips(folder: Path) -> Path:
    """Every shape that is asked for or sent instead, ready before anybody waits for it."""
    folder.mkdir()
    whole = (ASKED["size"], ASKED["seconds"])
    for size, seconds in {whole, *(changed(fault, *whole) for fault in FAULTS.values())}:
        await Clips(folder).path(size, seconds)
    return folder


class Fleet(Struct):
    """What the clients and the killer did and saw."""

    made: dict[str, str] = {}  # prompt -> id
    killed: int = 0
    suspended: int = 0


async def run(gateway: Gateway, key: str, count: int, seed: int) -> Fleet:
    """`count` videos, one in five with a fault, while workers die and stand still. A client waits for its video before
    it makes the next, so there is never more to do than the machine can."""
    fleet, dice, over = Fleet(), random.Random(seed), asyncio.Event()
    prompts = iter([_prompt(number, dice) for number in range(count)])
    killer = asyncio.create_task(_torment(gateway, fleet, random.Random(seed + 1), over))
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=0)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(headers=headers, timeout=20, limits=limits, trust_env=False, verify=False) as client:

        async def one_client() -> None:
            for prompt, model in prompts:
                fleet.made[prompt] = await _make(gateway, client, prompt, model)
                await _ended(gateway, client, fleet.made[prompt])

        await asyncio.gather(*(one_client() for _ in range(CLIENTS)))
    over.set()
    await killer
    return fleet


async def _ended(gateway: Gateway, client: httpx.AsyncClient, video: str) -> None:
    for _ in range(600):
        with suppress(httpx.HTTPError):
            reply = await client.get(f"{gateway.base_url}/videos/{video}")
            if reply.status_code == 200 and reply.json()["status"] in ("completed", "failed"):
                return
        await asyncio.sleep(1)
    raise AssertionError(f"{video} never ended")


def _prompt(number: int, dice: random.Random) -> tuple[str, str]:
    """(prompt, model)."""
    fault = f" ~{dice.choice(list(FAULTS))}~" if dice.random() < 0.2 else ""
    return f"boat {number:05d}{fault}", MODELS[number % len(MODELS)]


async def _make(gateway: Gateway, client: httpx.AsyncClient, prompt: str, model: str) -> str:
    """The video's id. Sent again under the same key until the gateway has answered."""
    fields = {"prompt": prompt, "model": model, **ASKED}
    for _ in range(200):
        with suppress(httpx.HTTPError):
            reply = await client.post(f"{gateway.base_url}/videos", json=fields, headers={"Idempotency-Key": prompt})
            if reply.status_code == 200:
                return str(reply.json()["id"])
            assert reply.status_code in (503, 429), reply.text
        await asyncio.sleep(0.2)
    raise AssertionError(f"{prompt} was never taken")


async def _torment(gateway: Gateway, fleet: Fleet, dice: random.Random, over: asyncio.Event) -> None:
    """Now a worker is killed, now one stands still for longer than its lease. The last one is left in peace."""
    while not over.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), dice.uniform(1.0, 3.0))
        workers = [pid for pid in gateway.pids() if _is_worker(gateway, pid)]
        if len(workers) < 2:
            continue
        victim = dice.choice(workers)
        with suppress(ProcessLookupError):
            if dice.random() < 0.5:
                os.kill(victim, signal.SIGKILL)
                fleet.killed += 1
            else:
                os.kill(victim, signal.SIGSTOP)
                fleet.suspended += 1
                await asyncio.sleep(dice.uniform(0.5, 2.0) * LEASE_S)
                os.kill(victim, signal.SIGCONT)


def _is_worker(gateway: Gateway, pid: int) -> bool:
    with suppress(OSError):
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        return parent == gateway.master and "spawn_main" in command_line(pid)
    return False


# --- afterwards --------------------------------------------------------------------------------------------------


async def faces(gateway: Gateway, key: str) -> dict[str, dict[str, Any]]:
    """Every video of the project, by id."""
    found: dict[str, dict[str, Any]] = {}
    after = ""
    async with httpx.AsyncClient(
        headers={"Authorization": f"Bearer {key}"}, timeout=20, trust_env=False, verify=False
    ) as client:
        while True:
            page = (await client.get(f"{gateway.base_url}/videos?limit=100{after}")).json()
            found.update((one["id"], one) for one in page["data"])
            if not page["has_more"]:
                return found
            after = f"&after={page['last_id']}"


async def renders(vendors: dict[str, RemoteVendor]) -> dict[str, Counter[str]]:
    """By prompt: how many jobs each vendor really made, those that fail included."""
    made: dict[str, Counter[str]] = {}
    for name, vendor in vendors.items():
        for job in await vendor.jobs():
            made.setdefault(job["prompt"], Counter())[name] += 1
    return made
