"""How the simulated vendor reads a body: JSON or multipart into one tree, files as `FilePart`, null as absent.

Pure and strict: what does not parse, or names one field twice, is refused.
"""

from __future__ import annotations

import io
import re
from typing import Any

import msgspec
import multipart

from tests.support.vendor_contract import FilePart, Refusal

PARTS_MAX = 50
BODY_BYTES_MAX = 64 * 1024 * 1024
STEP = re.compile(r"\[([^\[\]]*)\]")


def read_body(content_type: str, body: bytes) -> dict[str, Any]:
    kind, options = multipart.parse_options_header(content_type)
    if kind == "application/json":
        return _read_json(body)
    if kind == "multipart/form-data":
        return _read_form(body, options.get("boundary", ""))
    raise Refusal(400, f"Unsupported content type: {kind or 'none'}.")  # the status is our choice


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, "We could not parse the JSON body of your request.") from error
    if not isinstance(value, dict):
        raise Refusal(400, "The body is not an object.")
    return {name: inner for name, inner in value.items() if inner is not None}


def _read_form(body: bytes, boundary: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    try:
        parser = multipart.MultipartParser(
            io.BytesIO(body),
            boundary,
            strict=True,
            part_limit=PARTS_MAX,
            spool_limit=BODY_BYTES_MAX,
            memory_limit=BODY_BYTES_MAX,
        )
        for part in parser:
            value: object = part.raw.decode("utf-8") if part.filename is None else _file(part)
            _plant(tree, part.name, value)
            part.close()
    except (multipart.MultipartError, UnicodeDecodeError) as error:
        raise Refusal(400, "We could not parse the multipart body of your request.") from error
    return tree


def _file(part: multipart.MultipartPart) -> FilePart:
    return FilePart(part.filename or "", part.content_type or "application/octet-stream", part.raw)


def _plant(tree: dict[str, Any], name: str, value: object) -> None:
    """`a[b]` is a child, `a[]` an element, `a[][b]` a child of a new element."""
    root, *_ = name.partition("[")
    steps = STEP.findall(name)
    if not root or root + "".join(f"[{step}]" for step in steps) != name or len(steps) > 2:
        raise Refusal(400, f"Unknown parameter: '{name}'.", "unknown_parameter", name)
    if not steps and root not in tree:
        tree[root] = value
    elif len(steps) == 1 and steps[0] and isinstance(tree.setdefault(root, {}), dict) and steps[0] not in tree[root]:
        tree[root][steps[0]] = value
    elif steps and not steps[0] and isinstance(tree.setdefault(root, []), list):
        tree[root].append({steps[1]: value} if len(steps) == 2 else value)
    else:
        raise Refusal(400, f"Duplicate parameter: '{name}'.", "invalid_value", root)  # our choice
