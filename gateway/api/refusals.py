"""What Litestar refuses, before a handler of ours is reached or by reading its arguments, as errors of ours."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar.exceptions import HTTPException, MethodNotAllowedException, ValidationException

from gateway.api.methods import allowed_of
from gateway.domain.errors import Absent, BadInput, ClientError, WrongMethod
from gateway.domain.fields import missing, shown, unknown

BODY: Final = "data"  # what a handler calls its body
REASON_CHARS_MAX: Final = 200
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(.*)`", re.DOTALL)


def of_litestar(error: HTTPException, known_paths: str) -> ClientError:
    """`known_paths`: a sentence for who asked for another one."""
    if isinstance(error, MethodNotAllowedException):
        allowed = allowed_of((error.headers or {}).get("allow", ""))
        return WrongMethod(f"This method is not allowed here. Allowed: {allowed}.", headers=(("allow", allowed),))
    if error.status_code == 404:
        return Absent(f"Nothing is served at this path. {known_paths}", code="unknown_path")
    if isinstance(error, ValidationException) and isinstance(error.extra, list) and error.extra:
        return _of_field(error.extra[0])
    return BadInput("The request cannot be read.", code="invalid_request")


def _of_field(fault: dict[str, Any]) -> BadInput:
    """The first of the fields that do not fit: `key` is where, `message` the decoder's sentence."""
    key, message = str(fault.get("key", "")), str(fault.get("message", ""))
    place = "" if key == BODY else key
    for pattern, error in ((_UNKNOWN, unknown), (_MISSING, missing)):
        found = pattern.match(message)
        if found is not None:
            return error(".".join(part for part in (place, found[1]) if part))
    reason = "".join(char if char.isprintable() else "?" for char in message[:REASON_CHARS_MAX]).replace("`", "'")
    if not place:
        return BadInput(f"The body does not fit: {reason}.")
    return BadInput(f"Invalid value for '{shown(place)}': {reason}.", param=shown(place))
