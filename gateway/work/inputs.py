"""The files that a request brings: measured first, stored under the new video's name when nothing else can refuse it.

They are taken away again unless the video was admitted, or may have been.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from gateway.assets.media import Sound
from gateway.assets.store import AssetMissing, StorageAway
from gateway.domain.assets import NOT_HERE, image_name, last_image_name, source_name
from gateway.domain.errors import BadInput, ClientError, Unavailable
from gateway.domain.mp4 import WrongFile
from gateway.domain.references import FIRST_FRAME, LAST_FRAME, ImageBytes, ImageGiven, ImageLink, Upload, measured
from gateway.domain.requests import Asked
from gateway.domain.videos import SourceVideo, StoredImage, Video
from gateway.log import log
from gateway.upstream.images import ImageRefused
from gateway.work.tools import Tools
from providers.contract import IMAGE_BYTES_MAX

UPLOAD_SECONDS_MAX = 600


class Inputs:
    """An async context: leaving it without `keep()` removes what was stored."""

    def __init__(self, tools: Tools, project: str, video_id: str) -> None:
        self._tools = tools
        self.video_id = video_id
        self._images: list[tuple[str, ImageBytes]] = []
        self._stored: list[str] = []
        self._entering = False
        self._project = project
        self._shares = ExitStack()

    async def __aenter__(self) -> Inputs:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shares.close()
        if not self._entering or error is None or isinstance(error, ClientError):
            await self.drop()

    async def drop(self) -> None:
        """Remove what was stored so far. A storage that is away then leaves strays."""
        for name in self._stored:
            with suppress(StorageAway):
                await self._tools.assets.delete(name)
        self._stored.clear()

    def keep(self) -> None:
        """The video is admitted: its files are its own."""
        self._stored.clear()

    def enter(self) -> None:
        """Before the admission. One without an answer may have happened: then its video needs its files, and if it has
        not they are strays, which go by themselves."""
        self._entering = True

    async def measure(self, asked: Asked) -> tuple[StoredImage | None, StoredImage | None]:
        """The images to begin and to end with, fetched where they are links, as the record will name them."""
        self._images.clear()
        return (
            await self._measured(FIRST_FRAME, asked.image, image_name(self.video_id)),
            await self._measured(LAST_FRAME, asked.last_image, last_image_name(self.video_id)),
        )

    async def _measured(self, param: str, image: ImageGiven | None, name: str) -> StoredImage | None:
        if isinstance(image, ImageLink):
            image = await self._fetched(param, image.url)
        if image is None:
            return None
        self._images.append((name, image))
        return StoredImage(
            name=name,
            media_type=image.media_type,
            width=image.width,
            height=image.height,
            size_bytes=len(image.data),
            sha256=image.sha256,
        )

    async def measure_upload(self, upload: Upload) -> SourceVideo:
        """An uploaded clip as a source: its own length and size are what the next clip is made with."""
        seen = await inspect_upload(self._tools, upload)
        seconds = round(seen.seconds)
        if not 1 <= seconds <= UPLOAD_SECONDS_MAX:
            raise BadInput(
                f"Invalid value: the uploaded clip must last 1 to {UPLOAD_SECONDS_MAX} seconds.", param="video"
            )
        return SourceVideo(
            video=None,
            asset=source_name(self.video_id),
            size_bytes=upload.size_bytes,
            sha256=upload.sha256,
            seconds=seconds,
            size=seen.size,
        )

    async def store(self, asked: Asked, source: Video | None) -> None:
        """Write everything that the record names."""
        with storage_needed():
            for name, image in self._images:
                await self._write(name, image.data)
            if source is not None:
                await self._copy_source(source)
            elif asked.source_upload is not None:
                self._stored.append(source_name(self.video_id))
                await store_upload(self._tools, asked.source_upload, source_name(self.video_id))

    async def copy(self, source: str, name: str) -> None:
        """A file that is there under a name of the new video's. AssetMissing, StorageAway."""
        self._stored.append(name)
        await self._tools.assets.link_or_copy(source, name)

    async def _fetched(self, param: str, url: str) -> ImageBytes:
        hold = self._shares.enter_context(self._tools.incoming.share(self._project))
        got = await self._tools.driver.fetch_image(url, hold=hold, bytes_max=IMAGE_BYTES_MAX)
        if isinstance(got, ImageRefused):
            raise BadInput(f"Invalid value: the image could not be fetched: {got.reason}.", param=f"{param}.image_url")
        return await asyncio.to_thread(measured, param, got)

    async def _write(self, name: str, data: bytes) -> None:
        self._stored.append(name)
        async with self._tools.assets.writer(name) as writer:
            await writer.write(data)
            await writer.commit()

    async def _copy_source(self, source: Video) -> None:
        try:
            await self.copy(source.assets[0].name, source_name(self.video_id))
        except AssetMissing:
            if self._tools.clock.now_ms() < source.expires_ms:
                raise Unavailable(NOT_HERE, code="clip_not_here", retry_after_s=1) from None
            raise BadInput("The source video's content has expired. Create it again.", param="video") from None


async def inspect_upload(tools: Tools, upload: Upload) -> Sound:
    """An uploaded clip, decoded. BadInput if it is none."""
    if upload.path is None:
        raise BadInput("Invalid value: 'video' must be an MP4 file.", param="video")
    with storage_needed():
        seen = await tools.media.inspect(Path(upload.path))
    if isinstance(seen, WrongFile):
        raise BadInput(f"Invalid value: the uploaded clip {seen.reason}.", param="video")
    return seen


async def store_upload(tools: Tools, upload: Upload, name: str) -> None:
    """An uploaded clip under a name of ours."""
    assert upload.path is not None
    async with tools.assets.writer(name) as writer:
        await asyncio.to_thread(shutil.copyfile, upload.path, await writer.aside())
        await writer.commit()


@contextmanager
def storage_needed() -> Iterator[None]:
    """A storage that is away answers 503, before anything was spent."""
    try:
        yield
    except StorageAway as error:
        log("storage_away", level="error", reason=str(error))
        raise Unavailable("The gateway cannot store files now. Try again later.", retry_after_s=10) from error
