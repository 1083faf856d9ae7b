"""What resellers do, by the names of the contract's list: how the simulated site is told to do it, and what must come
of a video that is asked for there, with another vendor behind it.

A clip of four seconds is quoted at $1.00 at the reseller, and costs $0.40 at the vendor behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from tests.support.fault_rows import Row
from tests.support.vendor_faults import Fault, Point

PAID: Final = [("hold", "1", 1_000_000), ("settle", "1", 1_000_000)]
COUNTED: Final = [("hold", "1", 1_000_000), ("settle", "1", 800_000)]  # what new-api's record says that it took
FREE: Final = [("hold", "1", 1_000_000), ("void", "1", -1_000_000)]
THEN_B: Final = [("hold", "2", 400_000), ("settle", "2", 400_000)]
PRESUMED: Final = [("hold", "1", 1_000_000), ("presumed", "1", 1_000_000)]

UPSTREAMS_JSON: Final = '{"error":{"message":"prompt is too long","code":"bad_prompt"}}'
UPSTREAMS_PAGE: Final = "<html><head><title>400 Bad Request</title></head></html>"
SATURATED: Final = "当前分组上游负载已饱和, 请稍后再试"
SPENT: Final = "该令牌额度已用尽"


class Scenario(Row, frozen=True, kw_only=True):
    preset: str = "newapi"


def _refused(status: int, **more: Any) -> Scenario:
    """At the create, so that nothing was made: the next vendor renders."""
    preset = more.pop("preset", "newapi")
    fault = Fault(on="create", do="refuse", status=status, **more)
    return Scenario(preset=preset, faults=[fault], renders=(0, 1), money=FREE + THEN_B)


def _unclear(*faults: Fault, made: int, preset: str = "newapi") -> Scenario:
    """Nobody knows what became of the create: it is waited for, and the loss is presumed."""
    return Scenario(
        preset=preset, faults=faults, deadline=3, status="failed", code="outcome_unknown", renders=(made, 0),
        money=PRESUMED,
    )  # fmt: skip


def _fails(message: str, **more: Any) -> Scenario:
    return Scenario(faults=[Fault(on="create", do="fail", message=message)], **more)


def _content(*faults: Fault, preset: str = "newapi") -> Scenario:
    return Scenario(preset=preset, faults=faults, money=COUNTED if preset == "newapi" else PAID)


LOST: Final = Fault(on="create", do="close", at=Point.AFTER_MAKING)
SCENARIOS: Final[Mapping[str, Scenario]] = {
    "happy": Scenario(options={"wait_s": 0.1, "run_s": 0.2}, money=COUNTED),
    "two_alphabets": Scenario(preset="crazyrouter-unified", options={"wait_s": 0.1, "run_s": 0.2}, money=PAID),
    "unknown_state": Scenario(preset="evolink", options={"odd_word": True, "run_s": 0.3}, money=PAID),
    "stale_body": Scenario(options={"stale": True}, money=COUNTED),
    "small_view": Scenario(options={"small_view": True}, money=COUNTED),
    "not_found_at_first": Scenario(options={"unknown_s": 0.6}, money=COUNTED),
    "lost_create": _unclear(LOST, made=1),
    "lost_create: failover": Scenario(
        faults=[LOST], doubt="failover", deadline=4, renders=(1, 1), money=[PRESUMED[0], *THEN_B, PRESUMED[1]]
    ),
    "lost_create: finder": Scenario(preset="aimlapi", faults=[LOST], money=COUNTED),
    "body_code: 402": _refused(402, preset="kie"),
    "body_code: 429": _refused(429, preset="kie"),
    # kie.ai may still call back, so the doubt outlives the video.
    "body_code: 500": replace(
        _unclear(Fault(on="create", do="refuse", status=500), made=0, preset="kie"), money=PRESUMED[:1], closes=False
    ),
    "nested_json_error": _refused(400, code="fail_to_fetch_task", message=UPSTREAMS_JSON),
    "nested_json_error: html": _refused(400, code="fail_to_fetch_task", message=UPSTREAMS_PAGE),
    "html_200": _unclear(Fault(on="create", do="html", status=200), made=0),
    "redirect_301": _unclear(Fault(on="create", do="html", status=301), made=0),
    "cf_524": _unclear(Fault(on="create", do="html", status=524, at=Point.AFTER_MAKING), made=1),
    "foreign_401": _refused(401, code="fail_to_fetch_task", message="invalid api key"),
    "spent_key_401": _refused(401, message=SPENT),
    "fixed_429": _refused(429, code="upstream_error", message=SATURATED),
    "no_channel_503": _refused(503, code="model_not_found"),
    "no_credit_403": _refused(403, code="insufficient_user_quota"),
    "refund": _fails("upstream error", renders=(1, 1), money=FREE + THEN_B),
    # PiAPI's pages do not say that a failed job was free.
    "no_refund: behind a 500": _fails("oom", preset="piapi", renders=(1, 1), money=PAID + THEN_B),
    "moderated": _fails("flagged by content moderation", status="failed", code="moderation_blocked", money=FREE),
    "moderated: chinese": _fails("提示词违规", status="failed", code="moderation_blocked", money=FREE),
    "done_without_a_clip": Scenario(
        preset="kie", faults=[Fault(on="create", do="complete_empty")], renders=(1, 1), money=PAID + THEN_B
    ),
    "content_cut": _content(Fault(on="content", do="cut")),
    "content_cut: no length": _content(Fault(on="content", do="cut_unmeasured")),
    "content_cut: wrong length": _content(Fault(on="content", do="truncate"), preset="evolink"),
    "content_302": Scenario(options={"redirects": True}, money=COUNTED),
    "content_409": _content(
        Fault(on="content", do="refuse", status=409), Fault(on="content", do="refuse", status=400)
    ),
    "content_502": _content(Fault(on="content", do="html", status=502)),
    "link_expired": _content(Fault(on="content", do="refuse", status=403), preset="evolink"),
    "link_renewed": Scenario(preset="evolink", options={"links_dead": 2}, money=PAID),
    "falling_progress": Scenario(options={"falling": True, "run_s": 0.5}, money=COUNTED),
    "percent_string": Scenario(preset="newapi-generations", options={"run_s": 0.3}, money=COUNTED),
    "late_done": Scenario(options={"late_s": 0.8}, money=COUNTED),
    "polls_502": Scenario(faults=[Fault(on="retrieve", do="html", status=502, times=3)], money=COUNTED),
    "polls_401": Scenario(
        preset="evolink", faults=[Fault(on="retrieve", do="refuse", status=401)], money=PAID
    ),
}  # fmt: skip
