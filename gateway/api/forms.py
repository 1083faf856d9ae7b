"""multipart/form-data as SDKs send it: text parts, and files that are told by their content, never by their names.

A clip is written aside in the asset store as it comes; everything else is small and stays in memory. Every count and
length has a bound, and a file that has no place in the call is refused before it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final

from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from gateway.api.brackets import put, twice
from gateway.assets.store import AssetStore, Writer
from gateway.domain.errors import BadInput, TooLarge
from gateway.domain.fields import shown
from gateway.domain.mp4 import begins_like_a_clip
from gateway.domain.references import IMAGE_URL_CHARS_MAX, IMAGES, Upload
from gateway.domain.requests import refuse_file
from gateway.domain.videos import PROMPT_CHARS_MAX
from providers.contract import IMAGE_BYTES_MAX, Json

PARTS_MAX: Final = 64
HEADER_BYTES_MAX: Final = 4_096
HEADERS_MAX: Final = 8
BOUNDARY_CHARS_MAX: Final = 200
NAME_CHARS_MAX: Final = 200
TEXT_BYTES_MAX: Final = 64 * 1024
# A character takes up to four bytes; one more lets the check of characters speak first.
LONG_TEXTS: Final = {
    "prompt": 4 * PROMPT_CHARS_MAX + 4,
    "negative_prompt": 4 * PROMPT_CHARS_MAX + 4,
    **{f"{name}[image_url]": IMAGE_URL_CHARS_MAX + 1 for name in IMAGES},
}
HEAD_BYTES: Final = 8
CLIPS: Final = frozenset({"video"})
# For fields that are files: how a person sends one, and what else may be sent, under which name.
FILE_HINTS: Final = {
    **{name: ("@photo.png", f"{name}[image_url]") for name in IMAGES},
    "video": ("@clip.mp4", "video[id]"),
}
# As the parser says them.
LIMITS: Final = (
    ("segment count", f"it has more than {PARTS_MAX} parts"),
    ("header count", f"a part has more than {HEADERS_MAX} headers"),
    ("header length", f"a part has a header of more than {HEADER_BYTES_MAX} bytes"),
)
CHARSETS: Final = frozenset({None, "utf-8", "utf8", "us-ascii", "ascii"})
ENCODINGS: Final = frozenset({None, "7bit", "8bit", "binary"})


class Form:
    """Fed piece by piece, then asked for its fields and files. An async context: with it go the files."""

    def __init__(
        self, boundary: str, fields: Collection[str], files: Collection[str], assets: AssetStore, identity: str
    ) -> None:
        self.in_memory = 0
        self._fields, self._files = fields, files
        self._assets = assets
        self._identity = identity
        self._stack = AsyncExitStack()
        self._parts: list[_Part] = []
        self._parser = PushMultipartParser(
            boundary,
            max_header_size=HEADER_BYTES_MAX,
            max_header_count=HEADERS_MAX,
            max_segment_count=PARTS_MAX,
        )

    async def __aenter__(self) -> Form:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def feed(self, chunk: bytes) -> None:
        """BadInput or TooLarge as soon as it is known."""
        try:
            for event in self._parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    await self._begin(event)
                elif event:
                    await self._add(event)
        except ParserLimitReached as error:
            raise _malformed(_limit(error)) from None
        except MultipartError:
            raise _malformed() from None

    async def finish(self) -> tuple[dict[str, Json], dict[str, Upload]]:
        """After the last piece. What was sent twice is refused: nobody could say which one was meant."""
        try:
            self._parser.close()
        except MultipartError:
            raise _malformed() from None
        fields: dict[str, Json] = {}
        files: dict[str, Upload] = {}
        for part in self._parts:
            if not part.is_file:
                put(fields, part.name, part.text())
            elif part.name in files:
                raise twice(part.name)
            else:
                files[part.name] = await part.upload()
        for name in self._files:
            if isinstance(fields.get(name), str) and name not in files:
                raise _no_file(name, or_field=name in self._fields)
        return fields, files

    async def _begin(self, segment: MultipartSegment) -> None:
        name = segment.name or ""
        if not 0 < len(name) <= NAME_CHARS_MAX:
            raise _malformed("a part has no usable name")
        encoding = segment.header("Content-Transfer-Encoding")
        if (encoding and encoding.strip().lower()) not in ENCODINGS:
            raise _malformed("parts must not be encoded")
        writer: Writer | None = None
        if segment.filename is not None:
            refuse_file(name, self._fields, self._files)
            if name in CLIPS:
                writer = await self._stack.enter_async_context(self._assets.writer(f"uploads/{self._identity}"))
        elif name in self._files and not (segment.content_type or "text/").startswith("text/"):
            raise _no_filename(name)
        elif (segment.charset and segment.charset.strip().lower()) not in CHARSETS:
            raise _malformed("text must be UTF-8")
        self._parts.append(_Part(name, is_file=segment.filename is not None, writer=writer))

    async def _add(self, chunk: bytes | bytearray) -> None:
        part = self._parts[-1]
        if part.writer is None:
            self.in_memory += len(chunk)
        await part.add(bytes(chunk))


class _Part:
    """One part while it comes in."""

    def __init__(self, name: str, *, is_file: bool, writer: Writer | None) -> None:
        self.name = name
        self.is_file = is_file
        self.writer = writer
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._data = bytearray()

    async def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self.is_file:
            self._sha256.update(chunk)
        if self.writer is not None:
            if len(self._data) < HEAD_BYTES:
                self._data += chunk[: HEAD_BYTES - len(self._data)]
                self._check_clip(done=False)
            await self.writer.write(chunk)
            return
        if self.is_file and self._size > IMAGE_BYTES_MAX:
            raise TooLarge(f"'{shown(self.name)}' is too large: at most {IMAGE_BYTES_MAX} bytes.", param=self.name)
        if not self.is_file and self._size > LONG_TEXTS.get(self.name, TEXT_BYTES_MAX):
            name = shown(self.name)
            raise BadInput(f"Invalid length: '{name}' is longer than any value of it can be.", param=name)
        self._data += chunk

    async def upload(self) -> Upload:
        sha256 = self._sha256.hexdigest()
        if self.writer is None:
            return Upload(size_bytes=self._size, sha256=sha256, data=bytes(self._data))
        self._check_clip(done=True)
        return Upload(size_bytes=self._size, sha256=sha256, path=str(await self.writer.aside()))

    def _check_clip(self, *, done: bool) -> None:
        """By its first bytes, so that nobody sends 200 MB of something else in vain."""
        if (done or len(self._data) >= HEAD_BYTES) and not begins_like_a_clip(bytes(self._data)):
            raise BadInput(f"Invalid value: '{self.name}' must be an MP4 file.", param=self.name)

    def text(self) -> str:
        try:
            return self._data.decode("utf-8")
        except UnicodeDecodeError:
            name = shown(self.name)
            raise BadInput(f"Invalid value: '{name}' is not valid UTF-8.", param=name) from None


def boundary_of(options: str) -> str:
    _, given = parse_options_header("multipart/form-data;" + options)
    boundary: str = given.get("boundary", "")
    if not 0 < len(boundary) <= BOUNDARY_CHARS_MAX or not (boundary.isascii() and boundary.isprintable()):
        raise _malformed("it names no usable boundary")
    return boundary


def _limit(error: ParserLimitReached) -> str:
    said = str(error)
    return next((words for part, words in LIMITS if part in said), "it goes beyond a limit")


def _no_file(name: str, *, or_field: bool) -> BadInput:
    """The name of a file is no file: what a forgotten `@` makes of it."""
    file, field = FILE_HINTS[name]
    instead = f", or use '{field}'" if or_field else ""
    return BadInput(
        f"Invalid type for '{name}': expected a file, but got text instead. "
        f"Send the file itself (with curl: -F {name}={file}){instead}.",
        code="invalid_type",
        param=name,
    )


def _no_filename(name: str) -> BadInput:
    """A file's bytes in a part that does not say that it is a file; its type alone does not."""
    file = FILE_HINTS[name][0].removeprefix("@")
    return BadInput(
        f"Invalid type for '{name}': expected a file, but its part has no filename. Give it any, such as {file}.",
        code="invalid_type",
        param=name,
    )


def _malformed(why: str = "it is malformed or incomplete") -> BadInput:
    return BadInput(f"The multipart body cannot be read: {why}.", code="invalid_multipart")
