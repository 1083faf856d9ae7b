"""Finished files: variants, ranges and conditions through the running gateway, and streams that end when they must."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from gateway.api import stream
from gateway.api.exchange import Cut, Exchange
from gateway.assets.local import LocalAssets
from gateway.assets.store import StorageAway
from tests.support.gateway import Gateway
from tests.support.wire import Wire


@pytest.mark.parametrize(
    ("variant", "media_type", "suffix"),
    [
        (None, "video/mp4", "mp4"),
        ("video", "video/mp4", "mp4"),
        ("thumbnail", "image/webp", "webp"),
        ("spritesheet", "image/jpeg", "jpg"),
    ],
)
def test_each_variant_is_what_it_says(
    api: httpx.Client, clip: str, variant: str | None, media_type: str, suffix: str
) -> None:
    """With its length and a tag; `Accept` is not looked at, whatever SDKs send."""
    path = f"/videos/{clip}/content" + (f"?variant={variant}" if variant else "")
    reply = api.get(path, headers={"accept": "application/binary"})
    assert reply.status_code == 200
    assert reply.headers["content-type"] == media_type
    assert int(reply.headers["content-length"]) == len(reply.content) > 100
    assert reply.headers["accept-ranges"] == "bytes" and reply.headers["etag"].startswith('"')
    assert reply.headers["content-disposition"].endswith(f'{clip}.{suffix}"')
    if media_type == "video/mp4":
        assert reply.content[4:8] == b"ftyp"
    else:
        with Image.open(io.BytesIO(reply.content)) as picture:
            assert Image.MIME[picture.format or ""] == media_type


@pytest.mark.parametrize(
    ("field", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, None),
        ("bytes=-7", -7, None),
        ("bytes=0-99999999999", 0, None),
        ("bytes=-99999999999", 0, None),
    ],
)
def test_a_range_is_that_part(api: httpx.Client, clip: str, field: str, start: int, end: int | None) -> None:
    """206, with the place of the part in the whole."""
    whole = api.get(f"/videos/{clip}/content").content
    reply = api.get(f"/videos/{clip}/content", headers={"range": field})
    assert reply.status_code == 206
    assert reply.content == whole[start:end]
    first = len(whole) + start if start < 0 else start
    assert reply.headers["content-range"] == f"bytes {first}-{first + len(reply.content) - 1}/{len(whole)}"


@pytest.mark.parametrize(
    "field", ["bytes=", "bytes=x-y", "bytes=9-3", "lines=1-2", "bytes=0-1,5-6", "bytes=" + "1-2," * 10_000]
)
def test_a_range_without_sense_is_the_whole(api: httpx.Client, clip: str, field: str) -> None:
    """As the standard asks; several ranges too."""
    assert api.get(f"/videos/{clip}/content", headers={"range": field}).status_code == 200


def test_a_range_behind_the_end_is_a_416(api: httpx.Client, clip: str) -> None:
    """In OpenAI's shape, with the length."""
    size = len(api.get(f"/videos/{clip}/content").content)
    for field in (f"bytes={size}-", "bytes=-0", "bytes=99999999999-"):
        reply = api.get(f"/videos/{clip}/content", headers={"range": field})
        assert (reply.status_code, reply.headers["content-range"]) == (416, f"bytes */{size}")
        assert reply.json()["error"]["code"] == "range_not_satisfiable"


def test_conditions_save_bytes(api: httpx.Client, clip: str) -> None:
    """A tag that the client has is a 304 without a body; If-Range protects a resumed download."""
    path = f"/videos/{clip}/content"
    etag = api.get(path).headers["etag"]
    same = api.get(path, headers={"if-none-match": etag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    assert same.headers["x-request-id"]
    resumed = api.get(path, headers={"range": "bytes=5-", "if-range": etag})
    changed = api.get(path, headers={"range": "bytes=5-", "if-range": '"other"'})
    assert (resumed.status_code, changed.status_code) == (206, 200)
    another = api.get(path, headers={"range": "bytes=5-", "if-match": '"other"'})
    assert (another.status_code, another.json()["error"]["code"]) == (412, "precondition_failed")
    assert api.get(path, headers={"range": "bytes=5-", "if-match": etag}).status_code == 206


def test_head_has_the_headers_and_no_body(api: httpx.Client, clip: str) -> None:
    """For players that look first; a connection goes on afterwards."""
    for _ in range(3):
        head = api.head(f"/videos/{clip}/content", headers={"range": "bytes=0-1"})
        get = api.get(f"/videos/{clip}/content")
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-length", "content-type", "etag", "accept-ranges", "last-modified"):
            assert head.headers[name] == get.headers[name]


def test_content_that_is_not_there_yet_is_a_404(api: httpx.Client) -> None:
    """Never a 409, which an SDK would repeat."""
    ident = api.post("/videos", json={"prompt": "p", "seconds": 12}).json()["id"]
    reply = api.get(f"/videos/{ident}/content")
    if reply.status_code != 200:
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "video_not_ready")


def test_a_client_that_leaves_in_the_middle_harms_nobody(
    gateway: Gateway, key: str, clip: str, api: httpx.Client
) -> None:
    """Its stream ends; the next request is served."""
    for _ in range(5):
        with Wire(gateway.port, key) as wire:
            wire.head("GET", f"/v1/videos/{clip}/content")
    assert api.get(f"/videos/{clip}/content").status_code == 200


# --- the stream itself -------------------------------------------------------------------------------------------


class Client:
    """The server's side of an ASGI connection: takes pieces, at a pace, until it hangs up."""

    def __init__(self, *, takes: int | None = None, stays: int | None = None) -> None:
        self.pieces: list[bytes] = []
        self.begun = 0
        self._takes = takes  # then nothing is taken any more
        self._left = asyncio.Event()
        self._stays = stays  # so many pieces, then it hangs up

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.begun += 1
            return
        if self._takes is not None and len(self.pieces) >= self._takes:
            await asyncio.Event().wait()
        self.pieces.append(message["body"])
        if self._stays is not None and len(self.pieces) >= self._stays:
            self._left.set()
        await asyncio.sleep(0)

    async def receive(self) -> Any:
        await self._left.wait()
        return {"type": "http.disconnect"}

    def exchange(self) -> Exchange:
        scope = {"method": "GET", "path": "/", "headers": []}
        return Exchange(None, scope, self.receive, self.send, identity="req_1")  # type: ignore[arg-type]


BYTES = hashlib.sha256(b"seed").digest() * 50_000


@pytest.fixture
async def assets(tmp_path: Path) -> AsyncIterator[LocalAssets]:
    """A store with one clip."""
    store = LocalAssets(tmp_path / "assets")
    await store.start()
    async with store.writer("clip") as writer:
        await writer.write(BYTES)
        await writer.commit()
    yield store
    await store.close()


async def send(client: Client, assets: LocalAssets, start: int = 0, end: int = 1_600_000, stall_s: float = 10) -> None:
    async with assets.reader("clip", start, end) as file:
        await stream.send_file(client.exchange(), file, end - start, status=200, headers=(), stall_s=stall_s)


@pytest.mark.parametrize(("start", "end"), [(0, 1_600_000), (0, 1), (1_599_999, 1_600_000), (77, 900_001)])
async def test_a_stream_is_exactly_the_part(assets: LocalAssets, start: int, end: int) -> None:
    """Every byte once, in pieces that the server can take."""
    client = Client()
    await send(client, assets, start, end)
    assert b"".join(client.pieces) == BYTES[start:end]
    assert client.begun == 1 and max(map(len, client.pieces)) <= stream.PIECE_BYTES_MAX
    assert stream.streams.open == 0


async def test_pieces_shrink_with_the_number_of_streams(assets: LocalAssets) -> None:
    """A hundred clients that take nothing hold what a few hold."""
    clients = [Client(takes=1) for _ in range(100)]
    tasks = [asyncio.create_task(send(client, assets)) for client in clients]
    async with asyncio.timeout(20):
        while stream.streams.open < 100:
            await asyncio.sleep(0.01)
    assert stream.streams.piece_bytes() <= stream.SHARED_BYTES / 100
    late = Client()
    await send(late, assets)
    assert max(map(len, late.pieces)) <= stream.SHARED_BYTES / 100
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert stream.streams.open == 0


async def test_a_client_that_hung_up_gets_no_more(assets: LocalAssets) -> None:
    """The server would take the rest of the file for nobody."""
    client = Client(stays=2)
    with pytest.raises(Cut):
        await send(client, assets)
    assert len(client.pieces) <= 3


async def test_a_client_that_takes_nothing_is_cut(assets: LocalAssets) -> None:
    """After a bounded time, so that nobody can hold files open for ever."""
    with pytest.raises(Cut):
        await send(Client(takes=1), assets, stall_s=0.05)
    assert stream.streams.open == 0


async def test_a_file_that_is_shorter_from_the_start_is_an_error_before_the_answer_begins(assets: LocalAssets) -> None:
    """Then it can still be a 503."""
    client = Client()
    with pytest.raises(StorageAway):
        await send(client, assets, 1_600_000, 1_600_001)
    assert client.begun == 0


async def test_a_file_that_is_too_short_is_not_taken_for_whole(assets: LocalAssets) -> None:
    """The answer has promised a length; it is cut."""
    client = Client()
    with pytest.raises(StorageAway):
        await send(client, assets, 0, 1_600_001)
    assert sum(map(len, client.pieces)) == 1_600_000
