"""Runs one SDK's checks in its own environment, and keeps the outcome for the summary of the test run."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from msgspec import Struct

from tests.sdk.matrix import ROOT, Sdk

PROPERTY = "sdk checks"
RUN_S_MAX = 200.0


class Outcome(Struct, kw_only=True):
    """What an SDK's checks came to, with those that the runner made from outside."""

    version: str
    checks: int
    failures: list[str]
    scenarios: list[str]

    def equal(self, promise: str, seen: object, expected: object) -> None:
        self.checks += 1
        if seen != expected:
            self.failures.append(f"from outside: {promise}: expected {expected!r} (seen: {seen!r})")


async def run_checks(sdk: Sdk, order: dict[str, Any]) -> Outcome:
    """A missing environment is a failure, never a skip."""
    if lacking := sdk.missing():
        pytest.fail(f"{sdk.name}: no environment ({', '.join(lacking)}); `make test` makes it", pytrace=False)
    process = await asyncio.create_subprocess_exec(
        *sdk.command, json.dumps(order), cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), RUN_S_MAX)
    except TimeoutError:
        pytest.fail(f"{sdk.name}: its checks did not end within {RUN_S_MAX:.0f} s", pytrace=False)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        pytest.fail(f"{sdk.name}: {err.decode()[-2_000:]}", pytrace=False)
    said = json.loads(out.splitlines()[-1])
    return Outcome(**said)


def settle(sdk: Sdk, outcome: Outcome, request: pytest.FixtureRequest) -> None:
    """Write the outcome down for the summary; fail if a check failed."""
    counted = {"language": sdk.language, "version": outcome.version, "newest": sdk.version == "newest"}
    request.node.user_properties.append(
        (PROPERTY, {**counted, "checks": outcome.checks, "failures": len(outcome.failures)})
    )
    if outcome.failures:
        pytest.fail(f"{sdk.name}:\n" + "\n".join(outcome.failures), pytrace=False)
