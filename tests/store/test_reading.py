"""What the store shows: faces, pages, projects, keys, characters."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.domain.change import Repeat
from gateway.domain.keys import Character, Key, Project, Standing, Status
from gateway.domain.videos import encode_public
from gateway.store import faces
from gateway.store.outcomes import Begun, Face, NameTaken, ProjectGone
from gateway.store.store import Store
from tests.store.samples import HASH, T0, apply, following, let_in, video
from tests.support.redis import RedisServer

# --- faces -------------------------------------------------------------------------------------------------------


async def test_a_face_comes_with_the_standing_of_who_asks(books: Store, empty_redis: RedisServer) -> None:
    """In one round trip, once the key was seen before."""
    made = await let_in(books)
    standing = Standing(Key(id="key_1", project="proj_1", created_ms=T0), Status.ACTIVE)
    for _ in range(3):
        assert await books.face(HASH, made.id) == (standing, Face("proj_1", encode_public(made)))
    before = _calls(empty_redis)
    await books.face(HASH, made.id)
    assert _calls(empty_redis) == before + 1


async def test_an_unknown_key_sees_nothing(books: Store) -> None:
    """Not even whether the video exists."""
    made = await let_in(books)
    assert await books.face("unknown", made.id) == (None, None)
    assert await books.standing("unknown") is None


async def test_an_unknown_video_has_no_face(books: Store) -> None:
    """The key has its standing all the same."""
    standing, face = await books.face(HASH, video(7).id)
    assert standing is not None
    assert face is None
    assert await books.read(video(7).id) is None


async def test_a_standing_tells_the_moments_truth(books: Store) -> None:
    """Revoked and closed are seen at once; only the key's project is remembered, which never changes."""
    standing = await books.standing(HASH)
    assert standing is not None
    assert (standing.key.status, standing.project_status) == (Status.ACTIVE, Status.ACTIVE)
    await books.close_project("proj_1")
    await books.revoke_key("key_1")
    standing = await books.standing(HASH)
    assert standing is not None
    assert (standing.key.status, standing.project_status) == (Status.REVOKED, Status.CLOSED)


async def test_a_key_of_a_lost_project_counts_as_closed(books: Store, empty_redis: RedisServer) -> None:
    """What is not there is not active."""
    empty_redis.client.delete("{telecine}:project:proj_1")
    standing = await books.standing(HASH)
    assert standing is not None
    assert standing.project_status is Status.CLOSED


async def test_what_is_remembered_of_keys_is_bounded(books: Store) -> None:
    """A flood of keys empties the memory instead of growing it."""
    made = [Key(id=f"k{number}", project="proj_1", created_ms=T0) for number in range(4)]
    for number, key in enumerate(made):
        await books.create_key(key, f"{number}" * 64)
    standing = await books.standing("0" * 64)
    assert standing is not None
    (seen,) = books._seen.values()
    books._seen.update({str(number): seen for number in range(faces.SEEN_MAX - 1)})
    assert (await books.standing("1" * 64)) == Standing(made[1], Status.ACTIVE)
    assert list(books._seen) == ["1" * 64]
    assert (await books.standing("0" * 64)) == Standing(made[0], Status.ACTIVE)


def _calls(server: RedisServer) -> int:
    stats = server.client.info("commandstats")
    return sum(stats[name]["calls"] for name in stats if name in ("cmdstat_evalsha", "cmdstat_eval"))


# --- pages -------------------------------------------------------------------------------------------------------


async def test_pages_walk_the_list_in_both_directions(books: Store) -> None:
    """Each video once, in order of age, and the last page says that it is the last."""
    faces = [encode_public(await let_in(books, number)) for number in range(1, 8)]
    ids = [video(number).id for number in range(1, 8)]
    for descending in (False, True):
        seen: list[bytes] = []
        after, more = None, True
        while more:
            page = await books.page("proj_1", after=after, limit=3, descending=descending)
            seen += page.faces
            more = page.has_more
            after = (ids[::-1] if descending else ids)[len(seen) - 1]
        assert seen == (faces[::-1] if descending else faces)


async def test_a_page_of_exactly_the_rest_has_no_more(books: Store) -> None:
    """One more is asked for than is shown, to know."""
    for number in (1, 2):
        await let_in(books, number)
    page = await books.page("proj_1", after=None, limit=2, descending=True)
    assert (len(page.faces), page.has_more) == (2, False)


async def test_a_page_begins_after_any_id(books: Store) -> None:
    """A deleted video's, one that never was, or no id at all: by its place in the order."""
    for number in (1, 3, 5):
        await let_in(books, number)
    gone = video(3)
    await apply(books, following(replace(gone, deleted=True), unlist=True))
    five = [encode_public(video(5))]
    for after in (gone.id, video(2).id, video(4).id, video(1).id):
        assert (await books.page("proj_1", after=after, limit=9, descending=False)).faces == five
    for after, expected in (("", 2), ("video_", 2), ("zzz", 0), ("\x00\r\n[(", 2)):
        assert len((await books.page("proj_1", after=after, limit=9, descending=False)).faces) == expected


async def test_a_project_lists_its_own_videos_only(books: Store) -> None:
    """And an unknown one lists nothing."""
    await let_in(books)
    page = await books.page("proj_2", after=None, limit=9, descending=True)
    assert (page.faces, page.has_more) == ([], False)


# --- projects and keys -------------------------------------------------------------------------------------------


async def test_a_project_is_found_by_name_and_by_id(books: Store) -> None:
    """Names are unique; making the same project again is no error."""
    one = Project(id="proj_a", name="Films & Co", created_ms=T0)
    assert await books.create_project(one) == one
    assert await books.create_project(one) == one
    assert await books.create_project(replace(one, id="proj_b")) == NameTaken("proj_a")
    assert await books.find_project("Films & Co") == one
    assert await books.find_project("proj_a") == one
    assert await books.find_project("proj_b") is None
    assert [project.name for project in await books.list_projects()] == ["Films & Co", "proj_1"]


async def test_keys_are_listed_by_project_and_age(books: Store) -> None:
    """With everything about them but the secret, which is not there."""
    await books.create_project(Project(id="proj_2", name="two", created_ms=T0))
    second = Key(id="key_2", project="proj_1", name="ci", role=10, created_ms=T0 + 1, expires_ms=T0 + 9)
    other = Key(id="key_3", project="proj_2", created_ms=T0)
    assert await books.create_key(second, "2" * 64) == second
    assert await books.create_key(other, "3" * 64) == other
    first = Key(id="key_1", project="proj_1", created_ms=T0)
    assert await books.list_keys("proj_1") == [first, second]
    assert await books.list_keys() == [first, other, second]
    assert await books.list_keys("proj_x") == []


async def test_a_key_needs_an_open_project(books: Store) -> None:
    """A closed one or none at all gets no keys."""
    assert await books.create_key(Key(id="k", project="proj_x", created_ms=T0), "k") == ProjectGone()
    await books.close_project("proj_1")
    assert await books.create_key(Key(id="k", project="proj_1", created_ms=T0), "k") == ProjectGone()
    assert await books.standing("k") is None


async def test_revoking_and_closing_say_whether_there_was_something(books: Store) -> None:
    """And make nothing of what was not there."""
    assert await books.revoke_key("key_1")
    assert not await books.revoke_key("key_x")
    assert not await books.close_project("proj_x")
    assert await books.find_project("proj_x") is None


# --- characters --------------------------------------------------------------------------------------------------


async def test_a_character_is_kept_as_it_was_made(books: Store) -> None:
    """With the vendor's handle, whatever is in it."""
    made = Character(
        id="char_1", project="proj_1", name="Möwe", created_ms=T0, account="acc", ref={"id": "x", "n": [1, None]}
    )
    repeat = Repeat(fingerprint="c")
    assert await books.begin_character("key_1", repeat, "m") == Begun()
    await books.end_character("key_1", repeat, "m", made)
    assert await books.character("char_1") == made
    assert await books.character("char_2") is None
