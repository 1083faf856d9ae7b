"""Children that decode may die, hang or lie without harm to the server."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import uvloop

from gateway.assets.media import Media, MediaLimits, Sound
from gateway.assets.store import MediaAway, StorageAway
from gateway.children.pool import PoolLimits
from tests.assets.processes import SQUARE, own_children, reason, until
from tests.support.processes import alive, children_of

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
