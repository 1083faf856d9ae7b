"""Commits: fenced by version and commit id, whole or not at all, and never at another holder's cost."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gateway.domain import ledger
from gateway.domain.audit import Deed
from gateway.domain.change import Binding, Message
from gateway.domain.videos import encode_public
from gateway.store.errors import BrokenRule
from gateway.store.outcomes import Admitted, Committed, RefTaken, Rest, Stale, WindowPassed
from gateway.store.store import Store
from tests.store.looks import counter, due_of, everything, lease_of
from tests.store.samples import (
    HASH,
    PRICE,
    T0,
    Clock,
    admission,
    apply,
    attempt,
    claimed,
    closed,
    following,
    let_in,
    video,
)
from tests.support.redis import RedisServer


async def test_a_commit_replaces_record_and_face(books: Store) -> None:
    """And raises the sequence by one."""
    made = await let_in(books)
    change = following(replace(made, progress=40, shown_in_progress=True))
    assert await apply(books, change) == Committed(T0, 2)
    assert await books.read(made.id) == change.video
    _, face = await books.face(HASH, made.id)
    assert face is not None
    assert face.public == encode_public(change.video)


async def test_the_same_commit_again_is_already_applied(books: Store, empty_redis: RedisServer) -> None:
    """Its answer may have been lost; money moves once."""
    made = await let_in(books)
    change = following(made, ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished"))
    await apply(books, change, commit_id="one")
    before = everything(empty_redis)
    assert await apply(books, change, commit_id="one") == Committed(T0, 2)
    assert everything(empty_redis) == before


async def test_a_commit_on_a_moved_record_is_stale(books: Store, empty_redis: RedisServer) -> None:
    """Whoever was later rereads; nothing of it is written, whatever version it thought of."""
    made = await let_in(books)
    await apply(books, following(made), commit_id="first")
    before = everything(empty_redis)
    assert await apply(books, following(made), commit_id="second") == Stale()
    assert await apply(books, following(replace(made, version=7)), commit_id="third") == Stale()
    assert await apply(books, following(video(9)), commit_id="unknown video") == Stale()
    assert everything(empty_redis) == before


async def test_a_ref_belongs_to_one_attempt_for_ever(books: Store, empty_redis: RedisServer) -> None:
    """Two attempts bound to one vendor job would show one clip as two. The owner may bind it again."""
    one, two = await let_in(books, 1), await let_in(books, 2)
    binding = Binding("acc", "digest", f"{one.id}.1")
    await apply(books, following(one, binding=binding))
    before = everything(empty_redis)
    foreign = replace(binding, attempt=f"{two.id}.1")
    assert await apply(books, following(two, binding=foreign)) == RefTaken(f"{one.id}.1")
    assert everything(empty_redis) == before
    again = following(replace(one, version=2), binding=binding)
    assert isinstance(await apply(books, again), Committed)
    other_account = replace(foreign, account="acc2")
    assert isinstance(await apply(books, following(two, binding=other_account)), Committed)


async def test_a_new_hold_for_a_day_that_is_over_is_refused(books: Store, clock: Clock) -> None:
    """The old hold may still end: it touches the counters that it named."""
    made = await let_in(books)
    clock.now_ms = ledger.window_until_ms(T0) + 1
    second = attempt(2)
    grown = replace(made, attempts=(*made.attempts, second))
    void = ledger.void(made, made.attempts[0], "refused")
    stale_hold = following(grown, void, ledger.hold(grown, second), window_until_ms=ledger.window_until_ms(T0))
    assert await apply(books, stale_hold) == WindowPassed(clock.now_ms)
    assert isinstance(await apply(books, following(made, void)), Committed)


async def test_one_commit_may_end_a_hold_and_make_the_next(books: Store, empty_redis: RedisServer) -> None:
    """Failover at once: the counters see both entries, and the shared ones never go below nothing."""
    made = await let_in(books)
    second = attempt(2, provider="other", price=PRICE + 1)
    grown = replace(made, attempts=(*made.attempts, second))
    void, hold = ledger.void(made, made.attempts[0], "refused"), ledger.hold(grown, second)
    await apply(books, following(grown, void, hold, window_until_ms=ledger.window_until_ms(T0)))
    assert counter(empty_redis, "provider/mock/total") == (0, 0)
    assert counter(empty_redis, "provider/other/total") == (PRICE + 1, 0)
    assert counter(empty_redis, "gateway/total") == (PRICE + 1, 0)
    assert empty_redis.client.hgetall("{telecine}:holds") == {hold.id: str(PRICE + 1)}


# --- lists and faces ---------------------------------------------------------------------------------------------


async def test_a_deleted_video_has_no_face_and_stands_in_no_list(books: Store, empty_redis: RedisServer) -> None:
    """Its record stays for the books, and no later commit brings its face back."""
    made = await let_in(books)
    gone = replace(made, deleted=True)
    await apply(books, following(gone, unlist=True))
    for version in (2, 3):
        _, face = await books.face(HASH, made.id)
        assert face is None
        assert (await books.page("proj_1", after=None, limit=10, descending=True)).faces == []
        assert empty_redis.client.zcard("{telecine}:list:proj_1") == 0
        await apply(books, following(replace(gone, version=version)))
    assert (await books.read(made.id)) is not None


# --- leases and due times ----------------------------------------------------------------------------------------


async def test_a_holders_commit_releases_the_lease(books: Store, empty_redis: RedisServer) -> None:
    """The due time is the Change's, and the video has killed nobody."""
    made = await let_in(books)
    one = await claimed(books)
    await apply(books, following(made, due_ms=T0 + 7_000), token=one.token)
    assert lease_of(empty_redis, made.id) is None
    assert due_of(empty_redis, made.id) == T0 + 7_000
    assert empty_redis.client.hgetall("{telecine}:claims") == {}


async def test_a_holder_may_keep_the_lease(books: Store, empty_redis: RedisServer, clock: Clock) -> None:
    """It goes on working: leased, and due when that lease is over."""
    made = await let_in(books)
    one = await claimed(books)
    clock.now_ms += 1_000
    await apply(books, following(made, due_ms=T0, keep_lease_ms=75_000), token=one.token)
    assert lease_of(empty_redis, made.id) == (one.token, T0 + 76_000, False)
    assert due_of(empty_redis, made.id) == T0 + 76_000


async def test_a_video_with_nothing_open_is_never_due_again(books: Store, empty_redis: RedisServer) -> None:
    """No due time, no lease, no claim is left of it."""
    made = await let_in(books)
    one = await claimed(books)
    void = ledger.void(made, made.attempts[0], "refused")
    await apply(books, following(closed(made), void, due_ms=None), token=one.token)
    assert due_of(empty_redis, made.id) is None
    assert lease_of(empty_redis, made.id) is None


async def test_somebody_elses_commit_leaves_the_lease_and_marks_it(
    books: Store, empty_redis: RedisServer, clock: Clock
) -> None:
    """A client's change never shortens a lease: the holder's release makes the video due now."""
    made = await let_in(books)
    one = await claimed(books)
    assert isinstance(await apply(books, following(made, due_ms=T0), commit_id="client"), Committed)
    assert lease_of(empty_redis, made.id) == (one.token, T0 + 20_000, True)
    assert due_of(empty_redis, made.id) == T0 + 20_000
    assert empty_redis.client.hgetall("{telecine}:claims") == {made.id: "1"}
    clock.now_ms += 500
    moved = replace(made, version=2)
    await apply(books, following(moved, due_ms=T0 + 60_000), token=one.token)
    assert due_of(empty_redis, made.id) == T0 + 500
    assert lease_of(empty_redis, made.id) is None


async def test_the_mark_outlives_a_kept_lease(books: Store, empty_redis: RedisServer) -> None:
    """Until the lease is really given up."""
    made = await let_in(books)
    one = await claimed(books)
    await books.make_due(made.id)
    await apply(books, following(made, keep_lease_ms=9_000), token=one.token)
    assert lease_of(empty_redis, made.id) == (one.token, T0 + 9_000, True)


async def test_a_late_holder_may_commit_if_the_record_did_not_move(
    books: Store, empty_redis: RedisServer, clock: Clock
) -> None:
    """Its news is as true as ever. The lease of the next holder stays, marked."""
    made = await let_in(books)
    late = await claimed(books)
    clock.now_ms += 30_000
    following_holder = await claimed(books)
    assert isinstance(await apply(books, following(made), token=late.token), Committed)
    assert lease_of(empty_redis, made.id) == (following_holder.token, T0 + 50_000, True)
    assert due_of(empty_redis, made.id) == T0 + 50_000


async def test_a_late_holder_may_not_go_on_working_beside_the_next_one(
    books: Store, empty_redis: RedisServer, clock: Clock
) -> None:
    """A commit that keeps the lease needs it: a submission must not start under another's."""
    made = await let_in(books)
    late = await claimed(books)
    clock.now_ms += 30_000
    await claimed(books)
    before = everything(empty_redis)
    assert await apply(books, following(made, keep_lease_ms=75_000), token=late.token) == Stale()
    assert everything(empty_redis) == before


async def test_a_late_holder_gets_its_lease_back_if_nobody_took_it(
    books: Store, empty_redis: RedisServer, clock: Clock
) -> None:
    """Late by a moment, and alone."""
    made = await let_in(books)
    late = await claimed(books)
    clock.now_ms += 30_000
    assert isinstance(await apply(books, following(made, keep_lease_ms=75_000), token=late.token), Committed)
    assert lease_of(empty_redis, made.id) == (late.token, T0 + 105_000, False)


async def test_who_holds_nothing_never_puts_a_video_off(books: Store, empty_redis: RedisServer) -> None:
    """It may have been made due meanwhile; it may be brought forward, though, or closed."""
    made = await let_in(books)
    await apply(books, following(made, due_ms=T0 + 9_000))
    assert due_of(empty_redis, made.id) == T0
    await apply(books, following(replace(made, version=2), due_ms=T0 - 9_000))
    assert due_of(empty_redis, made.id) == T0 - 9_000
    void = ledger.void(made, made.attempts[0], "refused")
    await apply(books, following(replace(closed(made), version=3), void, due_ms=None))
    assert due_of(empty_redis, made.id) is None
    reopened = following(replace(closed(made), version=4), due_ms=T0 + 1)
    await apply(books, reopened)
    assert due_of(empty_redis, made.id) == T0 + 1


async def test_a_mark_left_by_a_dead_holder_is_honoured(books: Store, empty_redis: RedisServer, clock: Clock) -> None:
    """Whoever commits next, holder or not, makes the video due now instead of later."""
    made = await let_in(books)
    await claimed(books)
    await books.make_due(made.id)
    clock.now_ms += 30_000
    await apply(books, following(made, due_ms=T0 + 90_000))
    assert due_of(empty_redis, made.id) == T0 + 20_000
    assert lease_of(empty_redis, made.id) is None


async def test_a_lease_ends_in_the_millisecond_it_names(books: Store, empty_redis: RedisServer, clock: Clock) -> None:
    """One earlier it is still a wall; from then on it is nobody's, for a commit as for making due."""
    made = await let_in(books)
    await claimed(books)
    clock.now_ms = T0 + 19_999
    await apply(books, following(made, due_ms=T0))
    assert due_of(empty_redis, made.id) == T0 + 20_000
    clock.now_ms = T0 + 20_000
    await apply(books, following(replace(made, version=2), due_ms=T0))
    assert due_of(empty_redis, made.id) == T0
    assert lease_of(empty_redis, made.id) is None


async def test_a_lease_is_not_kept_without_a_token(books: Store) -> None:
    """A bug, said as such."""
    made = await let_in(books)
    with pytest.raises(BrokenRule, match="kept without a token"):
        await apply(books, following(made, keep_lease_ms=1))


@pytest.mark.parametrize(
    "key", ["due", "leases", "claims", "list:proj_1", "ledger", "counters", "holds", "refs", "disputes", "events"]
)
async def test_a_key_of_a_wrong_type_stops_a_commit_before_it_writes(
    books: Store, empty_redis: RedisServer, key: str
) -> None:
    """Half a commit would be worse than none."""
    made = await let_in(books)
    client, wrong = empty_redis.client, f"{{telecine}}:{key}"
    had = client.copy(wrong, "kept") if client.exists(wrong) else False
    client.delete(wrong)
    client.set(wrong, "x")
    before = everything(empty_redis)
    change = following(
        made,
        ledger.settle(made, made.attempts[0], PRICE, presumed=False, reason="finished"),
        ledger.dispute(made, made.attempts[0], 1, reason="too much"),
        binding=Binding("acc", "ref", f"{made.id}.1"),
    )
    with pytest.raises(Exception, match=r"WRONGTYPE|wrong kind"):
        await apply(books, change)
    assert everything(empty_redis) == before
    client.delete(wrong)
    if had:
        client.rename("kept", wrong)


async def test_a_rest_after_a_kept_lease_is_the_holders(books: Store, empty_redis: RedisServer) -> None:
    """Commit, look again, rest: the everyday walk of a poll."""
    made = await let_in(books)
    one = await claimed(books)
    await apply(books, following(made, keep_lease_ms=20_000), token=one.token)
    assert await books.rest([Rest(made.id, one.token, T0 + 4_000)]) == 1
    assert due_of(empty_redis, made.id) == T0 + 4_000


async def test_versions_count_admission_and_commits(books: Store) -> None:
    """The record's version and the sequence rise together, one by one."""
    made = await let_in(books)
    for version in range(1, 6):
        outcome = await apply(books, following(replace(made, version=version)))
        assert outcome == Committed(T0, version + 1)


async def test_an_operators_deed_is_written_by_the_commit_that_it_brought_about_and_by_no_other(books: Store) -> None:
    """Beside messages and without; once, also where the answer was lost; not at all where the commit is refused."""
    deed = Deed(id="d1", actor="key_9", action="video.retry", object="video/1", before={"state": "failed"})
    entering = admission(video())
    entering = replace(entering, change=replace(entering.change, deed=deed))
    for _ in range(2):
        assert isinstance(await books.admit(entering), Admitted)
    cancelled = replace(deed, id="d2", action="video.cancel", object="video/2")
    told = replace(following(entering.change.video), deed=cancelled, messages=(Message("evt_1", "wht_1", b"{}"),))
    for _ in range(2):
        assert isinstance(await books.commit(told, commit_id="c1", token=None), Committed)
    stale = replace(told, deed=replace(deed, id="d3"))
    assert await books.commit(stale, commit_id="c2", token=None) == Stale()
    entries, _ = await books.audit_page(after=None, limit=9, descending=False)
    mine = [(one.actor, one.action, one.before) for one in entries if one.actor == "key_9"]
    assert mine == [("key_9", name, {"state": "failed"}) for name in ("video.retry", "video.cancel")]
    assert (await books.webhook_standings(T0)).on_their_way == 1
