"""Content and memory: a clip of 50 MB, fetched in turn with nginx, then by many slow readers at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench import beside, load, stage
from tests.bench.pace import Pace, tell, tell_processes
from tests.bench.rows import Row, Target
from tests.support.clips import clip_bytes
from tests.support.gateway import Gateway, until

CLIP_BYTES: Final = 50_000_000
SLOW_READERS: Final = 100
SLOW_BYTES_PER_S: Final = 100_000


def content(folder: Path, pace: Pace) -> list[Row]:
    """A clip of 50 MB, fetched whole in turn with nginx; then by many slow readers at once, with an eye on memory."""
    tell("content")
    folder.mkdir(parents=True)
    clip = large_clip(folder / "clips" / "720x1280_4.mp4")
    with (
        beside.rendering_vendor(folder, clip.parent) as vendor,
        beside.nginx(folder, clip.parent) as floor,
        stage.product(folder / "product", vendor, poll_min_s=0.5, poll_max_s=0.5) as (gateway, key),
    ):
        time.sleep(1.0)
        idle = memory(gateway)
        path = f"/v1/videos/{completed(gateway, key)}/content"
        tell_processes(gateway)
        ours, floors = [], []
        for _ in range(pace.rounds):
            ours.append(_fetch(folder, gateway.port, stage.get(path, key), pace))
            if floor is not None:
                floors.append(_fetch(folder, floor, stage.get(f"/{clip.name}"), pace))
        why = "no nginx to be had" if floor is None else "-"
        before = memory(gateway)
        with streaming(folder, gateway.port, stage.get(path, key), pace):
            during = memory(gateway)
    tell(f"  resident, idle:      {_told(idle)}\n  resident, streaming: {_told(during)}")
    return [
        Row(
            name="content of 50 MB, one reader",
            unit="MB/s",
            products=[one.mb_per_s for one in ours],
            floors=[one.mb_per_s for one in floors],
            why_no_floor=why,
        ),
        Row(
            name="first byte of 50 MB, p50",
            unit="ms",
            products=[one.first_byte_p50_ms for one in ours],
            floors=[one.first_byte_p50_ms for one in floors],
            why_no_floor=why,
            target=Target(most=10),
        ),
        Row(
            name="first byte of 50 MB, p99",
            unit="ms",
            products=[one.first_byte_p99_ms for one in ours],
            floors=[one.first_byte_p99_ms for one in floors],
            why_no_floor=why,
        ),
        *_memory_rows(idle, before, during),
    ]


def large_clip(path: Path) -> Path:
    """A real clip, made 50 MB large by a box of padding."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = clip_bytes(720, 1280, 4)
    padding = CLIP_BYTES - len(data)
    path.write_bytes(data + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8))
    return path


def completed(gateway: Gateway, key: str) -> str:
    """The id of a video whose clip is here."""
    url = f"{gateway.base_url}/videos"
    ident: str = stage.call(url, key, stage.create(key))["id"]
    ended = until(lambda: stage.call(f"{url}/{ident}", key)["status"] in ("completed", "failed"), 60, every_s=0.1)
    video = stage.call(f"{url}/{ident}", key)
    assert ended and video["status"] == "completed", video
    return ident


def _fetch(folder: Path, port: int, request: str, pace: Pace) -> load.Fetched:
    fetched = stage.ask(folder, load.Fetch(port=port, request=request, times=pace.fetches), load.Fetched)
    assert fetched.size_bytes == CLIP_BYTES, fetched
    return fetched


@contextmanager
def streaming(folder: Path, port: int, request: str, pace: Pace) -> Iterator[None]:
    """The block runs when many slow readers are halfway."""
    plan = load.Slow(
        port=port,
        request=request,
        connections=SLOW_READERS,
        seconds=pace.slow_s,
        bytes_per_s=SLOW_BYTES_PER_S,
    )
    with stage.asking(folder, plan) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(pace.slow_s / 2)
        yield
        out, _ = process.communicate(timeout=stage.LOAD_S_MAX)
        tell(f"  {SLOW_READERS} slow readers: {out.decode().strip()}")


def memory(gateway: Gateway) -> dict[str, float]:
    """Resident MB by role."""
    found: dict[str, float] = {}
    for pid, role in stage.roles(gateway).items():
        found[role] = found.get(role, 0) + stage.resident_mb(pid)
    return found


def _told(found: Mapping[str, float]) -> str:
    return ", ".join(f"{role} {size:.0f} MB" for role, size in sorted(found.items()))


def _memory_rows(idle: Mapping[str, float], before: Mapping[str, float], during: Mapping[str, float]) -> list[Row]:
    rows = [
        Row(
            name=f"memory of the {role}, idle",
            unit="MB",
            products=[size],
            target=Target(most=120) if role == "worker" else Target(),
        )
        for role, size in sorted(idle.items(), reverse=True)
    ]
    growth = Row(
        name=f"memory of the worker, growth while {SLOW_READERS} slow readers stream",
        unit="MB",
        products=[max(0.0, during["worker"] - before["worker"])],
        target=Target(most=20),
    )
    return [*rows, growth]
