"""Clips are judged by decoding them, in children that may die, hang or lie without harm to the server."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop
from PIL import Image

from gateway.assets.media import Media, MediaLimits, Sound, judge
from gateway.assets.media_child import look
from gateway.assets.media_pool import PoolLimits
from gateway.assets.media_talk import Job, Seen, Unfit
from gateway.assets.store import MediaAway, StorageAway
from gateway.domain.mp4 import WrongFile
from providers.contract import Size
from tests.support.clips import clip_bytes, make_clip

SQUARE = Size(128, 128)


_OTHERS: set[int] = set()


@pytest.fixture(autouse=True)
def others() -> None:
    """Processes that other tests of this run keep alive are none of ours."""
    _OTHERS.clear()
    _OTHERS.update(children_of(os.getpid()))


@pytest.fixture
async def media() -> AsyncIterator[Media]:
    media = Media()
    yield media
    await media.close()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """128x128, two seconds, with sound."""
    return make_clip(tmp_path / "clip.mp4", 128, 128, 2)


def reason(verdict: Sound | WrongFile) -> str:
    assert isinstance(verdict, WrongFile)
    return verdict.reason


# --- what is judged ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("faststart", [True, False])
@pytest.mark.parametrize("audio", [True, False])
async def test_a_sound_clip_is_described(media: Media, tmp_path: Path, faststart: bool, audio: bool) -> None:
    """Its true length, sides and pictures, from decoding."""
    path = make_clip(tmp_path / "clip.mp4", 160, 96, 1, faststart=faststart, audio=audio)
    verdict = await media.inspect(path, seconds=1, size=Size(160, 96))
    assert verdict == Sound(seconds=1.0, size=Size(160, 96), pictures=12, audio=audio)
    assert await media.inspect(path) == verdict


async def test_one_pass_makes_the_pictures(media: Media, tmp_path: Path) -> None:
    """A WebP of the middle and a JPEG of twenty moments in rows of five, both bounded in size."""
    path = make_clip(tmp_path / "clip.mp4", 1280, 720, 2)
    thumbnail, sheet = tmp_path / "t", tmp_path / "s"
    verdict = await media.inspect(path, seconds=2, size=Size(1280, 720), thumbnail=thumbnail, spritesheet=sheet)
    assert isinstance(verdict, Sound)
    with Image.open(thumbnail) as image:
        assert (image.format, image.size) == ("WEBP", (640, 360))
    with Image.open(sheet) as image:
        assert (image.format, image.size) == ("JPEG", (5 * 256, 4 * 144))


async def test_the_pictures_are_of_different_moments(media: Media, tmp_path: Path) -> None:
    """The tiles follow the movement of the clip; a clip of three pictures has three of them."""
    sheet = tmp_path / "s"
    await media.inspect(make_clip(tmp_path / "long.mp4", 128, 128, 2), spritesheet=sheet)
    with Image.open(sheet) as image:
        tiles = {
            image.crop((x * 128, y * 128, x * 128 + 128, y * 128 + 128)).tobytes() for x in range(5) for y in range(4)
        }
    assert len(tiles) == 20
    await media.inspect(make_clip(tmp_path / "short.mp4", 128, 128, 0.25), spritesheet=sheet)
    with Image.open(sheet) as image:
        assert image.size == (3 * 128, 128)


@pytest.mark.parametrize(
    ("seconds", "size", "words"),
    [
        (4, SQUARE, "lasts 2.00 s"),
        (1, SQUARE, "lasts 2.00 s"),
        (2, Size(128, 130), "is 128x128, asked for was 128x130"),
    ],
)
async def test_a_clip_of_another_shape_is_wrong(media: Media, clip: Path, seconds: int, size: Size, words: str) -> None:
    """Whole and playable, and not what was asked for."""
    assert words in reason(await media.inspect(clip, seconds=seconds, size=size))


@pytest.mark.parametrize("faststart", [True, False])
async def test_a_truncated_clip_is_wrong(media: Media, tmp_path: Path, faststart: bool) -> None:
    """At 99 % as at half, and with nothing in it."""
    whole = clip_bytes(128, 128, 2, faststart=faststart)
    path = tmp_path / "clip.mp4"
    for length in (0, 7, len(whole) // 2, len(whole) * 99 // 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert reason(await media.inspect(path, seconds=2, size=SQUARE))


async def test_a_hole_in_the_media_is_wrong(media: Media, tmp_path: Path) -> None:
    """All bytes are there, half of them zeros: the boxes are right and the pictures are not."""
    whole = bytearray(clip_bytes(128, 128, 2, audio=False))
    begin = whole.index(b"mdat") + 4
    middle = (begin + len(whole)) // 2
    whole[middle:] = bytes(len(whole) - middle)
    (path := tmp_path / "clip.mp4").write_bytes(whole)
    assert "cannot be decoded" in reason(await media.inspect(path, seconds=2, size=SQUARE))


async def test_other_files_are_wrong(media: Media, tmp_path: Path) -> None:
    """A proxy's page, a picture, a playlist that names other files: none reaches the decoder."""
    path = tmp_path / "clip.mp4"
    for data in (b"<html>502 Bad Gateway</html>", b"\xff\xd8\xff\xe0" + bytes(99), b"#EXTM3U\n/etc/passwd\n"):
        path.write_bytes(data)
        assert reason(await media.inspect(path, seconds=2, size=SQUARE)) == "is no MP4"


def turned(whole: bytes) -> bytes:
    """The same clip with a note that players turn it by a quarter."""
    data = bytearray(whole)
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    return bytes(data)


async def test_a_turned_clip_counts_as_it_is_shown(media: Media, tmp_path: Path) -> None:
    """Vendors may deliver portrait as landscape with a note; size and pictures are the viewer's."""
    (path := tmp_path / "clip.mp4").write_bytes(turned(clip_bytes(128, 64, 1)))
    thumbnail = tmp_path / "t"
    assert isinstance(await media.inspect(path, seconds=1, size=Size(64, 128), thumbnail=thumbnail), Sound)
    with Image.open(thumbnail) as image:
        assert image.size == (64, 128)


def seen(*, seconds: float = 4.0, pictures: int = 96, packets: int = 96, steady: bool = True) -> Seen:
    return Seen(width=64, height=48, steady=steady, seconds=seconds, pictures=pictures, packets=packets, sound=True)


@pytest.mark.parametrize(
    ("what", "good"),
    [
        (seen(), True),
        (seen(seconds=4.0625), True),  # 65 pictures at 16 a second
        (seen(seconds=3.76), True),
        (seen(seconds=4.49), True),
        (seen(seconds=4.5), False),
        (seen(seconds=3.5), False),
        (seen(pictures=94), True),
        (seen(pictures=93), False),
        (seen(pictures=45), False),
        (seen(steady=False), False),
    ],
)
def test_a_clip_passes_while_the_asked_second_is_the_nearest(what: Seen, good: bool) -> None:
    """A picture more or less costs nobody a second render; half a file does."""
    assert isinstance(judge(what, seconds=4, size=Size(64, 48)), Sound) is good


# --- what is bounded ---------------------------------------------------------------------------------------------


async def test_a_picture_too_large_is_never_decoded(clip: Path) -> None:
    """By its index already, and by its header if the index lied."""
    media = Media(MediaLimits(pixels=128 * 127))
    assert "too large" in reason(await media.inspect(clip))
    lying = bytearray(clip.read_bytes())
    at = lying.index(b"avc1", lying.index(b"stsd")) + 28
    lying[at : at + 4] = struct.pack(">HH", 16, 16)
    clip.write_bytes(lying)
    assert reason(await media.inspect(clip))
    await media.close()


async def test_a_clip_of_too_many_pictures_is_left(clip: Path) -> None:
    """The work has an end, whatever the file says."""
    media = Media(MediaLimits(pictures=20))
    assert "more than 20 pictures" in reason(await media.inspect(clip))
    await media.close()


async def test_damaged_clips_never_harm_a_child(media: Media, tmp_path: Path) -> None:
    """Sixty clips with bytes changed in index and media: each gets a verdict, soon."""
    chance = random.Random(3)
    path = tmp_path / "clip.mp4"
    for _ in range(60):
        data = bytearray(clip_bytes(64, 64, 1, 6))
        for _ in range(chance.randrange(1, 12)):
            data[chance.randrange(len(data))] = chance.choice([0, 1, 127, 128, 255])
        path.write_bytes(data)
        async with asyncio.timeout(10):
            await media.inspect(
                path, seconds=1, size=Size(64, 64), thumbnail=tmp_path / "t", spritesheet=tmp_path / "s"
            )


async def test_a_child_is_confined(media: Media, clip: Path) -> None:
    """Memory, files and processor time are limited by the kernel, and no core dump shows a clip."""
    await media.inspect(clip)
    (child,) = own_children()
    limits = Path(f"/proc/{child}/limits").read_text().splitlines()
    bounded = {line[:26].strip(): line[26:].split()[0] for line in limits}
    assert bounded["Max address space"] == str(1 << 30)
    assert bounded["Max core file size"] == "0"
    assert int(bounded["Max cpu time"]) <= 62
    assert int(bounded["Max file size"]) == 64 << 20
    assert "NoNewPrivs:\t1" in Path(f"/proc/{child}/status").read_text()


async def test_a_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch, media: Media, clip: Path) -> None:
    """The vendors' keys stand in the server's environment, not in the child's."""
    monkeypatch.setenv("A_VENDORS_KEY", "sk-secret")
    await media.inspect(clip)
    (child,) = own_children()
    assert b"secret" not in Path(f"/proc/{child}/environ").read_bytes()


def test_the_server_imports_neither_decoder_nor_pillow() -> None:
    """They cost the worker 40 MB and are a parser's worth of risk."""
    code = "import sys, gateway.assets.local, gateway.assets.media; print({'av', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_looking_says_what_hinders_it(clip: Path, tmp_path: Path) -> None:
    """In the child: no pictures, no such file, no pictures that can be decoded."""
    job = Job(path=str(clip), seconds=2, pixels_max=1 << 20, pictures_max=99, cpu_s_max=9)
    assert isinstance(look(job), Seen)
    (tmp_path / "sound.mp4").write_bytes(clip.read_bytes().replace(b"vide", b"soun").replace(b"vmhd", b"smhd"))
    assert isinstance(
        look(Job(path=str(tmp_path / "sound.mp4"), seconds=2, pixels_max=9, pictures_max=9, cpu_s_max=9)), Unfit
    )


# --- children that fail ------------------------------------------------------------------------------------------

FAKE = """
import sys, time, os, pathlib
marker = pathlib.Path(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    with marker.open("a") as file: file.write("job\\n")
    turn = len(marker.read_text().splitlines())
    {deed}
"""
GOOD = (
    """print('{"type":"seen","width":128,"height":128,"steady":true,"seconds":2,"pictures":24,"packets":24,"sound":true}',"""
    """ flush=True)"""
)


def fake(tmp_path: Path, deed: str, **limits: float) -> tuple[Media, Path]:
    """A media child that does as told, and the file that counts its jobs."""
    script, marker = tmp_path / "child.py", tmp_path / "marker"
    script.write_text(FAKE.format(deed=deed.replace("GOOD", GOOD)))
    pool = PoolLimits(**{"job_s": 5, **limits})  # type: ignore[arg-type]
    return Media(MediaLimits(pool=pool), command=[sys.executable, str(script), str(marker)]), marker


def jobs(marker: Path) -> int:
    return len(marker.read_text().splitlines()) if marker.exists() else 0


CRASH = "os.kill(os.getpid(), 11)"


@pytest.mark.parametrize(
    "deed", [CRASH, "sys.exit(0)", "print('rubbish', flush=True)", "print('x' * 99999, flush=True)"]
)
async def test_a_file_that_kills_two_children_is_wrong(tmp_path: Path, clip: Path, deed: str) -> None:
    """Twice is the file's fault: the video moves on and no third child dies for it."""
    media, marker = fake(tmp_path, deed)
    assert "did not survive" in reason(await media.inspect(clip))
    assert jobs(marker) == 2
    await media.close()


async def test_a_file_that_hangs_two_children_is_wrong(tmp_path: Path, clip: Path) -> None:
    """The clock ends what the kernel does not."""
    media, marker = fake(tmp_path, "time.sleep(60)", job_s=0.2)
    assert "did not survive" in reason(await media.inspect(clip))
    assert jobs(marker) == 2
    await media.close()
    assert own_children() == []


async def test_one_crash_is_not_the_files_fault(tmp_path: Path, clip: Path) -> None:
    """The machine may have killed the child; a fresh one decides."""
    media, marker = fake(tmp_path, f"{CRASH} if turn == 1 else GOOD")
    assert isinstance(await media.inspect(clip, seconds=2, size=SQUARE), Sound)
    assert jobs(marker) == 2
    await media.close()


@pytest.mark.parametrize(
    "command", [["/no/such/program"], [sys.executable, "-c", "1"], [sys.executable, "-c", "print(1)"]]
)
async def test_a_child_that_does_not_start_is_ours(clip: Path, command: list[str]) -> None:
    """Nothing is said about the file, and the error counts as storage trouble."""
    media = Media(command=command)
    with pytest.raises(MediaAway) as caught:
        await media.inspect(clip)
    assert isinstance(caught.value, StorageAway)
    await media.close()
    assert own_children() == []


async def test_a_child_that_never_gets_ready_is_ours(clip: Path) -> None:
    """And it does not stay behind."""
    media = Media(MediaLimits(pool=PoolLimits(ready_s=0.2)), command=["sleep", "60"])
    media_two = Media(
        MediaLimits(pool=PoolLimits(ready_s=0.2)), command=[sys.executable, "-c", "import time; time.sleep(60)"]
    )
    for one in (media, media_two):
        with pytest.raises(MediaAway):
            await one.inspect(clip)
        await one.close()
    assert own_children() == []


async def test_a_full_disk_is_ours(media: Media, clip: Path, tmp_path: Path) -> None:
    """A thumbnail that cannot be written, a clip that vanished: no word against the file."""
    with pytest.raises(MediaAway, match="No space"):
        await media.inspect(clip, thumbnail=Path("/dev/full"))
    with pytest.raises(StorageAway, match="ENOENT"):
        await media.inspect(tmp_path / "gone.mp4")


async def test_a_cancelled_job_ends_its_child(tmp_path: Path, clip: Path) -> None:
    """Nobody waits any more, so nobody decodes; the place is free for the next."""
    media, marker = fake(tmp_path, "time.sleep(60) if turn == 1 else GOOD", children=1)
    task = asyncio.create_task(media.inspect(clip))
    await until(lambda: jobs(marker) == 1)
    task.cancel()
    await asyncio.wait([task])
    await until(lambda: own_children() == [])
    assert isinstance(await media.inspect(clip), Sound)
    await media.close()


async def test_no_more_children_than_allowed(tmp_path: Path, clip: Path) -> None:
    """Ten clips at once, two children; who waits too long hears that it is ours."""
    media, marker = fake(tmp_path, "time.sleep(0.02); GOOD", children=2)
    verdicts = asyncio.gather(*(media.inspect(clip) for _ in range(10)))
    most = 0
    while not verdicts.done():
        most = max(most, len(own_children()))
        await asyncio.sleep(0.01)
    assert all(isinstance(verdict, Sound) for verdict in await verdicts)
    assert (most, jobs(marker)) == (2, 10)
    await media.close()

    busy, marker = fake(tmp_path, "time.sleep(60)", children=1, wait_s=0.1)
    holder = asyncio.create_task(busy.inspect(clip))
    await until(lambda: jobs(marker) == 11)
    with pytest.raises(MediaAway, match="free"):
        await busy.inspect(clip)
    await busy.close()
    with pytest.raises(MediaAway, match="closed"):
        await holder


async def test_children_are_kept_and_replaced(tmp_path: Path, clip: Path) -> None:
    """One child does several jobs, ends after its share, and ends when idle."""
    media, _ = fake(tmp_path, "GOOD", jobs_a_child=3, idle_s=0.3)
    served = []
    for _ in range(4):
        await media.inspect(clip)
        await asyncio.sleep(0.05)
        served.append(tuple(own_children()))
    assert served[0] == served[1] != ()
    assert served[2] == ()
    assert served[3] not in ((), served[0])
    await until(lambda: own_children() == [])
    await media.close()


def test_all_of_it_holds_on_uvloop(tmp_path: Path, clip: Path) -> None:
    """The server's loop is another than the tests': a sound clip, a crash, a hang, a cancel, and no child left."""

    async def work() -> None:
        media = Media()
        assert isinstance(await media.inspect(clip, seconds=2, size=SQUARE), Sound)
        await media.close()
        for deed in (CRASH, "time.sleep(60)", "print('x' * 99999, flush=True)"):
            media, _ = fake(tmp_path, deed, job_s=0.2)
            assert "did not survive" in reason(await media.inspect(clip))
            await media.close()
        media, _ = fake(tmp_path, "time.sleep(60)")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await media.inspect(clip)
        await media.close()

    uvloop.run(work())
    assert own_children() == []


PARENT = """
import asyncio, os, sys
from pathlib import Path
from gateway.assets.media import Media
async def main():
    media = Media()
    await media.inspect(Path(sys.argv[1]))
    print("here", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def test_a_child_dies_with_its_parent(clip: Path) -> None:
    """After a SIGKILL of the server nothing of it goes on decoding."""
    with subprocess.Popen([sys.executable, "-c", PARENT, str(clip)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"here\n"
        (child,) = children_of(parent.pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    end = time.monotonic() + 5
    while alive(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(child)


def children_of(pid: int) -> list[int]:
    """Live child processes, of any thread."""
    children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in _children_of_thread(task)]
    return [child for child in children if alive(child)]


def _children_of_thread(task: Path) -> list[int]:
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):  # the thread ended meanwhile
        return []


def own_children() -> list[int]:
    return [child for child in children_of(os.getpid()) if child not in _OTHERS]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)
