"""Two gateways on one store, two vendors, one of them broken: what one gateway learns, both keep to."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.gateway import Gateway, until
from tests.support.redis import RedisServer
from tests.support.vendor import Fault
from tests.support.vendor_beside import vendor_beside
from tests.support.vendor_control import RemoteVendor

CONFIG = """\
store: {{url: '{store}'}}
providers:
  shaky:
    adapter: openai
    base_url: {shaky}
    api_key: sk-vendor
    poll_min_s: 0.1
    poll_max_s: 0.3
    breaker: {{failures: 3, open_s: 3, probes: 2}}
  solid: {{adapter: openai, base_url: {solid}, api_key: sk-vendor, poll_min_s: 0.1, poll_max_s: 0.3}}
models:
  sora-2: {{routes: [shaky/sora-2, solid/sora-2]}}
"""
ROUTE = "shaky/sora-2"
CLOSED, HALF_OPEN, OPEN = 0.0, 1.0, 2.0


class Place:
    """The two gateways and the two vendors, and what to ask of them."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        server = RedisServer(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tc"))))
        stack.callback(server.stop)
        self.vendors = {
            name: stack.enter_context(vendor_beside(_made(folder / name), render_s=0.2)) for name in ("shaky", "solid")
        }
        urls = {name: one.base_url for name, one in self.vendors.items()}
        config = CONFIG.format(store=server.url, **urls)
        self.gateways = [stack.enter_context(Gateway(_made(folder / str(n)), config=config)) for n in range(2)]
        self.key = self.gateways[0].create_key("shared")

    @property
    def shaky(self) -> RemoteVendor:
        return self.vendors["shaky"]

    def states(self) -> list[float]:
        """What each gateway says of the shaky route's breaker."""
        return [one.figure("telecine_breaker_state", absent=-1, name=ROUTE) for one in self.gateways]

    def asked(self) -> int:
        """How many jobs the shaky vendor was asked for."""
        return asyncio.run(self.shaky.counts())["submissions"]

    def make(self, count: int, prompt: str = "a paper boat") -> list[str]:
        return asyncio.run(self._make(count, prompt))

    def status(self, video: str) -> str:
        reply = httpx.get(
            f"{self.gateways[0].base_url}/videos/{video}", headers=self._headers, trust_env=False, verify=False
        )
        return str(reply.json()["status"])

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    async def _make(self, count: int, prompt: str) -> list[str]:
        """All at once, in turn from each gateway."""
        async with httpx.AsyncClient(headers=self._headers, trust_env=False, verify=False, timeout=60) as client:

            async def create(number: int) -> str:
                url = f"{self.gateways[number % 2].base_url}/videos"
                reply = await client.post(url, json={"prompt": f"{prompt}, number {number}", "seconds": "4"})
                assert reply.status_code == 200, reply.text
                return str(reply.json()["id"])

            return list(await asyncio.gather(*(create(number) for number in range(count))))


@pytest.mark.timeout(240)
def test_replicas_open_probe_and_close_together(tmp_path: Path) -> None:
    """Broken jobs open the route everywhere and traffic moves; half-open, fifty at once bring the budget of probes to
    the vendor and no more; a clip closes it everywhere. Every video completes."""
    with ExitStack() as stack:
        here = Place(stack, tmp_path)
        asyncio.run(here.shaky.program(Fault(on="create", do="fail", code="server_error", times=None)))
        videos = here.make(4)
        assert until(lambda: min(here.states()) >= HALF_OPEN, 30), here.states()
        assert until(lambda: all(here.status(one) == "completed" for one in videos), 60)

        asyncio.run(here.shaky.program())
        asyncio.run(here.shaky.change(render_s=600.0))
        assert until(lambda: here.states() == [HALF_OPEN, HALF_OPEN], 30), here.states()
        before = here.asked()
        crowd = here.make(50, "a crowd")
        assert until(lambda: here.asked() == before + 2, 30), here.asked() - before
        moved = [one for one in crowd if here.status(one) == "completed"]
        assert until(lambda: sum(here.status(one) == "completed" for one in crowd) >= 40, 60), len(moved)
        assert (here.asked() - before, here.states()) == (2, [HALF_OPEN, HALF_OPEN])

        asyncio.run(here.shaky.finish())
        asyncio.run(here.shaky.change(render_s=0.2))
        assert until(lambda: here.states() == [CLOSED, CLOSED], 30), here.states()
        assert until(lambda: all(here.status(one) == "completed" for one in crowd), 60)
        before = here.asked()
        here.make(1, "as ever")
        assert until(lambda: here.asked() == before + 1, 10)
        assert here.gateways[0].telecine("ledger", "verify") == {"differences": []}


@pytest.mark.timeout(120)
def test_blocked_prompts_never_open_it(tmp_path: Path) -> None:
    """Twenty of them, whether refused at once or later: the next plain prompt goes there."""
    with ExitStack() as stack:
        here = Place(stack, tmp_path)
        refused = Fault(on="create", do="refuse", status=400, code="moderation_blocked", prompt="rude", times=None)
        broken = Fault(on="create", do="fail", code="moderation_blocked", prompt="vile", times=None)
        asyncio.run(here.shaky.program(refused, broken))
        videos = here.make(10, "something rude") + here.make(10, "something vile")
        assert until(lambda: all(here.status(one) == "failed" for one in videos), 60)
        before = here.asked()
        (plain,) = here.make(1)
        assert until(lambda: here.status(plain) == "completed", 30)
        assert (here.asked() - before, here.states()) == (1, [CLOSED, CLOSED])


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
