"""One running gateway with a simulated vendor for all tests of the entrance, and raw sockets for what no client sends.

The server's limits are small here, so that going beyond them is quick.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.gateway import Gateway, through, until
from tests.support.vendor_beside import vendor_beside
from tests.support.wire import Wire

LIMITS = "server:\n  body_bytes_max: 25165824\n  json_bytes_max: 25165824\n  body_timeout_s: 3\n"


@pytest.fixture(scope="package")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("api")
    with (
        vendor_beside(folder, render_s=0.2) as vendor,
        Gateway(folder, config=through(vendor.base_url, top=LIMITS)) as running,
    ):
        yield running


@pytest.fixture(scope="package")
def key(gateway: Gateway) -> str:
    return gateway.create_key("entrance")


@pytest.fixture(scope="package")
def api(gateway: Gateway, key: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=gateway.base_url, headers=headers, trust_env=False, verify=False, timeout=20) as client:
        yield client


@pytest.fixture(scope="package")
def stranger(gateway: Gateway) -> Iterator[httpx.Client]:
    """A client of another project."""
    headers = {"Authorization": f"Bearer {gateway.create_key('elsewhere')}"}
    with httpx.Client(base_url=gateway.base_url, headers=headers, trust_env=False, verify=False, timeout=20) as client:
        yield client


@pytest.fixture
def wire(gateway: Gateway, key: str) -> Iterator[Wire]:
    with Wire(gateway.port, key) as open_wire:
        yield open_wire


@pytest.fixture(scope="package")
def clip(api: httpx.Client) -> str:
    """The id of a finished video of 4 seconds."""
    ident: str = api.post("/videos", json={"prompt": "a finished clip"}).json()["id"]
    assert until(lambda: api.get(f"/videos/{ident}").json()["status"] == "completed", 60, every_s=0.1)
    return ident
