"""/admin/videos/{id}: for administrators alone, of any project, without what its client wrote."""

from __future__ import annotations

import httpx

from tests.support.gateway import Gateway


def test_an_administrator_is_told_why_a_video_is_where_it_is(gateway: Gateway, api: httpx.Client, clip: str) -> None:
    made = gateway.telecine("keys", "create", "--project", "entrance", "--role", "10")
    headers = {"Authorization": f"Bearer {made['key']}"}
    with httpx.Client(base_url=gateway.url, headers=headers, trust_env=False, verify=False, timeout=20) as admin:
        reply = admin.get(f"/admin/videos/{clip}")
        assert reply.status_code == 200
        told = reply.json()
        assert (told["id"], told["state"], told["entries_complete"]) == (clip, "completed", True)
        assert [one["kind"] for one in told["entries"]] == ["hold", "settle"]
        assert "a finished clip" not in reply.text and "http://" not in reply.text
        for nobody in ("video_" + "0" * 48, "x"):
            assert admin.get(f"/admin/videos/{nobody}").status_code == 404
    assert api.get(f"{gateway.url}/admin/videos/{clip}").status_code == 403
    assert httpx.get(f"{gateway.url}/admin/videos/{clip}", trust_env=False, verify=False).status_code == 401
    done = gateway.telecine("explain", clip)
    assert done["money"] == told["money"]
