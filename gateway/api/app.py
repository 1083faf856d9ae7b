"""The application: which path leads to which handler. Literal segments win over `{video_id}`.

Handlers are raw ASGI below Litestar's router: reading a video is one round trip to Redis, and little else may be added.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import asgi

from gateway.api import content, models, ops, videos
from gateway.api.exchange import Answer, of_error
from gateway.api.frame import Frame, Handler, guarded
from gateway.domain.errors import Absent, BadInput, ClientError
from gateway.work.tools import Tools

VIDEO: Final = "/v1/videos/{video_id:str}"


def create_app(tools: Tools, *, ready: Callable[[], bool]) -> Frame:
    """The ASGI application of one process. `ready`: whether it still wants requests."""
    routes: list[tuple[str, str, dict[str, Any]]] = [
        ("/v1/videos", "videos", {"GET": videos.list_page, "POST": videos.create}),
        ("/v1/videos/edits", "edits", {"POST": videos.edit}),
        ("/v1/videos/extensions", "extensions", {"POST": videos.extend}),
        ("/v1/videos/characters", "characters", {"POST": videos.create_character}),
        ("/v1/videos/characters/{character_id:str}", "character", {"GET": videos.get_character}),
        (VIDEO, "video", {"GET": videos.retrieve, "DELETE": videos.delete_video}),
        (f"{VIDEO}/content", "content", {"GET": content.content}),
        (f"{VIDEO}/remix", "remix", {"POST": videos.remix}),
        ("/v1/models", "models", {"GET": models.list_models}),
        ("/v1/models/{model:path}", "model", {"GET": models.retrieve}),
        ("/healthz", "healthz", {"GET": ops.health}),
        ("/readyz", "readyz", {"GET": ops.readiness(ready)}),
        ("/metrics", "metrics", {"GET": ops.scrape}),
    ]

    app = Litestar(
        route_handlers=[_route(path, endpoint, handlers, tools) for path, endpoint, handlers in routes],
        exception_handlers={HTTPException: _unrouted},
        openapi_config=None,
        logging_config=None,
    )
    return Frame(app)


def _route(path: str, endpoint: str, handlers: dict[str, Handler], tools: Tools) -> Any:
    serve = guarded(handlers, tools, endpoint)

    async def handler(scope: Any, receive: Any, send: Any) -> None:
        await serve(scope, receive, send)

    return asgi(path, name=endpoint, copy_scope=False)(handler)


def _unrouted(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the router refuses before a handler is found."""
    refused: ClientError
    if error.status_code == 404:
        refused = Absent("Unknown path. The API of this gateway begins with /v1/videos.", code="unknown_path")
    else:
        refused = BadInput("The request cannot be read.", code="invalid_request")
    answer: Answer = of_error(refused)
    return Response(answer.body, status_code=answer.status, media_type="application/json")
