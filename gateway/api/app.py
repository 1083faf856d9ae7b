"""The application: which path leads to which handler. Literal segments win over `{video_id}`.

What clients and vendors call is raw ASGI below Litestar: reading a video is one round trip to Redis, and little else
may be added. What lies below /v1 is found by our own table (`gateway.api.routing` says why). What operators call are
Litestar's own handlers, which it also documents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from litestar import Litestar, Request, Response, Router
from litestar.exceptions import HTTPException
from litestar.handlers import asgi
from litestar.openapi import OpenAPIConfig

from gateway.api import content, following, hooks, models, ops, quotes, usage, videos
from gateway.api.exchange import Exchange, of_error
from gateway.api.frame import EXCHANGE, Endpoint, Frame, Handler, unforeseen
from gateway.api.methods import heads
from gateway.api.refusals import of_litestar
from gateway.api.routing import Routes
from gateway.domain.errors import Absent, ClientError
from gateway.work.tools import Tools

VIDEO: Final = "/v1/videos/{video_id}"
Paths: TypeAlias = tuple[tuple[str, str, dict[str, Handler]], ...]
CLIENTS: Final[Paths] = (
    ("/v1/videos", "videos", {"GET": videos.list_page, "POST": videos.create}),
    ("/v1/videos/quote", "quote", {"POST": quotes.quote}),
    ("/v1/videos/edits", "edits", {"POST": videos.edit}),
    ("/v1/videos/extensions", "extensions", {"POST": videos.extend}),
    ("/v1/videos/characters", "characters", {"POST": videos.create_character}),
    ("/v1/videos/characters/{character_id}", "character", {"GET": videos.get_character}),
    (VIDEO, "video", {"GET": videos.retrieve, "DELETE": videos.delete_video}),
    (f"{VIDEO}/events", "events", {"GET": following.events}),
    (f"{VIDEO}/content", "content", {"GET": content.content}),
    (f"{VIDEO}/cancel", "cancel", {"POST": videos.cancel}),
    (f"{VIDEO}/remix", "remix", {"POST": videos.remix}),
    ("/v1/models", "models", {"GET": models.list_models}),
    ("/v1/models/{model...}", "model", {"GET": models.retrieve}),
    ("/v1/usage", "usage", {"GET": usage.of_project}),
)


def create_app(
    tools: Tools,
    *,
    ready: Callable[[], bool],
    admin: Sequence[Router] = (),
    document: OpenAPIConfig | None = None,
) -> Frame:
    """The ASGI application of one process. `ready`: whether it still wants requests; `admin`: what is below /admin;
    `document`: where and how Litestar describes that."""
    vendors: Paths = (
        ("/hooks/{provider}", "hooks", {"POST": hooks.call}),
        ("/hooks/{provider}/{name}", "hook", {"POST": hooks.call}),
    )
    operators: Paths = (
        ("/healthz", "healthz", {"GET": ops.health}),
        ("/readyz", "readyz", {"GET": ops.readiness(ready)}),
        ("/metrics", "metrics", {"GET": ops.scrape}),
    )
    routes = Routes((path, Endpoint(name, handlers)) for path, name, handlers in (*CLIENTS, *vendors, *operators))

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        exchange: Exchange = scope[EXCHANGE]
        found = routes.find(exchange.path)
        if found is None:
            await exchange.reply(of_error(_unknown_path()))
            return
        endpoint, exchange.path_params = found
        await endpoint.serve(exchange)

    app = Litestar(
        route_handlers=[
            asgi("/v1", is_mount=True, copy_scope=False, name="clients")(serve),
            asgi("/hooks", is_mount=True, copy_scope=False, name="vendors")(_again(serve)),
            *(asgi(path, copy_scope=False, name=name)(_again(serve)) for path, name, _ in operators),
            *admin,
        ],
        exception_handlers={Exception: _refused},
        openapi_config=document,
        logging_config=None,
        debug=False,
    )
    return Frame(heads(app), tools)


def _again(serve: Any) -> Any:
    """The same handler as another object: Litestar keeps a handler's settings on its function."""

    async def handler(scope: Any, receive: Any, send: Any) -> None:
        await serve(scope, receive, send)

    return handler


def _refused(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """What Litestar refuses, or a handler of operators raises."""
    refused: ClientError
    if isinstance(error, ClientError):
        refused = error
    elif isinstance(error, HTTPException) and error.status_code < 500:
        refused = of_litestar(error, _known_paths(request.scope["path"]))
    else:
        refused = unforeseen(error)
    answer = of_error(refused)
    headers = {name.decode("ascii"): value.decode("ascii") for name, value in answer.headers}
    return Response(answer.body, status_code=answer.status, media_type="application/json", headers=headers)


def _unknown_path() -> Absent:
    return Absent(f"Nothing is served at this path. {_known_paths('')}", code="unknown_path")


def _known_paths(path: str) -> str:
    if path.startswith("/admin"):
        return "/admin/docs shows what operators may ask for."
    known = ", ".join(path.replace("...", "") for path, _, _ in CLIENTS)
    return f"An id holds no slash, not even an encoded one. Known paths: {known}."
