"""HEAD, and the header `Allow`, where Litestar's own router answers: as below /v1. It knows nothing of either."""

from __future__ import annotations

from typing import Any, Final

from gateway.api.exchange import Receive, Send
from gateway.api.frame import App

OPERATORS: Final = "/admin"
_ALLOW: Final = b"allow"


def heads(app: App) -> App:
    """A HEAD below /admin as its GET, whose body the exchange keeps back; an `Allow` that names HEAD beside GET."""

    async def serve(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(OPERATORS):
            await app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope["method"] = "GET"

        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [
                    (name, allowed_of(value.decode("ascii")).encode("ascii") if name.lower() == _ALLOW else value)
                    for name, value in message["headers"]
                ]
                message = {**message, "headers": headers}
            await send(message)

        await app(scope, receive, told)

    return serve


def allowed_of(methods: str) -> str:
    """Such as `DELETE, GET, HEAD`: in order, with HEAD where there is GET."""
    known = {one.strip() for one in methods.split(",") if one.strip()}
    return ", ".join(sorted(known | {"HEAD"} if "GET" in known else known))
