"""A store that lost its data between two lives of the gateway: found out, said, kept in mind, and accepted."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx

from tests.support.gateway import Gateway, through, until
from tests.support.vendor_beside import vendor_beside


def readiness(gateway: Gateway) -> tuple[int, str]:
    reply = httpx.get(f"{gateway.url}/readyz", trust_env=False, verify=False)
    return reply.status_code, reply.text


def test_a_gateway_whose_store_was_emptied_says_so_until_it_is_accepted(tmp_path: Path) -> None:
    """It listens and answers, is not ready, says why in its log, and does not forget it by a restart. After the
    operator's word it makes videos again."""
    with (
        vendor_beside(tmp_path, render_s=0.2) as vendor,
        Gateway(tmp_path / "gateway", config=through(vendor.base_url)) as gateway,
    ):
        key = gateway.create_key("first")
        made = httpx.post(
            f"{gateway.base_url}/videos",
            json={"prompt": "a boat"},
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            verify=False,
        )
        assert made.status_code == 200
        assert gateway.telecine("store", "show")["forgot_commits"] is False
        gateway.stop()
        shutil.rmtree(gateway.data_dir / "redis")
        for _ in range(2):
            gateway.start()
            status, text = readiness(gateway)
            assert (status, "telecine store accept" in text) == (503, True)
            assert until(lambda: "store_forgot_commits" in gateway.log(), 10)
            assert gateway.telecine("store", "show")["forgot_commits"] is True
            gateway.stop()
        gateway.start()
        gateway.telecine("store", "accept")
        assert until(lambda: readiness(gateway)[0] == 200, 10)
        assert gateway.telecine("store", "show")["forgot_commits"] is False
