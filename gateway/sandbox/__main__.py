"""`python -m gateway.sandbox --socket PATH --data DIR`: the mock's vendor as a process of its own.

Says `ready PATH` on stdout once it listens. Ends on SIGTERM, and on Linux when the process that started it ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

from gateway.lifetime import end_with_parent
from gateway.log import take_over_libraries
from gateway.sandbox.counter import Counter, Defaults
from gateway.sandbox.fates import FOR_CHARACTERS, WrongDirective, by_default, manual
from gateway.sandbox.keyring import keys_of
from gateway.sandbox.memory import Memory
from gateway.sandbox.seal import Seal
from gateway.sandbox.server import Server
from gateway.sandbox.shelf import Shelf
from gateway.sandbox.studio import Studio

MANUAL = """\
Directives for prompts, as [mock:NAME] or [mock:NAME=ARGUMENT], and for --fate. Several stand in one pair of brackets,
[mock:fast,break], or in several; [mock@sora-2-pro:break] is for that upstream model, or that `name` in the provider's
settings, alone. Square brackets below are for what may be left out.

{directives}

In a character's name these work as well, slow and queue on the answer: {for_characters};
of block, only now.

A directive that does not exist, or whose argument is not one of these, fails the video with invalid_request, and the
sandbox says on stderr (the gateway's log) what is wrong with it: the event wrong_directive. telecine videos show tells
it as well.
"""
SOCKET_BYTES_MAX = 107
CLIPS_BYTES_MAX = 512 * 1024**2
UPLOADS_BYTES_MAX = 512 * 1024**2
LOCK_S_MAX = 10.0
STOP_S_MAX = 1.0


def main() -> None:
    options = _options()
    end_with_parent(os.getppid() if options.parent is None else options.parent, signal.SIGTERM)
    take_over_libraries()
    data: Path = options.data
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(data / "lock"):
        asyncio.run(_serve(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m gateway.sandbox",
        description="The simulated vendor behind the mock provider, on a Unix socket.",
        epilog=MANUAL.format(directives=manual(), for_characters=", ".join(sorted(FOR_CHARACTERS))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--socket", type=Path, required=True, help=f"at most {SOCKET_BYTES_MAX} bytes long")
    parser.add_argument("--data", type=Path, required=True, help="directory for clips, uploads and the list of jobs")
    parser.add_argument("--parent", type=int, help="process that this one ends with; default: who started it")
    parser.add_argument("--queue-seconds", type=float, default=0.5, help="before rendering begins (default 0.5)")
    parser.add_argument("--render-seconds", type=float, default=6.0, help="until a job is completed (default 6)")
    parser.add_argument(
        "--fate", default="", help="default directives with probabilities, such as 'break:0.1 slow:0.2'"
    )
    options = parser.parse_args()
    if len(os.fsencode(options.socket)) > SOCKET_BYTES_MAX:
        parser.error(f"the socket's path is longer than {SOCKET_BYTES_MAX} bytes")
    try:
        by_default(options.fate, lambda _: 1.0)
    except WrongDirective as error:
        parser.error(str(error))
    return options


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One sandbox per data directory. A forerunner whose parent was killed is given time to end."""
    with path.open("w") as lock:
        deadline = time.monotonic() + LOCK_S_MAX
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    sys.exit(f"another sandbox uses {path.parent}")
                time.sleep(0.02)
        yield


async def _serve(options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    memory = Memory(options.data / "jobs.jsonl")
    uploads = Shelf(options.data / "uploads", UPLOADS_BYTES_MAX)
    studio = Studio(Shelf(options.data / "clips", CLIPS_BYTES_MAX), uploads)
    defaults = Defaults(queue_s=options.queue_seconds, render_s=options.render_seconds, fate=options.fate)
    counter = Counter(
        memory,
        studio,
        defaults,
        seal=Seal(keys_of(options.data)),
        now_ms=lambda: time.time_ns() // 1_000_000,
        nonce=lambda: secrets.token_hex(6),
    )
    # A handler ends when its client leaves, so that nobody who hangs up hangs here.
    runner = web.AppRunner(
        Server(counter, studio, uploads, stopping).application(),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=STOP_S_MAX,
    )
    await runner.setup()
    try:
        options.socket.unlink(missing_ok=True)  # of a forerunner that was killed
        await _listen(runner, options.socket)
        print(f"ready {options.socket}", flush=True)  # noqa: T201 - whoever started us waits for this line
        await stopping.wait()
    finally:
        options.socket.unlink(missing_ok=True)
        await runner.cleanup()
        await studio.close()
        memory.close()


async def _listen(runner: web.AppRunner, socket: Path) -> None:
    """Nobody but the owner may connect, from the first moment on."""
    before = os.umask(0o177)
    try:
        await web.UnixSite(runner, str(socket), backlog=1024).start()
    finally:
        os.umask(before)


if __name__ == "__main__":
    main()
