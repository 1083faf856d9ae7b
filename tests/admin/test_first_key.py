"""The first start prints a key that controls, once, on stdout alone; a later start prints none."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from tests.admin.conftest import CONFIG
from tests.support.gateway import Gateway

KEY = re.compile(r"sk-tc-[\w-]{43}")


def test_the_first_start_prints_a_key_that_controls_and_no_later_one_does(tmp_path: Path) -> None:
    with Gateway(tmp_path, config=CONFIG) as gateway:
        out, err = (tmp_path / name for name in ("serve.out", "serve.err"))
        (secret,) = KEY.findall(out.read_text())
        assert secret not in err.read_text()
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=gateway.url, headers=headers, trust_env=False, verify=False) as client:
            assert client.post("/admin/providers/mock/drain").status_code == 200
            deeds = client.get("/admin/audit", params={"order": "asc"}).json()["data"]
        assert [(one["actor"], one["action"]) for one in deeds[:2]] == [
            ("serve", "project.create"),
            ("serve", "key.create"),
        ]
        assert deeds[1]["after"]["role"] == 100 and secret not in str(deeds)
        gateway.stop()
        gateway.start()
        assert KEY.findall(out.read_text()) == []  # this start's own


def test_who_has_a_key_already_is_given_none(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, config=CONFIG)
    gateway.create_key("mine")
    with gateway:
        assert KEY.findall((tmp_path / "serve.out").read_text()) == []
