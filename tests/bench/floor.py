"""The floor: a bare Litestar application that reads one key of Redis, or writes one, and nothing else.

`python -m tests.bench.floor PORT FOLDER` serves it as `telecine serve` serves the product: the same HTTP server with
the same settings, and a private Valkey with the same ones.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from litestar import Litestar, Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from redis.asyncio import Redis

from gateway.config.models import Server
from gateway.serve.fleet import Fleet
from gateway.store.embedded import Embedded
from gateway.store.link import Link

VIDEO: Final = (
    b'{"id":"video_7a10c4e2b9d85f3361708e94ac5d02f7b6e81934d0527ac1","object":"video","created_at":1795200000,'
    b'"status":"in_progress","completed_at":null,"error":null,"expires_at":null,"model":"sora-2","progress":40,'
    b'"prompt":"A paper boat crosses a flooded chessboard","remixed_from_video_id":null,"seconds":"4",'
    b'"size":"720x1280"}'
)


def application(url: str) -> Litestar:
    redis: Any = Redis.from_url(url, protocol=2)
    link = Link(url)

    @get("/floor/{name:str}")
    async def look(name: str) -> Response[bytes]:
        return Response(await redis.get(name), media_type="application/json")

    @get("/alike/{name:str}")
    async def look_alike(name: str) -> Response[bytes]:
        """With the product's own client for Redis, which asks for less than redis-py."""
        return Response(await link.command("GET", name), media_type="application/json")

    @post("/floor", status_code=200)
    async def keep(
        data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.MULTI_PART)],
    ) -> Response[bytes]:
        await redis.hset("last", mapping=data)
        return Response(VIDEO, media_type="application/json")

    return Litestar([look, look_alike, keep], openapi_config=None, logging_config=None)


async def _seed(url: str) -> None:
    redis: Any = Redis.from_url(url, protocol=2)
    await redis.set("video", VIDEO)
    await redis.aclose()


def serve(port: int, url: str) -> None:
    server = Server()
    fleet = Fleet(
        host="127.0.0.1",
        port=port,
        workers=1,
        grace_s=1,
        header_timeout_s=server.header_timeout_s,
        connections_max=server.connections_max,
        tick=lambda: None,
    )
    fleet.run(partial(application, url))


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    multiprocessing.set_start_method("spawn", force=True)
    store = Embedded(folder)
    url = store.start()
    try:
        asyncio.run(_seed(url))
        serve(port, url)
    finally:
        store.stop()


if __name__ == "__main__":
    main()
