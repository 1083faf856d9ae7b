"""A process for `test_kill_points`: makes one call of the given verb to the given base address, and ends."""

from __future__ import annotations

import asyncio
import sys

from providers.contract import Call, Flow, JsonBody, NotReceived, Running
from providers.contract import CannotCancel as No
from tests.upstream.house import SPEC, endpoint, open_driver, soon


async def main(verb: str, base_url: str) -> None:
    place = endpoint(base_url)

    def asking(verdict: object) -> Flow[object]:
        yield Call(method="POST", path="/x", body=JsonBody({}))
        return verdict

    async def sink(chunk: bytes) -> None:
        pass

    async with open_driver() as driver:
        if verb in ("submit", "resend"):
            flow = place.adapter.submit(SPEC, "k")
            await driver.submit(place, flow, send_by_boot_s=soon(), timeout_s=5, send=verb)
        elif verb == "download":
            await driver.download(place, Call(method="GET", path="/x"), sink, bytes_max=1000, timeout_s=5)
        else:
            verdicts = {"find": NotReceived(), "poll": Running(), "cancel": No()}
            await getattr(driver, verb)(place, asking(verdicts[verb]), timeout_s=5)


asyncio.run(main(sys.argv[1], sys.argv[2]))
