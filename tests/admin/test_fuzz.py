"""Every call of /admin under requests made from its document: no 5xx, no answer outside the schema, no lower role."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.gateway import Gateway

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 4
EXAMPLES_SLOW = 300
QUIET = settings(
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def document(gateway: Gateway) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{gateway.url}/admin/docs/openapi.json", trust_env=False, verify=False).json()
    return found


def calls(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every method with its path, ids filled in."""
    for path, operations in document["paths"].items():
        for method in operations:
            yield method.upper(), re.sub(r"\{\w+\}", "1", path)


def fuzz(gateway: Gateway, admin: httpx.Client, document: dict[str, Any], examples: int) -> int:
    """How many requests there were."""
    schema = schemathesis.openapi.from_dict(document)
    headers = {"Authorization": admin.headers["Authorization"]}
    count = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                strategy = operation.as_strategy(generation_mode=mode)
            except schemathesis.errors.SchemathesisError:
                continue  # nothing about it can be wrong

            @settings(QUIET, max_examples=examples)
            @given(case=strategy)
            def ask(case: Any) -> None:
                nonlocal count
                count += 1
                reply = case.call(base_url=gateway.url, headers=headers)
                case.validate_response(reply, checks=CHECKS)

            ask()
    return count


@pytest.mark.timeout(600)
def test_no_request_breaks_a_call_or_gets_an_answer_that_is_not_documented(
    gateway: Gateway, admin: httpx.Client, document: dict[str, Any]
) -> None:
    assert fuzz(gateway, admin, document, EXAMPLES) > 100


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_nor_do_many_more(gateway: Gateway, admin: httpx.Client, document: dict[str, Any]) -> None:
    assert fuzz(gateway, admin, document, EXAMPLES_SLOW) > 5_000


def test_no_call_is_answered_without_a_key_or_with_one_of_too_low_a_role(
    gateway: Gateway, client: Callable[[int], httpx.Client], document: dict[str, Any]
) -> None:
    found = list(calls(document))
    assert len(found) >= 29
    with httpx.Client(base_url=gateway.url, trust_env=False, verify=False, timeout=20) as nobody:
        for method, path in found:
            assert nobody.request(method, path, json={}).status_code == 401, (method, path)
            assert client(1).request(method, path, json={}).status_code == 403, (method, path)
