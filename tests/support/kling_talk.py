"""The kling adapter talking to the simulated vendor: what its tests ask, and both ends at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from providers.contract import Image, Size, Spec
from providers.kling import Kling, KlingSettings
from tests.support import kling_vendor
from tests.support.openai_talk import Talk, talking
from tests.support.pictures import png

HD = Size(1280, 720)
SECRET = "whsec_a2xpbmctc2ltdWxhdG9yLXNlY3JldC0wMDAx"
Pair = tuple[kling_vendor.Kling, Talk]


def create(**changes: Any) -> Spec:
    asked = {"model": "kling-3.0", "prompt": "A paper boat", "seconds": 3, "size": HD, "audio": True}
    return Spec(**{**asked, **changes})


def picture(size: Size = HD) -> Image:
    return Image(png(size.width, size.height), "image/png", size.width, size.height)


def adapter(api_key: str | None, **settings: Any) -> Kling:
    return Kling(KlingSettings.model_validate(settings), api_key)


@asynccontextmanager
async def both(folder: Path, settings: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[Pair]:
    async with (
        kling_vendor.kling(clips=str(folder), **options) as v,
        talking(adapter(v.api_key, **(settings or {})), v.base_url) as t,
    ):
        yield v, t
