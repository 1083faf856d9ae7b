"""Targets of webhooks: where events go, who set them, what they want to hear, and the secrets that sign. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.domain import fields as read
from gateway.domain.errors import BadInput
from gateway.domain.events import ENDS, Event
from gateway.domain.moments import moment_text
from providers.contract import Json

GATEWAY: Final = "gateway"
URL_CHARS_MAX: Final = 2_048
NAME_CHARS_MAX: Final = 256
SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - a public prefix, not a secret
TARGET_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}", re.ASCII)
SECRETS_MAX: Final = 3  # that sign side by side
OVERLAP_S: Final = 86_400
OVERLAP_S_MAX: Final = 30 * 86_400
_REQUESTS: Final = "requests."


class Secret(Struct, frozen=True, omit_defaults=True):
    text: str  # `whsec_…`
    until_ms: int = 0  # it signs beside a newer one until then; 0: it is the newest


class Target(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`scope`: `gateway`, `project/<id>` or `key/<id>`: whose events it hears. The target of the addresses that
    requests name has no address of its own; it is its project's secret."""

    id: str
    scope: str
    name: str = ""  # to know it by
    url: str = ""
    events: tuple[Event, ...] = ENDS
    secrets: tuple[Secret, ...]  # the newest first
    created_ms: int
    disabled: str = ""  # why nothing is sent there; empty: it is
    disabled_ms: int = 0

    @property
    def of_requests(self) -> bool:
        return self.id.startswith(_REQUESTS)

    @property
    def hint(self) -> str:
        """Enough of the newest secret to know it by."""
        return f"{SECRET_PREFIX}…{self.secrets[0].text[-4:]}"


def shown(target: Target) -> dict[str, Json]:
    """A target as JSON, without its secrets, and its address without what may be one."""
    return {
        "id": target.id,
        "scope": target.scope,
        "name": target.name,
        "url": shown_url(target.url) or None,
        "events": [one.value for one in target.events],
        "status": "disabled" if target.disabled else "enabled",
        "reason": target.disabled or None,
        "signing_secret_hint": target.hint,
        "signing_secrets": len(target.secrets),
        "created_at": moment_text(target.created_ms),
    }


def shown_url(url: str) -> str:
    """Without its query, where receivers like to put a password."""
    head, mark, _ = url.partition("?")
    return f"{head}?…" if mark else head


def of_requests(project: str) -> str:
    """The id of the target that stands for the addresses in a project's requests."""
    return _REQUESTS + project


def target_id(random: bytes) -> str:
    return "wht_" + random[:12].hex()


def new_secret(random: bytes) -> Secret:
    assert len(random) == SECRET_BYTES
    return Secret(SECRET_PREFIX + base64.b64encode(random).decode("ascii"))


def for_requests(project: str, random: bytes, now_ms: int) -> Target:
    return Target(id=of_requests(project), scope=f"project/{project}", secrets=(new_secret(random),), created_ms=now_ms)


def rotated(target: Target, random: bytes, now_ms: int, overlap_s: int) -> Target:
    """With a new secret; those before it sign beside it for so long, but no longer than they had."""
    until_ms = now_ms + overlap_s * 1_000
    older = (replace(one, until_ms=min(one.until_ms or until_ms, until_ms)) for one in target.secrets)
    kept = [one for one in older if one.until_ms > now_ms]
    return replace(target, secrets=(new_secret(random), *kept[: SECRETS_MAX - 1]))


def signing(target: Target, now_ms: int) -> tuple[str, ...]:
    """The secrets that sign now, the newest first."""
    return tuple(one.text for one in target.secrets if not one.until_ms or one.until_ms > now_ms)


def hears(target: Target, event: Event) -> bool:
    return not target.disabled and bool(target.url) and event in target.events


def url_of(param: str, value: Json) -> str:
    """An address by its form; where it leads is checked by who knows networks. BadInput names the field."""
    url = read.text(param, value, chars_max=URL_CHARS_MAX)
    scheme, colon, rest = url.partition("://")
    host = rest.partition("/")[0].partition("?")[0]
    plain = url.isascii() and not any(char.isspace() for char in url)
    if not colon or scheme.lower() not in ("http", "https") or not host or "@" in host or not plain:
        raise BadInput(
            f"Invalid value: '{param}' must be an https URL without blanks and without a password in it.", param=param
        )
    return url


def lane_of(target: Target, url: str, lanes: int) -> str:
    """Which line a delivery stands in: a target has one; the addresses in a project's requests share a few by origin,
    so that a slow one holds up only some of the others."""
    if not target.of_requests:
        return target.id
    origin = "/".join(url.split("/", 3)[:3]).lower()
    return f"{target.id}/{hashlib.sha256(origin.encode()).digest()[0] % lanes}"


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Target).decode


def encode_target(target: Target) -> bytes:
    return _encode(target)


def decode_target(data: bytes) -> Target:
    """msgspec.ValidationError or DecodeError if this is no target of ours."""
    return _decode(data)
