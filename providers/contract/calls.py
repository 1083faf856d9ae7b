"""Calls that adapters want made, replies that they are sent, and the flow that has both."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

from msgspec import Struct, structs

from providers.contract.asked import Blob
from providers.contract.words import REPLY_BYTES_MAX, Json


class Part(Struct, frozen=True):
    name: str
    filename: str
    media_type: str
    content: bytes | Blob


class Form(Struct, frozen=True):
    """multipart/form-data. The driver derives the boundary from the content, so equal forms are equal bytes."""

    fields: tuple[tuple[str, str], ...] = ()
    files: tuple[Part, ...] = ()


class JsonBody(Struct, frozen=True):
    value: Json


class Call(Struct, frozen=True, kw_only=True):
    """One HTTP call that an adapter wants made."""

    method: str
    path: str  # below the provider's base URL when it begins with "/", else an absolute URL
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = {}
    body: bytes | JsonBody | Form | None = None
    starts_work: bool = False  # it can create or charge something: sent once, before send_by, never repeated unasked
    signed: bool = True  # False: no credential (a link on a foreign host)
    reply_bytes_max: int = REPLY_BYTES_MAX


class Reply(Struct, frozen=True):
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes
    received_ms: int = 0  # for Retry-After dates and expiries


V = TypeVar("V")
Flow: TypeAlias = Generator[Call, Reply, V]


def replace(call: Call, **changes: object) -> Call:
    """A copy of a call with some fields changed."""
    return structs.replace(call, **changes)
