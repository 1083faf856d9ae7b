"""How the simulated vendor misbehaves on the wire once a fault is due. Every wait is bounded."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from tests.support.vendor_contract import Refusal
from tests.support.vendor_faults import Fault

HANG_S_MAX = 600.0
CHUNK_BYTES = 64 * 1024
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
GARBAGE = b'{"id": "video_'


class Gone(Exception):
    """The connection was ended on purpose."""


async def misbehave(
    request: web.Request, fault: Fault, response: web.StreamResponse | None = None
) -> web.StreamResponse | None:
    """The fault's answer; None where things go on after it. `response` is the true one, if there is one already."""
    match fault.do:
        case "refuse":
            wait = {} if fault.retry_after is None else {"retry_after": fault.retry_after}
            raise Refusal(fault.status, fault.message, fault.code, kind=fault.kind, **wait)
        case "close":
            close(request, reset=fault.reset)
            raise Gone
        case "hang":
            await asyncio.sleep(min(fault.seconds, HANG_S_MAX))
            return None
        case "html":
            return web.Response(body=PAGE, status=fault.status, content_type="text/html")
        case "garbage":
            return web.Response(body=GARBAGE, content_type="application/json")
        case "empty":
            return web.Response(body=b"", content_type="application/json")
        case _ if isinstance(response, web.Response) and isinstance(response.body, bytes):
            return await maim(request, fault, response, response.body)
        case _:
            return None


def close(request: web.Request, *, reset: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    opened = transport.get_extra_info("socket")
    if reset and opened is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def maim(request: web.Request, fault: Fault, response: web.Response, body: bytes) -> web.StreamResponse:
    """The true answer, cut in the middle or a byte at a time."""
    stream = web.StreamResponse(status=response.status, headers=_headers(response.headers, len(body)))
    await stream.prepare(request)
    if fault.do == "half":
        await stream.write(body[: len(body) // 2])
        await asyncio.sleep(0.05)  # let the half leave before the connection ends
        close(request, reset=False)
        raise Gone
    for index in range(len(body)):
        await stream.write(body[index : index + 1])
        await asyncio.sleep(min(fault.seconds, HANG_S_MAX))
    await stream.write_eof()
    return stream


async def misserve(request: web.Request, fault: Fault, path: Path, headers: Mapping[str, str]) -> web.StreamResponse:
    """Not all of a clip, or all of it slowly; a wrong clip is simply sent."""
    if fault.do not in ("truncate", "cut", "cut_unmeasured", "slow"):
        return web.FileResponse(path, headers=headers)
    clip = path.read_bytes()
    half = clip[: len(clip) // 2]
    sent = clip if fault.do == "slow" else half
    promised = len(half) if fault.do == "cut" else len(clip)
    unmeasured = fault.do == "cut_unmeasured"
    stream = web.StreamResponse(headers=headers if unmeasured else _headers(headers, promised))
    await stream.prepare(request)
    for start in range(0, len(sent), CHUNK_BYTES):
        await stream.write(sent[start : start + CHUNK_BYTES])
        if fault.do == "slow":
            await asyncio.sleep(min(fault.seconds, HANG_S_MAX))
    if fault.do == "truncate":
        await asyncio.sleep(0.05)
        close(request, reset=False)
        raise Gone
    await stream.write_eof()
    return stream


def _headers(headers: Mapping[str, str], size_bytes: int) -> dict[str, str]:
    return {**headers, "Content-Length": str(size_bytes)}
