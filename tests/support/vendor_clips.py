"""The simulated vendor's clips: real MP4s in a folder, one for each size and length, made when first asked for."""

from __future__ import annotations

import asyncio
import io
import os
from functools import lru_cache
from pathlib import Path

FPS = 4  # every clip that a vendor delivers is decoded, and few tests look at its pictures


class Clips:
    """Files named `<W>x<H>_<s>.mp4`. Somebody else may have put them there; several processes may share the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._making = asyncio.Lock()

    async def path(self, size: str, seconds: str) -> Path:
        path = self.folder / f"{size}_{seconds}.mp4"
        if not path.exists():
            async with self._making:
                if not path.exists():
                    await asyncio.to_thread(_make, path, size, int(seconds))
        return path

    @staticmethod
    @lru_cache(maxsize=4)
    def picture(media_type: str) -> bytes:
        from PIL import Image  # only who asks for a picture pays for it

        out = io.BytesIO()
        Image.new("RGB", (64, 64), (40, 90, 160)).save(out, media_type.rpartition("/")[2].upper())
        return out.getvalue()


def _make(path: Path, size: str, seconds: int) -> None:
    from tests.support.clips import make_clip  # brings av, which a vendor with ready clips never needs

    width, _, height = size.partition("x")
    aside = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
    try:
        make_clip(aside, int(width), int(height), seconds, FPS)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
