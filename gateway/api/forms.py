"""multipart/form-data as SDKs send it: bracketed names, text parts, files that are told by their content.

`input_reference[image_url]`, `video[id]`, `characters[][id]` become objects and lists. A clip is written to a temporary
file as it comes; everything else is small and stays in memory. Every count and length has a bound.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import IO, Any, Final

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from gateway.domain.errors import BadInput, TooLarge
from gateway.domain.references import IMAGE_URL_CHARS_MAX, Upload
from providers.contract import IMAGE_BYTES_MAX, Json

PARTS_MAX: Final = 64
HEADER_BYTES_MAX: Final = 4_096
HEADERS_MAX: Final = 8
BOUNDARY_CHARS_MAX: Final = 200
NAME_CHARS_MAX: Final = 200
TEXT_BYTES_MAX: Final = 64 * 1024
PROMPT_BYTES_MAX: Final = 4 * 32_000
LONG_TEXTS: Final = {
    "input_reference[image_url]": IMAGE_URL_CHARS_MAX + 1,
    "prompt": PROMPT_BYTES_MAX,
    "negative_prompt": PROMPT_BYTES_MAX,
}
CLIPS: Final = frozenset({"video"})

_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\]){0,3})")
_STEP: Final = re.compile(r"\[([^\[\]]*)\]")


class _Part:
    """One part while it comes in."""

    def __init__(self, segment: MultipartSegment) -> None:
        self.name = segment.name
        self.is_file = segment.filename is not None
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._data = bytearray()
        self.file: IO[bytes] | None = None
        if self.is_file:
            self.bytes_max = None if self.name in CLIPS else IMAGE_BYTES_MAX
        else:
            self.bytes_max = LONG_TEXTS.get(self.name, TEXT_BYTES_MAX)

    @property
    def on_disk(self) -> bool:
        return self.is_file and self.name in CLIPS

    async def add(self, chunk: bytes | bytearray) -> None:
        self.size += len(chunk)
        if self.bytes_max is not None and self.size > self.bytes_max:
            raise TooLarge(f"'{self.name[:64]}' is too large: at most {self.bytes_max} bytes.", param=self.name[:64])
        if self.file is not None:
            await asyncio.to_thread(self.file.write, chunk)
        else:
            self._data += chunk
        if self.is_file:
            self._sha256.update(chunk)

    def upload(self) -> Upload:
        if self.file is not None:
            self.file.flush()
        return Upload(
            size_bytes=self.size,
            sha256=self._sha256.hexdigest(),
            data=bytes(self._data),
            path=self.file.name if self.file is not None else None,
        )

    def text(self) -> str:
        try:
            return self._data.decode("utf-8")
        except UnicodeDecodeError:
            raise BadInput(
                f"'{self.name[:64]}' is not valid UTF-8.", code="invalid_type", param=self.name[:64]
            ) from None


async def read_form(
    chunks: AsyncIterator[bytes], options: str, stack: AsyncExitStack
) -> tuple[dict[str, Json], dict[str, Upload]]:
    """Fields and files. Temporary files go with `stack`. BadInput or TooLarge."""
    parser = PushMultipartParser(
        _boundary(options), max_header_size=HEADER_BYTES_MAX, max_header_count=HEADERS_MAX, max_segment_count=PARTS_MAX
    )
    parts: list[_Part] = []
    try:
        async for chunk in chunks:
            for event in parser.parse(chunk):
                await _take(event, parts, stack)
        parser.close()
    except MultipartError:
        raise BadInput("The multipart body is malformed.", code="invalid_multipart") from None
    fields: dict[str, Json] = {}
    files: dict[str, Upload] = {}
    for part in parts:
        if not part.is_file:
            _put(fields, part.name, part.text())
        elif part.name in files:
            raise _twice(part.name)
        else:
            files[part.name] = part.upload()
    return fields, files


async def _take(event: Any, parts: list[_Part], stack: AsyncExitStack) -> None:
    if isinstance(event, MultipartSegment):
        if not event.name or len(event.name) > NAME_CHARS_MAX:
            raise BadInput("A part of the multipart body has no usable name.", code="invalid_multipart")
        part = _Part(event)
        if part.on_disk:
            # Unlinked with the stack, whatever becomes of the request.
            part.file = stack.enter_context(tempfile.NamedTemporaryFile(prefix="telecine-"))  # noqa: SIM115
        parts.append(part)
    elif event:
        await parts[-1].add(event)


def _boundary(options: str) -> str:
    _, given = parse_options_header("multipart/form-data;" + options)
    boundary: str = given.get("boundary", "")
    if not boundary or len(boundary) > BOUNDARY_CHARS_MAX or not boundary.isascii():
        raise BadInput("The multipart body names no usable boundary.", code="invalid_multipart")
    return boundary


def _put(fields: dict[str, Json], name: str, value: str) -> None:
    """`a` plain, `a[b]` in an object, `a[]` in a list, `a[][b]` in the objects of a list: one for each time."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise BadInput(f"The field name '{name[:64]}' cannot be read.", code="unknown_parameter", param=name[:64])
    root, steps = match[1], _STEP.findall(match[2])
    match steps:
        case []:
            _set(fields, root, value, name)
        case [""]:
            _list(fields, root, name).append(value)
        case ["", key] if key:
            items = _list(fields, root, name)
            last = items[-1] if items else None
            if not isinstance(last, dict) or key in last:
                last = {}
                items.append(last)
            last[key] = value
        case [key] if key:
            _set(_object(fields, root, name), key, value, name)
        case _:
            raise BadInput(f"The field name '{name[:64]}' cannot be read.", code="unknown_parameter", param=name[:64])


def _set(place: dict[str, Json], key: str, value: str, name: str) -> None:
    if key in place:
        raise _twice(name)
    place[key] = value


def _object(fields: dict[str, Json], root: str, name: str) -> dict[str, Json]:
    value = fields.setdefault(root, {})
    if not isinstance(value, dict):
        raise _twice(name)
    return value


def _list(fields: dict[str, Json], root: str, name: str) -> list[Json]:
    value = fields.setdefault(root, [])
    if not isinstance(value, list):
        raise _twice(name)
    return value


def _twice(name: str) -> BadInput:
    return BadInput(f"'{name[:64]}' was sent twice, or in two forms.", param=name[:64])
