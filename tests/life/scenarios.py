"""Lives that a video can have, each with the kill points that it passes: what the vendors do, and the configuration.

Together they pass every point of `gateway.killpoints`; a test holds that.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tests.support.vendor_faults import Fault, Point, throttle

CONFIG = """\
gateway: {lease_s: 1.5, submit_margin_s: 1, send_by_s: 0.7, socket_timeout_s: 0.5, deadline_s: %(deadline)d,
          stop_grace_s: 2}
providers:
  a: {adapter: openai, base_url: "%(a)s", api_key: sk-vendor, doubt: %(doubt)s, submit_timeout_s: 1, poll_timeout_s: 1,
      poll_min_s: 0.05, poll_max_s: 0.2, settings: {%(settings)s}%(limits)s}
  b: {adapter: openai, base_url: "%(b)s", api_key: sk-vendor, submit_timeout_s: 1, poll_timeout_s: 1,
      poll_min_s: 0.05, poll_max_s: 0.2, settings: {lists: false}%(limits)s}
models:
  sora-2: {routes: [{route: a/sora-2%(late)s}, b/sora-2]}
"""
NO_LIST = "lists: false"
HONOURS = "lists: false, honours_idempotency_key: true"


class Scenario(Struct, frozen=True, kw_only=True):
    """`commits` and `sends`: the points this life is used for. `renders_max`: of both vendors, at any death."""

    commits: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()  # of the first vendor
    faults_b: tuple[Fault, ...] = ()
    settings: str = NO_LIST
    doubt: str = "hold"
    deadline: int = 60
    late: str = ""
    limits: str = ""  # of both providers
    crowd: int = 0  # so many videos are made just before
    vendor: dict[str, Any] = {}
    a_is_down: bool = False
    in_vain: bool = False  # while it waits for its vendors the video was claimed so often that nobody dares any more
    deletes: bool = False  # the client deletes the video once it has ended
    cancels: bool = False  # the client cancels the video as soon as it was created
    at_risk: bool = False  # the policy allows a second render


SCENARIOS: dict[str, Scenario] = {
    "straight": Scenario(
        commits=("admit", "ask", "accepted", "finished", "stored"),
        sends=("submit", "poll", "download"),
        # With a key a death between ask and accepted is resolved, so this life always completes.
        settings=HONOURS,
        vendor={"keys": "replay"},
    ),
    "slow": Scenario(commits=("progressed", "rest"), settings=HONOURS, vendor={"keys": "replay", "render_s": 4}),
    # The first takes the one place at `a`, the second is sent to `b` instead, the third waits in line.
    "crowded": Scenario(
        commits=("rerouted", "lined"),
        settings=HONOURS,
        vendor={"keys": "replay", "render_s": 1.5},
        limits=", concurrency: 1",
        crowd=2,
        deadline=15,
    ),
    "deleted": Scenario(commits=("delete", "sweep"), settings=HONOURS, vendor={"keys": "replay"}, deletes=True),
    # A death over these leaves a doubt that nobody can resolve: it ends at the deadline.
    "refused": Scenario(commits=("refused",), faults=(Fault(on="create", do="refuse", status=400),), deadline=10),
    "down": Scenario(commits=("not_sent",), a_is_down=True, deadline=10),
    "reply lost": Scenario(
        commits=("doubted", "give_up"), faults=(Fault(on="create", do="close", at=Point.AFTER_MAKING),), deadline=4
    ),
    "reply lost, key": Scenario(
        commits=("resend",),
        sends=("resend",),
        faults=(Fault(on="create", do="close", at=Point.AFTER_MAKING),),
        settings=HONOURS,
        vendor={"keys": "replay"},
    ),
    "request lost, list": Scenario(
        commits=("not_received",),
        sends=("find",),
        faults=(Fault(on="create", do="close", at=Point.AFTER_BODY),),
        settings="lists: true, visible_after_s: 0.2",
    ),
    "reply lost, list": Scenario(
        commits=("likely",),
        faults=(Fault(on="create", do="close", at=Point.AFTER_MAKING),),
        settings="lists: true, visible_after_s: 0.2",
        deadline=8,
    ),
    "reply lost, at risk": Scenario(
        commits=("fail_over",),
        faults=(Fault(on="create", do="close", at=Point.AFTER_MAKING),),
        doubt="failover",
        deadline=6,
        at_risk=True,
    ),
    "breaks": Scenario(
        commits=("broke",),
        faults=(Fault(on="create", do="fail", code="server_error"),),
        settings=HONOURS,
        vendor={"keys": "replay"},
    ),
    "forgotten": Scenario(
        commits=("lost",),
        faults=(Fault(on="create", do="forget"),),
        settings=HONOURS + ", lost_jobs_free: true",
        vendor={"keys": "replay"},
    ),
    "late, cancelled": Scenario(
        commits=("cancelled",),
        sends=("cancel",),
        faults=(Fault(on="create", do="never"),),
        settings=HONOURS + ", delete_cancels: true",
        vendor={"keys": "replay", "cancels": True},
        deadline=3,
    ),
    "cancelled": Scenario(commits=("cancel",), faults=(Fault(on="create", do="never"),), cancels=True, deadline=8),
    "late, not to be cancelled": Scenario(
        commits=("cancel_failed",),
        faults=(Fault(on="create", do="never"),),
        settings=HONOURS + ", delete_cancels: true",
        vendor={"keys": "replay"},
        deadline=3,
    ),
    "late, left at risk": Scenario(
        commits=("late",),
        faults=(Fault(on="create", do="never"),),
        settings=HONOURS,
        vendor={"keys": "replay"},
        late=", late: {failover_after_s: 0.5}",
        at_risk=True,
    ),
    "wrong file": Scenario(
        commits=("wrong_file",),
        faults=(Fault(on="content", do="cut", times=None),),
        settings=HONOURS,
        vendor={"keys": "replay"},
    ),
    "stale link": Scenario(
        commits=("link_stale",),
        faults=(Fault(on="content", do="refuse", status=404),),
        settings=HONOURS,
        vendor={"keys": "replay"},
    ),
    "poisoned": Scenario(
        commits=("poisoned",), in_vain=True, faults=(throttle("create", "2"),), faults_b=(throttle("create", "2"),)
    ),
}
