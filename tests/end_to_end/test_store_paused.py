"""The store stands still for a while: nobody is told more than is known, and who asks again gets the one video."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.gateway import Gateway, through
from tests.support.vendor_beside import vendor_beside

WISH = {"prompt": "a paper boat", "model": "sora-2", "seconds": "4"}


@pytest.mark.timeout(120)
def test_a_create_whose_outcome_nobody_knows_says_so_and_is_one_video_when_it_is_sent_again(tmp_path: Path) -> None:
    with vendor_beside(tmp_path) as vendor, Gateway(tmp_path, config=through(vendor.base_url)) as gateway:
        (store,) = (pid for pid, line in gateway.command_lines().items() if "valkey-server" in line)
        with gateway.client("paused") as client:
            headers = {"Idempotency-Key": "once"}
            assert client.get("/videos").status_code == 200
            os.kill(store, signal.SIGSTOP)
            try:
                unknown = client.post("/videos", json=WISH, headers=headers)
                read = client.get("/videos")
            finally:
                os.kill(store, signal.SIGCONT)
            assert (unknown.status_code, unknown.json()["error"]["code"]) == (503, "outcome_unknown")
            assert "Idempotency-Key" in unknown.json()["error"]["message"] and unknown.headers["retry-after"]
            assert (read.status_code, read.json()["error"]["code"]) == (503, "service_unavailable")
            made = client.post("/videos", json=WISH, headers=headers)
            assert made.status_code == 200
            assert [one["id"] for one in client.get("/videos").json()["data"]] == [made.json()["id"]]
            assert client.get(f"/videos/{made.json()['id']}").status_code == 200
