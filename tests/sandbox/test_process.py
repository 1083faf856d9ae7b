"""The sandbox as a process: it starts, ends, leaves nothing behind, and its jobs outlive it."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.sandbox.fates import DIRECTIVES
from gateway.sandbox.keyring import KEY_BYTES, put_first
from providers.contract import Accepted, Broken, Exactly, Finished, Running, Size, Why
from tests.support.processes import alive
from tests.support.sandbox import Sandbox, descendants, refused, spec
from tests.support.watching import watch

GONE_S_MAX = 10.0
NOW = ("--queue-seconds", "0", "--render-seconds", "0")
LONG = spec("boat [mock:fast]", model="sora-2-pro", size=Size(1920, 1080), seconds=20)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + GONE_S_MAX
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def rendering(sandbox: Sandbox) -> set[int]:
    """The render processes, once there is one."""
    assert sandbox.process is not None
    pid = sandbox.process.pid
    until(lambda: bool(descendants(pid)), "nothing is rendered")
    return descendants(pid)


def gone(pids: set[int]) -> None:
    until(lambda: not any(map(alive, pids)), "a process lives on")


def test_it_ends_cleanly_on_sigterm() -> None:
    """Status 0, the socket gone, also while somebody waits for an answer that never comes."""
    with Sandbox(*NOW) as sandbox:
        assert stat.S_IMODE(sandbox.socket.stat().st_mode) == 0o600
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(sandbox.socket), verify=False)) as client:
            body = '{"model": "mock-video", "prompt": "[mock:hang]", "seconds": 1, "width": 128, "height": 128}'
            with pytest.raises(httpx.ReadTimeout):
                client.post("http://s/jobs", content=body, headers={"authorization": "Bearer x"}, timeout=0.3)
        assert sandbox.stop() == 0
        assert not sandbox.socket.exists()


async def test_a_stop_ends_what_is_being_rendered() -> None:
    """No render process survives SIGTERM, none survives SIGKILL, and what was half written is swept away."""
    with Sandbox(*NOW) as sandbox:
        for number in (signal.SIGTERM, signal.SIGKILL):
            async with sandbox.mock() as mock:
                await mock.accepted(LONG)
            renderers = rendering(sandbox)
            assert sandbox.stop(number) == (0 if number == signal.SIGTERM else -signal.SIGKILL)
            gone(renderers)
            sandbox.start()
            assert list((sandbox.data / "clips").iterdir()) == []


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """Whoever started it may be killed outright."""
    sandbox = Sandbox(*NOW)
    with sandbox.folder.joinpath("out").open("w") as out:
        code = f"import subprocess as s, time; print(s.Popen({sandbox.command()!r}).pid, flush=True); time.sleep(60)"
        with subprocess.Popen([sys.executable, "-c", code], stdout=out, stdin=subprocess.DEVNULL) as parent:
            until(sandbox.socket.exists, "the sandbox does not start")
            said = sandbox.folder.joinpath("out").read_text
            until(lambda: "\n" in said(), "its parent, which may come to it later, does not say its number")
            pid = int(said().partition("\n")[0])
            assert alive(pid)
            parent.kill()
        gone({pid})
        until(lambda: not sandbox.socket.exists(), "the socket stays")


def test_a_parent_that_has_ended_already_is_noticed() -> None:
    """Between the start and the wish to end with it."""
    sandbox = Sandbox()
    done = subprocess.run(
        [*sandbox.command(), "--parent", "1"], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode != 0 and "parent" in done.stderr


async def test_jobs_outlive_the_process() -> None:
    """Killed and started again, it knows ids, keys, cancels and uploads; unfinished jobs finish."""
    with Sandbox("--queue-seconds", "0", "--render-seconds", "0.5") as sandbox:
        async with sandbox.mock() as mock:
            since_ms = mock.now_ms()
            running = await mock.accepted("boat", key="k")
            cancelled = await mock.accepted("boat [mock:slow]")
            await mock.cancel(cancelled)
            done = await mock.accepted("boat [mock:fast]")
            _, before = await mock.download(done, await mock.finished(done))
        assert sandbox.stop(signal.SIGKILL) == -signal.SIGKILL
        for clip in (sandbox.data / "clips").iterdir():
            clip.unlink()
        sandbox.start()
        async with sandbox.mock() as mock:
            assert await mock.find("boat", "k", since_ms) == Exactly(running)
            assert await mock.submit("boat", key="k", send="resend") == Accepted(running)
            assert isinstance(await mock.end(running), Finished)
            assert isinstance(await mock.end(cancelled), Broken)
            _, after = await mock.download(done, await mock.finished(done))
        assert after == before


async def test_ids_of_another_installation_work(tmp_path: Path) -> None:
    """Even the data may be lost: the id and the key are enough for what needs no upload; the id alone is not."""
    first, second, stranger = Sandbox(*NOW), Sandbox(*NOW), Sandbox(*NOW)
    for one in (first, second):
        put_first(one.data, b"s" * KEY_BYTES)
    with first, second, stranger:
        async with first.mock() as mock:
            ref = await mock.accepted("boat")
        async with second.mock() as mock:
            _, body = await mock.download(ref, await mock.finished(ref))
        async with stranger.mock() as mock:
            assert refused(await mock.poll(ref)).why is Why.NOT_FOUND
    assert watch(body).seconds == 1


def test_two_do_not_share_a_directory() -> None:
    """A second one waits a while for the first to end, and then takes over its socket."""
    with Sandbox(*NOW) as first:
        second = Sandbox(*NOW)
        second.data, second.socket = first.data, first.socket
        process = subprocess.Popen(second.command(), stdout=subprocess.PIPE, text=True)
        try:
            time.sleep(1)
            assert process.poll() is None and first.socket.exists()
            assert first.stop() == 0
            assert process.stdout is not None and process.stdout.readline() == f"ready {first.socket}\n"
            assert first.socket.exists()
        finally:
            process.terminate()
            process.communicate()


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    """With a sentence, not with a traceback."""
    path = tmp_path / ("x" * 108)
    command = [sys.executable, "-m", "gateway.sandbox", "--socket", str(path), "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and "107" in done.stderr and "Traceback" not in done.stderr


def test_help_names_every_directive() -> None:
    """The command explains itself; a wrong default fate is refused at the start."""
    command = [sys.executable, "-m", "gateway.sandbox"]
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=20, check=True)
    assert all(f"  {name}" in done.stdout for name in DIRECTIVES)
    assert "wrong_directive" in done.stdout and "character's name" in done.stdout
    wrong = subprocess.run(
        [*command, "--socket", "s", "--data", "d", "--fate", "brek:0.1"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert wrong.returncode == 2 and "'brek'" in wrong.stderr


@contextmanager
def heard(tmp_path: Path) -> Iterator[tuple[Sandbox, httpx.Client]]:
    """A sandbox whose stderr goes to `err`, and a client of it."""
    sandbox = Sandbox(*NOW)
    with (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(
            [*sandbox.command(), *NOW], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err
        )
    until(sandbox.socket.exists, "the sandbox does not start")
    transport = httpx.HTTPTransport(uds=str(sandbox.socket), verify=False)
    try:
        with httpx.Client(base_url="http://s", transport=transport, headers={"authorization": "Bearer x"}) as client:
            yield sandbox, client
    finally:
        process.terminate()
        process.wait(GONE_S_MAX)


def test_a_wrong_directive_is_said_where_the_operator_looks(tmp_path: Path) -> None:
    """The answer of a vendor reaches no client, so the sandbox's sentence is a line of the log, without the prompt."""
    with heard(tmp_path) as (_, client):
        wanted = {
            "model": "mock-video",
            "prompt": "canary [mock:block=alice-smith]",
            "seconds": 1,
            "width": 64,
            "height": 64,
        }
        assert client.post("/jobs", json=wanted).status_code == 400
        form = {"spec": ("s", b'{"name": "canary [mock:forget]"}'), "video": ("v", b"clip")}
        assert client.post("/characters", files=form).status_code == 400
    said = [json.loads(line) for line in (tmp_path / "err").read_text().splitlines()]
    assert [(line["event"], line["level"]) for line in said] == [("wrong_directive", "warning")] * 2
    assert "block[=now|halfway]" in said[0]["reason"] and "'forget'" in said[1]["reason"]
    assert "alice" not in (tmp_path / "err").read_text()
    assert "canary" not in (tmp_path / "err").read_text()


async def test_a_default_fate_holds_for_every_job() -> None:
    """Until a prompt says otherwise."""
    with Sandbox("--fate", "refuse=overloaded slow=60", "--queue-seconds", "0") as sandbox:
        async with sandbox.mock() as mock:
            assert refused(await mock.submit("boat")).why is Why.OVERLOADED
    with Sandbox("--fate", "slow=60", "--queue-seconds", "0") as sandbox:
        async with sandbox.mock() as mock:
            assert isinstance(await mock.poll(await mock.accepted("boat")), Running)
            assert isinstance(await mock.end(await mock.accepted("boat [mock:fast]")), Finished)


async def test_the_server_process_stays_small(sandbox: Sandbox) -> None:
    """It never imports av or Pillow, whatever it renders."""
    async with sandbox.mock() as mock:
        await mock.clip("boat")
    assert sandbox.process is not None
    mapped = Path(f"/proc/{sandbox.process.pid}/maps").read_text()
    assert "libavcodec" not in mapped and "_imaging" not in mapped
    status = Path(f"/proc/{sandbox.process.pid}/status").read_text()
    resident_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident_kb < 80_000


async def test_many_jobs_are_rendered_a_few_at_a_time(sandbox: Sandbox) -> None:
    """Two processes at once, and every job gets its clip."""
    assert sandbox.process is not None
    most = 0
    async with sandbox.mock() as mock:
        refs = [await mock.accepted(f"boat number {n}") for n in range(6)]
        ends = asyncio.gather(*(mock.end(ref) for ref in refs))
        while not ends.done():
            most = max(most, len(descendants(sandbox.process.pid)))
            await asyncio.sleep(0.01)
        assert all(isinstance(end, Finished) for end in await ends)
    assert 1 <= most <= 2


def test_what_nobody_foresaw_is_one_line_of_the_log_without_a_traceback(tmp_path: Path) -> None:
    """A folder that became a file, say."""
    with heard(tmp_path) as (sandbox, client):
        uploads = sandbox.data / "uploads"
        uploads.rmdir()
        uploads.write_bytes(b"")
        spec = b'{"model": "mock-video", "prompt": "boat", "seconds": 1, "width": 64, "height": 64}'
        assert client.post("/jobs", files={"spec": ("s", spec), "image": ("i", b"image")}).status_code == 500
    said = [json.loads(line) for line in (tmp_path / "err").read_text().splitlines()]
    assert [(line["event"], line["error"]) for line in said] == [("library", "FileExistsError")]
