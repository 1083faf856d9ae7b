"""Every SDK resends a create by itself. Whatever broke on the way, one video exists and the vendor made one job."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from tests.sdk.conftest import Stage
from tests.sdk.matrix import Sdk, chosen
from tests.sdk.run import Outcome, run_checks, settle
from tests.support.fault_proxy import At, Do, Fault, FaultProxy

SENDS_MAX = 3  # the first and two resends: every SDK's default
# What happens to the sends of one create, and how many there are then. The SDK has no answer where all of them break.
FAULTS: dict[str, tuple[Fault, ...]] = {
    "reset after the body": (Fault(Do.RESET, At.BODY),) * 2,
    "reset before the answer": (Fault(Do.RESET, At.ANSWERED),) * 2,
    "reset before the answer, with an image": (Fault(Do.RESET, At.ANSWERED),) * 2,
    "closed inside the answer's head": (Fault(Do.CLOSE, At.REPLY_HEAD),) * 2,
    "502 instead of the work": (Fault(Do.PAGE, At.BODY),) * 2,
    "502 instead of the answer": (Fault(Do.PAGE, At.ANSWERED),) * 2,
    "silence instead of the answer": (Fault(Do.HANG, At.ANSWERED),) * 2,
    "one of each": (Fault(Do.HANG, At.ANSWERED), Fault(Do.RESET, At.ANSWERED)),
    "every answer reset": (Fault(Do.RESET, At.ANSWERED),) * SENDS_MAX,
    "silence, every time": (Fault(Do.HANG, At.ANSWERED),) * SENDS_MAX,
}
HOPELESS = [name for name, faults in FAULTS.items() if len(faults) == SENDS_MAX]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("sdk", chosen(), ids=lambda sdk: sdk.name)
async def test_three_sends_are_one_video(sdk: Sdk, stage: Stage, request: pytest.FixtureRequest) -> None:
    """A reset, a 502 or a timeout makes the SDK send a create three times; one video, one submission."""
    async with AsyncExitStack() as stack:
        proxies: dict[str, FaultProxy] = {}
        for name, faults in FAULTS.items():
            proxies[name] = await stack.enter_async_context(FaultProxy("127.0.0.1", stage.gateway.port))
            proxies[name].next(*faults, method="POST", path="/v1/videos")
        faulty = {name: f"{proxy.url}/v1" for name, proxy in proxies.items()}
        order = stage.order("resends", faulty=faulty, hopeless=HOPELESS)
        outcome = await run_checks(sdk, order)
    for name, proxy in proxies.items():
        outcome.equal(f"{name}: POSTs received whole", proxy.received["POST"], SENDS_MAX)
    await check_submissions(outcome, stage, order["tag"])
    settle(sdk, outcome, request)


async def check_submissions(outcome: Outcome, stage: Stage, tag: str) -> None:
    """The vendor's own count, by prompt: every create of this run reached it once."""
    prompts = [job["prompt"] for job in await stage.vendor.jobs()]
    for name in FAULTS:
        outcome.equal(f"{name}: submissions", prompts.count(f"through: {name} {tag}"), 1)
