"""The whole contract, by the real clients, over TCP against a running gateway."""

from __future__ import annotations

import pytest

from tests.sdk.conftest import Stage
from tests.sdk.matrix import Sdk, chosen
from tests.sdk.run import run_checks, settle
from tests.support.fault_proxy import At, Do, Fault, FaultProxy

PAGES = (403, 409, 422, 429, 500, 502, 503)
CHECKS_MIN = 280  # so that a scenario which quietly checks nothing is noticed


@pytest.mark.timeout(240)
@pytest.mark.parametrize("sdk", chosen(), ids=lambda sdk: sdk.name)
async def test_the_sdk_cannot_tell_the_difference(sdk: Sdk, stage: Stage, request: pytest.FixtureRequest) -> None:
    """Every call, every form of every call, every error class: as this version of the SDK makes and reads them."""
    async with FaultProxy("127.0.0.1", stage.gateway.port) as proxy:
        for status in PAGES:
            proxy.next(Fault(Do.PAGE, At.BODY, page_status=status), path=f"/v1/videos/page-{status}")
        outcome = await run_checks(
            sdk,
            stage.order(
                "contract",
                faulty_url=f"{proxy.url}/v1",
                list_key=stage.gateway.create_key(f"list-{sdk.name}"),
                stranger_key=stage.gateway.create_key(f"stranger-{sdk.name}"),
            ),
        )
    if outcome.checks < CHECKS_MIN:
        outcome.failures.append(f"only {outcome.checks} checks were made")
    settle(sdk, outcome, request)
