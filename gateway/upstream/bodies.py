"""What an adapter's `Call` looks like in bytes: the address, the headers, the body.

Pure but for a form's files, which stream from the asset store while they are sent. Equal calls are equal bytes, so a
vendor that binds a key to the whole request sees the same one again.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote, urlencode

import httpx
import msgspec

from gateway.upstream.wire import OwnFileBroken
from providers.contract import Blob, Call, Form, JsonBody, Part, replace

Blobs = Callable[[str], AsyncIterator[bytes]]
"""Opens one of our files by its name in the asset store."""

HEADERS = {"accept": "application/json", "accept-encoding": "gzip, deflate", "user-agent": "telecine"}
# Some relays refuse a download that says more than it must; the rest is the adapter's to add.
FILE_HEADERS = {"user-agent": HEADERS["user-agent"]}

# A path that httpx would leave as it is: nothing to escape, no dot segment to resolve.
_PLAIN_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]*)+")
_BASES_MAX = 256
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# The transport's own business; an adapter that sets one would lie about the body or hold bytes back.
_HOP_HEADERS = frozenset({"connection", "content-length", "expect", "host", "transfer-encoding", "upgrade"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})  # their absence of a body is told by its length
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})  # as browsers do (HTML, multipart/form-data)


def address(call: Call, base_url: str) -> httpx.URL:
    """Where a call goes. ValueError (httpx.InvalidURL) for what is no address of the web."""
    if not call.query and _PLAIN_PATH.fullmatch(call.path):
        return _below(base_url, call.path)
    text = base_url.rstrip("/") + call.path if call.path.startswith("/") else call.path
    if call.query:
        text += ("&" if "?" in text else "?") + urlencode(call.query, quote_via=quote)
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError("the address of a call is no URL") from error
    if not is_of_the_web(url):
        raise ValueError("the address of a call is not one of the web")
    return url


def _below(base_url: str, path: str) -> httpx.URL:
    """What httpx makes of both together. It reads a URL in five steps of regular expressions, a tenth of a poll's time,
    and there is no public way to change only the path."""
    base = _base(base_url)._uri_reference
    url = httpx.URL.__new__(httpx.URL)
    url._uri_reference = base._replace(path=base.path.rstrip("/") + path)
    return url


@lru_cache(_BASES_MAX)
def _base(base_url: str) -> httpx.URL:
    return address(Call(method="GET", path=base_url.rstrip("/") + "/"), "")


def is_of_the_web(url: httpx.URL) -> bool:
    """http or https to a plain host: no credential in it, no port that is none."""
    return url.scheme in ("http", "https") and bool(url.raw_host) and not url.userinfo and 0 < (url.port or 80) < 65536


def frozen(call: Call) -> Call:
    """The call with its body as the bytes that will be sent, so that a signature can be made over them."""
    if isinstance(call.body, JsonBody):
        return _with_body(call, msgspec.json.encode(call.body.value), "application/json")
    if isinstance(call.body, Form):
        return _with_body(call, call.body, f"multipart/form-data; boundary={boundary(call.body)}")
    return call


def request(call: Call, url: httpx.URL, blobs: Blobs, defaults: dict[str, str] = HEADERS) -> httpx.Request:
    """A frozen, signed call as httpx's request."""
    headers = dict(defaults)
    for name, value in call.headers.items():
        low = name.lower()
        if low in _HOP_HEADERS or _CONTROL.search(name + value) or not (name + value).isascii():
            raise ValueError(f"the header {name!r} cannot be sent")
        headers[low] = value
    if isinstance(call.body, Form):
        form = FormStream(call.body, blobs)
        headers["content-length"] = str(form.size_bytes)
        return httpx.Request(call.method, url, headers=_raw(headers), stream=form)
    assert not isinstance(call.body, JsonBody), "a call is frozen before it is signed and sent"
    body = call.body or b""
    if body or call.method.upper() in _WITH_BODY:
        headers["content-length"] = str(len(body))
    # With a stream httpx adds no header by itself; `Host` is the transport's.
    return httpx.Request(call.method, url, headers=_raw(headers), stream=httpx.ByteStream(body))


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """What httpx keeps anyway; from text it would guess for each how to encode it."""
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _with_body(call: Call, body: bytes | Form, media_type: str) -> Call:
    kept = {name: value for name, value in call.headers.items() if name.lower() != "content-type"}
    return replace(call, body=body, headers={**kept, "content-type": media_type})


# --- multipart ---------------------------------------------------------------------------------------------------


def boundary(form: Form) -> str:
    """Made from the content, a file of ours counting by its name: those never change."""
    digest = sha256()
    for piece in (*_pairs(form), *_contents(form)):
        digest.update(b"%d:" % len(piece))
        digest.update(piece)
    return "telecine-" + digest.hexdigest()[:40]


class FormStream(httpx.AsyncByteStream):
    """A form's bytes, its files as they are read."""

    def __init__(self, form: Form, blobs: Blobs) -> None:
        self._form = form
        self._blobs = blobs
        self._boundary = boundary(form)
        heads = sum(len(self._file_head(part)) + _size(part) + 2 for part in form.files)
        self.size_bytes = len(self._fields()) + heads + len(self._end())

    async def __aiter__(self) -> AsyncIterator[bytes]:
        files = [(part, _content(part, self._blobs)) for part in self._form.files]
        # Every file is opened before the first byte leaves: one that is missing must not leave a submission in doubt.
        firsts = [await anext(chunks, b"") for _, chunks in files]
        yield self._fields()
        for (part, chunks), first in zip(files, firsts, strict=True):
            yield self._file_head(part)
            yield first
            async for chunk in chunks:
                yield chunk
            yield b"\r\n"
        yield self._end()

    def _fields(self) -> bytes:
        return b"".join(
            self._head(f'form-data; name="{_escaped(name)}"') + b"\r\n" + value.encode() + b"\r\n"
            for name, value in self._form.fields
        )

    def _file_head(self, part: Part) -> bytes:
        disposition = f'form-data; name="{_escaped(part.name)}"; filename="{_escaped(part.filename)}"'
        if _CONTROL.search(part.media_type):
            raise ValueError("the media type of a file cannot be sent")
        return self._head(disposition) + f"Content-Type: {part.media_type}\r\n\r\n".encode()

    def _head(self, disposition: str) -> bytes:
        return f"--{self._boundary}\r\nContent-Disposition: {disposition}\r\n".encode()

    def _end(self) -> bytes:
        return f"--{self._boundary}--\r\n".encode()


async def _content(part: Part, blobs: Blobs) -> AsyncIterator[bytes]:
    """A file's bytes, as many as were announced. OwnFileBroken otherwise: the request breaks off, it never hangs or
    lies."""
    blob = part.content
    if isinstance(blob, bytes):
        yield blob
        return
    left = blob.size_bytes
    chunks = blobs(blob.name)
    while left >= 0:
        try:
            chunk = await anext(chunks, b"")
        except Exception as error:
            raise OwnFileBroken("it cannot be read") from error
        if not chunk:
            break
        left -= len(chunk)
        if left >= 0:
            yield chunk
    if left != 0:
        raise OwnFileBroken("it is not as long as its record says")


def _pairs(form: Form) -> list[bytes]:
    texts = [text for field in form.fields for text in field]
    texts += [text for part in form.files for text in (part.name, part.filename, part.media_type)]
    return [b"%d" % len(form.fields), *(text.encode() for text in texts)]


def _contents(form: Form) -> list[bytes]:
    return [
        f"{part.content.name}:{part.content.size_bytes}".encode() if isinstance(part.content, Blob) else part.content
        for part in form.files
    ]


def _size(part: Part) -> int:
    return part.content.size_bytes if isinstance(part.content, Blob) else len(part.content)


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
