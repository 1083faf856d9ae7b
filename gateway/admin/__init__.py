"""/admin: what operators do over HTTP. `PATHS` says which path leads to which handler, for the application to serve."""

from __future__ import annotations

from typing import Final

from gateway.admin import usage, videos
from gateway.api.frame import Handler

PATHS: Final[tuple[tuple[str, str, dict[str, Handler]], ...]] = (
    ("/admin/usage", "admin_usage", {"GET": usage.of_all}),
    ("/admin/videos/{video_id}", "admin_video", {"GET": videos.explained}),
)
