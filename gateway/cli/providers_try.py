"""`telecine providers try`: one cheapest clip, made as every video is: admitted, held, submitted, collected, settled.

It is a worker for that one clip's time, beside those of a gateway that runs, and does their work as well meanwhile.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import shutil
import struct
import time
import zlib
from pathlib import Path
from typing import Final

import click
import msgspec

from gateway.cli.failure import Failure
from gateway.cli.options import FILE, Place, json_option, option, place_options
from gateway.cli.output import print_json
from gateway.cli.vendors import endpoint_of, snapshot_of
from gateway.cli.working import with_house
from gateway.domain import ids
from gateway.domain.cheapest import Trial, cheapest
from gateway.domain.keys import SECRET_BYTES, Key, Project, digest, new_secret
from gateway.domain.ledger import utc_day
from gateway.domain.money import format_dollars, format_usd
from gateway.domain.requests import Hint, ask
from gateway.domain.videos import FINAL, State, Video
from gateway.runner import Runner
from gateway.snapshot import Snapshot
from gateway.store.store import Store
from gateway.wiring import Parts
from gateway.work import create
from gateway.work.caller import identify
from providers.contract import Json, Size, Verb

PROJECT: Final = "trials"
PROMPT: Final = "A paper boat crosses a flooded chessboard, morning light"
KEY_LIFE_MS: Final = 3_600_000
LOOK_S: Final = 0.2
STOP_S: Final = 5.0


@click.command("try")
@click.argument("name")
@option("--yes", is_flag=True, help="Make it; without this only its price is said.")
@option("--out", type=FILE, metavar="FILE", help="Save the clip there.")
@json_option
@place_options
def try_(name: str, *, yes: bool, out: Path | None, json: bool, place: Place) -> None:
    """Make one clip at the provider NAME, the cheapest that its routes make, and say what it cost.

    It costs what the vendor takes, is charged to the project "trials", and counts for budgets like any other video.

    \b
    EXIT STATUS
      0  the clip is there
      1  it is not, or --yes was missing; one sentence says why

    \b
    EXAMPLES
      telecine providers try mock
      telecine providers try mock --yes --out boat.mp4
    """
    snapshot = snapshot_of(place)
    endpoint_of(snapshot, name)
    trial = _trial(snapshot, name)
    words = f"a clip of {trial.seconds} s at {trial.size} by {trial.route.name}"
    if not yes:
        raise Failure(f"{words} costs {format_dollars(trial.price_micros)} by the price list; --yes makes it")
    if out is not None and not (out.parent.is_dir() and os.access(out.parent, os.W_OK)):
        raise Failure(f"nothing was made: no file can be written in {out.parent}; name another one with --out")
    if not json:
        click.echo(f"making {words} for {format_dollars(trial.price_micros)}")
    said = with_house(place, lambda parts: _tried(parts, snapshot, trial, out, quiet=json))
    if json:
        print_json(said)
    elif said["status"] == "completed":
        click.echo(f"{said['video']} is ready after {said['took_s']} s and cost ${said['cost_usd']}")
    if said["status"] != "completed":
        raise Failure(f"{said['video']} failed and cost ${said['cost_usd']}: {said['error']}")


def _trial(snapshot: Snapshot, name: str) -> Trial:
    routes = [route for route in snapshot.routes.values() if route.provider == name]
    found = cheapest(routes, utc_day(time.time_ns() // 1_000_000))
    if found is None:
        raise Failure(f"{name} has no route that makes a clip from words or an image; add one to a model")
    return found


async def _tried(parts: Parts, snapshot: Snapshot, trial: Trial, out: Path | None, *, quiet: bool) -> dict[str, Json]:
    runner = Runner(parts.tools, name=secrets.token_hex(6))
    began_s = time.monotonic()
    key = await _key(parts.tools.store)
    video = await _created(parts, snapshot, trial, digest(key))
    if not quiet:  # a doubt may last until the deadline, and whoever stops waiting has to find it again
        click.echo(f"it is {video.id}; telecine explain {video.id} tells how it goes")
    runner.start()
    try:
        video = await _ended(parts, video.id, video.deadline_ms)
    finally:
        await runner.stop(STOP_S)
    took_s = round(time.monotonic() - began_s, 1)
    if video.state is State.COMPLETED and out is not None:
        await asyncio.to_thread(_save, parts.tools.assets.path(video.assets[0].name), out)
    return {
        "video": video.id,
        "status": "completed" if video.state is State.COMPLETED else "failed",
        "route": video.current_attempt.route,
        "price_usd": format_usd(trial.price_micros),
        "cost_usd": format_usd(sum(one.cost_micros for one in video.attempts)),
        "took_s": took_s,
        "error": video.error.message if video.error else None,
    }


def _save(clip: Path, out: Path) -> None:
    """What is paid for is not lost to a full disk."""
    try:
        shutil.copyfile(clip, out)
    except OSError as error:
        raise Failure(f"the clip is made, but could not be written to {out}: it is {clip}") from error


async def _key(store: Store) -> str:
    """A key of the project of trials, good for an hour: its secret."""
    now_ms, secret = time.time_ns() // 1_000_000, new_secret(os.urandom(SECRET_BYTES))
    project = await store.find_project(PROJECT)
    if project is None:
        await store.create_project(Project(id=ids.project_id(os.urandom(12)), name=PROJECT, created_ms=now_ms))
        project = await store.find_project(PROJECT)
    assert project is not None
    key = Key(
        id=ids.key_id(os.urandom(12)),
        project=project.id,
        name="providers try",
        created_ms=now_ms,
        expires_ms=now_ms + KEY_LIFE_MS,
    )
    if not isinstance(await store.create_key(key, digest(secret)), Key):
        raise Failure(f'the project "{PROJECT}" is closed, so nothing can be tried')
    return secret


async def _created(parts: Parts, snapshot: Snapshot, trial: Trial, key_hash: str) -> Video:
    model = next(model.name for model in snapshot.models.values() if trial.route in model.routes)
    fields: dict[str, Json] = {
        "model": model,
        "prompt": PROMPT,
        "seconds": trial.seconds,
        "size": str(trial.size),
        "routing": {"only": [trial.route.provider], "strategy": "cheapest"},
        "max_cost_usd": format_usd(trial.price_micros),
        "reuse": False,
        "audio": trial.audio,
        **({"input_reference": {"image_url": _picture(trial.size)}} if trial.from_image else {}),
    }
    caller = await identify(parts.tools, key_hash)
    made = await create.create_video(parts.tools, caller, ask(Verb.CREATE, fields, {}), Hint())
    video = await parts.tools.store.read(msgspec.json.decode(made.face)["id"])
    assert video is not None
    return video


async def _ended(parts: Parts, video_id: str, deadline_ms: int) -> Video:
    """The record once it is final: at its deadline at the latest, and what that takes to be seen."""
    while True:
        video = await parts.tools.store.read(video_id)
        if video is None:
            raise Failure(f"{video_id} is gone")
        if video.state in FINAL:
            return video
        if parts.tools.clock.now_ms() > deadline_ms + 60_000:
            raise Failure(f"{video_id} has not ended yet; telecine explain {video_id} tells why")
        await asyncio.sleep(LOOK_S)


def _picture(size: Size) -> str:
    """A plain grey image of the size, as a data URL."""
    rows = (b"\0" + b"\x80" * size.width) * size.height
    header = struct.pack(">IIBBBBB", size.width, size.height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()
