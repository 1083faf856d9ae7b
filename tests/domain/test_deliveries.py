"""What becomes of a delivery after each answer, and signatures that any Standard Webhooks library verifies."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import deliveries, targets
from gateway.domain.deliveries import LIFE_MS, SCHEDULE_S, Answer, Delivery, Heard, Next
from gateway.domain.errors import BadInput
from gateway.domain.events import Event
from gateway.domain.targets import Secret, Target

T0 = 1_795_200_000_000
HOUR_MS = 3_600_000
jitters = st.floats(0, 1, exclude_max=True)
AGAIN = (Heard.REFUSED, Heard.REDIRECTED, Heard.TIMEOUT, Heard.UNREACHABLE)
UP = (Heard.GONE, Heard.FORBIDDEN, Heard.DISABLED, Heard.REMOVED)


def delivery(**changes: object) -> Delivery:
    fields = {"id": "evt_1.wht_1", "event": "evt_1", "type": Event.VIDEO_COMPLETED, "about": "video_1",
              "target": "wht_1", "lane": "wht_1", "body": "{}", "made_ms": T0} | changes  # fmt: skip
    return Delivery(**fields)  # type: ignore[arg-type]


def target(**changes: object) -> Target:
    fields = {"id": "wht_1", "scope": "gateway", "url": "https://a.example/", "created_ms": T0,
              "secrets": (targets.new_secret(bytes(32)),)} | changes  # fmt: skip
    return Target(**fields)  # type: ignore[arg-type]


def test_every_answer_has_its_rule() -> None:
    assert deliveries.after(delivery(), Answer(Heard.DELIVERED, 200), T0, jitter=0.5) == Next(None)
    for heard in AGAIN:
        then = deliveries.after(delivery(), Answer(heard), T0, jitter=0.5)
        assert then.due_ms == T0 + 5_000 and then.record is not None and then.record.tries == 1, heard
    for heard in UP:
        then = deliveries.after(delivery(), Answer(heard), T0, jitter=0.5)
        assert then.due_ms is None and then.record is not None and then.record.dead_ms == T0, heard
        assert then.record.why
    assert {*AGAIN, *UP, Heard.DELIVERED} == set(Heard)
    assert set(deliveries.WHY) == set(Heard)


@given(
    st.lists(
        st.tuples(st.sampled_from(AGAIN), jitters, st.integers(0, 10**9), st.integers(0, 20_000)),
        min_size=12,
        max_size=12,
    )
)
def test_a_delivery_ends_within_three_days_and_a_bounded_number_of_tries(
    tries: list[tuple[Heard, float, int, int]],
) -> None:
    """However its receiver behaves and however late each try is; each pause lies within its row's jitter or is longer
    because the receiver asked."""
    one, now_ms, said = delivery(), T0, 0
    for heard, jitter, retry_after_s, late_ms in tries:
        now_ms += late_ms
        then = deliveries.after(one, Answer(heard, 503, retry_after_s), now_ms, jitter=jitter)
        said += 1
        assert then.record is not None
        if then.due_ms is None:
            break
        row_ms = SCHEDULE_S[said - 1] * 1_000
        assert then.due_ms - now_ms >= 0.9 * row_ms - 1
        asked_ms = min(retry_after_s, deliveries.RETRY_AFTER_S_MAX) * 1_000
        assert then.due_ms - now_ms <= max(1.1 * row_ms + 1, asked_ms)
        one, now_ms = then.record, then.due_ms
    assert then.due_ms is None
    assert said <= len(SCHEDULE_S) + 1
    assert now_ms <= T0 + LIFE_MS + 20_000


@given(jitters)
def test_a_receiver_that_is_back_after_two_and_a_half_days_still_hears_of_it(jitter: float) -> None:
    one, now_ms = delivery(), T0
    last_ms = T0
    for _ in range(len(SCHEDULE_S) + 1):
        then = deliveries.after(one, Answer(Heard.UNREACHABLE), now_ms, jitter=jitter)
        last_ms = now_ms
        if then.due_ms is None or then.record is None:
            break
        one, now_ms = then.record, then.due_ms
    assert last_ms > T0 + 60 * HOUR_MS


def test_a_dead_letter_that_is_sent_once_more_is_the_same_event_with_the_whole_schedule() -> None:
    dead = deliveries.after(delivery(tries=11), Answer(Heard.REFUSED, 500), T0, jitter=0.0).record
    assert dead is not None and dead.dead_ms == T0 and dead.why == "its receiver answered with an error (500)"
    again = deliveries.replayed(dead, T0 + 1)
    assert (again.event, again.body, again.tries, again.dead_ms, again.replays) == ("evt_1", "{}", 0, 0, 1)
    assert deliveries.after(again, Answer(Heard.REFUSED, 500), T0 + 1, jitter=0.5).due_ms == T0 + 5_001


@given(st.integers(0, 200), st.integers(0, 200), st.booleans())
def test_a_lane_never_gets_more_than_its_share(in_flight: int, free: int, slow: bool) -> None:
    room = deliveries.room(in_flight, free, slow=slow)
    assert 0 <= room <= free
    assert room == 0 or room + in_flight <= (1 if slow else deliveries.LANE_AT_ONCE)


@given(
    st.text(max_size=200), st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=3), st.integers(0, 2**40)
)
def test_each_secret_signs_what_is_sent(body: str, keys: list[bytes], now_ms: int) -> None:
    """Verified as the specification says, by each secret alone; another body, time or id is not."""
    secrets = [targets.new_secret(key).text for key in keys]
    sent = dict(deliveries.headers(delivery(body=body), secrets, now_ms))
    assert verifies(sent, body, secrets[0]) and all(verifies(sent, body, one) for one in secrets)
    assert not verifies(sent, body + "x", secrets[0])
    assert not verifies(sent | {"webhook-timestamp": str(now_ms // 1_000 + 1)}, body, secrets[0])
    assert not verifies(sent | {"webhook-id": "evt_2"}, body, secrets[0])
    assert not verifies(sent, body, targets.new_secret(b"another secret than any of these").text)


def verifies(headers: dict[str, str], body: str, secret: str) -> bool:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    mine = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return mine in headers["webhook-signature"].split(" ")


@given(st.lists(st.tuples(st.integers(0, targets.OVERLAP_S_MAX), st.integers(0, 10**9)), max_size=8))
def test_a_rotation_lets_the_old_secret_sign_for_as_long_as_was_said(steps: list[tuple[int, int]]) -> None:
    """The newest always signs; an old one never longer than promised, and not longer by a later rotation."""
    one, now_ms, ends = target(), T0, dict[str, int]()
    for number, (overlap_s, pause_ms) in enumerate(steps):
        now_ms += pause_ms
        old = one.secrets[0].text
        one = targets.rotated(one, number.to_bytes(1, "big") * 31 + b"!", now_ms, overlap_s)
        ends[old] = now_ms + overlap_s * 1_000
        assert targets.signing(one, now_ms)[0] == one.secrets[0].text != old
        assert len(one.secrets) <= targets.SECRETS_MAX
        assert (old in targets.signing(one, now_ms)) == (overlap_s > 0)
        for secret in targets.signing(one, now_ms)[1:]:
            assert now_ms < ends[secret]
    assert len(targets.signing(one, now_ms + targets.OVERLAP_S_MAX * 1_000)) == 1


@pytest.mark.parametrize("url", ["https://a.example/x?y=1", "http://10.0.0.1:8080", "HTTPS://A.example"])
def test_an_address_of_the_web_is_taken_by_its_form(url: str) -> None:
    assert targets.url_of("webhook_url", url) == url


@pytest.mark.parametrize(
    "url", ["", "a.example", "ftp://a.example", "https://", "https://u:p@a.example/", "https://a b/", "https://ä.example",
            "https://a.example/" + "x" * 2_048, "javascript:alert(1)", "https:///x"]
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_refused_by_name(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        targets.url_of("webhook_url", url)
    assert refused.value.param == "webhook_url"


def test_a_slow_receiver_of_one_request_holds_up_only_some_of_the_others() -> None:
    of_requests = target(id=targets.of_requests("proj_1"))
    lanes = {targets.lane_of(of_requests, f"https://{number}.example/x", 4) for number in range(100)}
    assert len(lanes) == 4
    assert targets.lane_of(of_requests, "https://a.example/1", 4) == targets.lane_of(
        of_requests, "https://A.EXAMPLE/2", 4
    )
    assert targets.lane_of(target(), "", 4) == "wht_1"


def test_what_is_shown_of_a_target_holds_no_secret() -> None:
    shown = targets.shown(target(url="https://a.example/x?token=canary", secrets=(Secret("whsec_canarycanary"),)))
    assert "canary" not in str(shown).replace("…nary", "")
    assert shown["url"] == "https://a.example/x?…"
