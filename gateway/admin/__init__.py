"""/admin: what operators do over HTTP. `router` has the handlers, `document` says how Litestar describes them."""

from __future__ import annotations

from typing import Final

from litestar import Router
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from gateway import __version__
from gateway.admin import audit, budgets, config, keys, projects, providers, usage, videos, webhooks
from gateway.admin.desk import desk_of, framed, may
from gateway.admin.page import PlainPage

ROOMS: Final = (config, projects, keys, budgets, providers, videos, webhooks, usage, audit)
HANDLERS: Final = tuple(one for room in ROOMS for one in room.HANDLERS)
DOCS: Final = "/admin/docs"


def router() -> Router:
    return Router(
        "/admin",
        route_handlers=HANDLERS,
        guards=[may],
        middleware=[framed],
        dependencies={"desk": Provide(desk_of)},
        request_max_body_size=None,  # `framed` bounds it, and says so in our words
    )


def document() -> OpenAPIConfig:
    """Read without a key: it tells nothing that the source does not."""
    key = SecurityScheme(type="http", scheme="bearer", description="A key of role 10 or more.")
    return OpenAPIConfig(
        title="Telecine: administration",
        version=__version__,
        path=DOCS,
        render_plugins=[PlainPage()],
        components=Components(security_schemes={"key": key}),
        security=[{"key": []}],
        use_handler_docstrings=True,
    )
