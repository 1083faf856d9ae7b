"""A reseller's callback: is it the reseller's own, and which job does it name? Pure; believed only after a look."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from typing import Final

import msgspec

from providers.contract import Answer, Inbound, Notice, Unreadable
from providers.reseller.places import first
from providers.reseller.settings import Hook, Signature
from providers.toolbox import Node

FORGED: Final = Answer(status=401)


def read(hook: Hook, secret: str | None, request: Inbound) -> tuple[tuple[Notice, ...], Answer]:
    """With a secret, what does not carry it is turned away. Without one the job is only named."""
    try:
        document = Node(msgspec.json.decode(request.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return (), Answer(status=400)
    ident = _ident(hook, document)
    signed = hook.signature is not None and secret is not None
    if signed and not _genuine(hook.signature, secret, request, ident or ""):
        return (), FORGED
    return (Notice(ref=None if ident is None else {"id": ident}, verified=signed),), Answer(body=b"ok")


def _ident(hook: Hook, document: Node) -> str | None:
    try:
        return first(document, hook.id_paths).ident()
    except Unreadable:
        return None


def _genuine(signature: Signature | None, secret: str | None, request: Inbound, ident: str) -> bool:
    assert signature is not None and secret is not None
    headers = {name.lower(): value for name, value in request.headers.items()}
    given = headers.get(signature.header, "")
    key = secret.removeprefix(signature.secret_prefix).encode()
    if signature.signed is None:
        return hmac.compare_digest(given.encode(), secret.encode())
    time = headers.get(signature.time_header or "", "")
    if not _recent(time, signature, request.received_ms):
        return False
    parts = {"{id}": headers.get(signature.id_header or "", ""), "{time}": time, "{job}": ident}
    digest = hmac.new(key, _over(signature.signed, parts, request.body), hashlib.sha256).digest()
    wanted = signature.prefix + (digest.hex() if signature.encoding == "hex" else b64encode(digest).decode())
    return any(hmac.compare_digest(one.encode(), wanted.encode()) for one in given.split())


def _over(template: str, parts: dict[str, str], body: bytes) -> bytes:
    """What was signed. The body comes last of all, so nothing in it is taken for a name."""
    before, marked, after = template.partition("{body}")
    texts = [before, after]
    for name, value in parts.items():
        texts = [text.replace(name, value) for text in texts]
    return texts[0].encode() + (body if marked else b"") + texts[1].encode()


def _recent(time: str, signature: Signature, received_ms: int) -> bool:
    if signature.time_header is None:
        return True
    if not (time.isascii() and time.isdigit() and len(time) <= 12):
        return False
    return abs(int(time) - received_ms / 1000) <= signature.within_s
