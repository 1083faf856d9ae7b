"""The doctor's look at the providers: each is asked for its account, all at the same time, at no cost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.cli.providers import asked
from gateway.domain import chart as charts
from gateway.domain.accounts import Finding
from gateway.domain.breaker import Scope
from gateway.domain.checkup import Symptom, fail, ok, warn
from gateway.snapshot import Snapshot
from gateway.upstream.endpoints import Endpoint

AT_ONCE = 16


async def look(snapshot: Snapshot, barred: Mapping[str, str]) -> list[Symptom]:
    """`barred`: by the name of its chart, why a breaker is open."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(endpoint: Endpoint) -> Finding | None:
        if _sleeps(endpoint):
            return None
        async with room:
            return await asked(snapshot, endpoint)

    endpoints = list(snapshot.endpoints.values())
    findings = await asyncio.gather(*(one(endpoint) for endpoint in endpoints))
    symptoms = [_of(snapshot, endpoint, finding) for endpoint, finding in zip(endpoints, findings, strict=True)]
    return [*symptoms, *_unlisted(snapshot, dict(zip(snapshot.endpoints, findings, strict=True))), *_barred(barred)]


def _sleeps(endpoint: Endpoint) -> bool:
    """The sandbox, while no gateway runs."""
    return endpoint.unix_socket is not None and not Path(endpoint.unix_socket).exists()


def _of(snapshot: Snapshot, endpoint: Endpoint, finding: Finding | None) -> Symptom:
    name, check = endpoint.provider, "provider"
    if finding is None:
        return ok(check, f"{name} is the sandbox, which runs with the gateway")
    if finding.reached is None:
        return ok(check, f"{name} has nothing that can be asked at no cost")
    if finding.problem is None:
        return ok(check, f"{name} answers and takes the credential")
    unused = not any(route.provider == name for route in snapshot.routes.values())
    todo = f"telecine providers check {name} asks again"
    return (
        warn(check, f"{name}, which no model uses: {finding.problem}", todo)
        if unused
        else fail(check, f"{name}: {finding.problem}", todo)
    )


def _unlisted(snapshot: Snapshot, findings: Mapping[str, Finding | None]) -> Iterator[Symptom]:
    for route in snapshot.routes.values():
        finding = findings.get(route.provider)
        if finding is not None and finding.models and route.model not in finding.models:
            yield warn(
                "provider.model",
                f"{route.provider} does not list the model {route.model}; a route to it may be refused",
                "compare the name with the vendor's page",
            )


def _barred(barred: Mapping[str, str]) -> Iterator[Symptom]:
    for chart, reason in barred.items():
        scope, name = charts.scope_of(chart)
        what = "provider" if scope is Scope.PROVIDER else "route"
        yield warn(
            "provider.breaker",
            f"the {what} {name} is left alone: {reason}",
            f"mend it; telecine breakers reset {name} lets it try at once",
        )
