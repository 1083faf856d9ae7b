"""/admin/docs: every call on one plain page, made of the document. No script, no style, no font from anywhere else: a
gateway often stands in a network of its own, and a page beside its keys should run nobody's code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final, TypeAlias

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

Part: TypeAlias = Mapping[str, Any]

METHODS: Final = ("get", "put", "post", "patch", "delete")
DEPTH_MAX: Final = 4
_BOUNDS: Final = {
    "default": "default", "minimum": "at least", "maximum": "at most", "minLength": "characters at least",
    "maxLength": "characters at most", "minItems": "items at least", "maxItems": "items at most",
}  # fmt: skip
_CODE: Final = re.compile(r"`([^`]*)`")
_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
nav{columns:3 15rem}nav ul{list-style:none;padding:0;margin:0 0 1rem;break-inside:avoid}a{color:#0a58ca}
section{border-top:1px solid #d0d7de;padding:.5rem 0}h3,code,pre{font-family:ui-monospace,monospace;font-size:14px}
h3 b{display:inline-block;min-width:4.5em;color:#8250df}pre{background:#f2f4f7;padding:.6rem;overflow:auto}
table{border-collapse:collapse;width:100%}td{border-bottom:1px solid #eaeef2;padding:.2rem .8rem .2rem 0;
vertical-align:top}td:first-child{white-space:nowrap}summary{cursor:pointer}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}pre{background:#161b22}a{color:#6cb6ff}
h3 b{color:#d2a8ff}section,td{border-color:#30363d}}
"""


class PlainPage(OpenAPIRenderPlugin):
    """Litestar's place for a page of its document; written once in the life of a process, as the document is."""

    def __init__(self) -> None:
        super().__init__(path="/")
        self._page = b""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        self._page = self._page or page(openapi_schema, self.get_openapi_json_route(request)).encode()
        return self._page


def page(document: Part, json_at: str) -> str:
    title = escape(document["info"]["title"])
    calls = [(path, method, item[method]) for path, item in document["paths"].items() for method in METHODS
             if method in item]  # fmt: skip
    groups: dict[str, list[tuple[str, str, Part]]] = {}
    for call in calls:
        groups.setdefault(call[2].get("tags", ["others"])[0], []).append(call)
    inside = "".join(
        f"<h2>{escape(tag)}</h2>" + "".join(_call(document, *one) for one in some) for tag, some in groups.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>Version {escape(document['info']['version'])}. Every call needs a key in the header "
        f'<code>Authorization: Bearer …</code>. For programs: <a href="{escape(json_at)}">{escape(json_at)}</a>.</p>'
        f"<nav>{''.join(_index(tag, some) for tag, some in groups.items())}</nav>{inside}</body></html>"
    )


def _index(tag: str, calls: list[tuple[str, str, Part]]) -> str:
    lines = (
        f'<li><a href="#{_anchor(path, method)}">{method.upper()} {escape(path)}</a></li>' for path, method, _ in calls
    )
    return f"<ul><li><strong>{escape(tag)}</strong></li>{''.join(lines)}</ul>"


def _call(document: Part, path: str, method: str, call: Part) -> str:
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answer = next((_json(one) for status, one in call["responses"].items() if status.startswith("2")), None)
    refusals = "".join(
        f"<tr><td>{status}</td><td>{escape(one.get('description', ''))}</td></tr>"
        for status, one in call["responses"].items()
        if not status.startswith("2")
    )
    parameters = "".join(
        _row(document, one["name"], one["schema"], one.get("description", ""), required=one.get("required", False))
        for one in call.get("parameters", ())
    )
    parts = [
        f'<section id="{_anchor(path, method)}"><h3><b>{method.upper()}</b> {escape(path)}</h3>',
        f"<p>{_words(call.get('description') or call.get('summary') or '')}</p>",
        f"<table>{parameters}</table>" if parameters else "",
        f"<p>Body</p><table>{''.join(_rows(document, body))}</table>" if body else "",
        f"<pre>{escape(_curl(path, method, with_body=body is not None))}</pre>",
        f"<details><summary>Answer</summary><table>{''.join(_rows(document, answer))}</table></details>"
        if answer
        else "",
        f"<details><summary>Refusals</summary><table>{refusals}</table></details></section>",
    ]
    return "".join(parts)


def _json(answer: Part) -> Part | None:
    found: Part | None = answer.get("content", {}).get("application/json", {}).get("schema")
    return found


def _curl(path: str, method: str, *, with_body: bool) -> str:
    verb = "" if method == "get" else f" -X {method.upper()}"
    body = " -H 'Content-Type: application/json' -d '{…}'" if with_body else ""
    return f'curl{verb} "$GATEWAY{path}" -H "Authorization: Bearer $ADMIN_KEY"{body}'


def _rows(document: Part, schema: Part, before: str = "", depth: int = 0) -> Iterator[str]:
    """The fields of an object, those of objects inside it behind their own."""
    here = _resolved(document, schema)
    if before == "" and (words := here.get("description")):
        yield f'<tr><td colspan="3">{_words(words)}</td></tr>'
    for name, field in here.get("properties", {}).items():
        full = f"{before}{name}"
        yield _row(document, full, field, field.get("description", ""), required=name in here.get("required", ()))
        inner = _resolved(document, field)
        items = _resolved(document, inner.get("items", {})) if inner.get("type") == "array" else inner
        if depth < DEPTH_MAX and "properties" in items:
            yield from _rows(document, items, f"{full}[]." if items is not inner else f"{full}.", depth + 1)


def _row(document: Part, name: str, schema: Part, words: str, *, required: bool) -> str:
    here = _resolved(document, schema)
    facts = [f"{said} {json.dumps(here[key])}" for key, said in _BOUNDS.items() if here.get(key) is not None]
    told = [_kind(document, schema), *facts, *(["required"] if required else [])]
    cells = (f"<code>{escape(name)}</code>", escape(", ".join(told)), _words(words or here.get("description", "")))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _resolved(document: Part, schema: Part) -> Part:
    """Behind a reference, and of a choice with null the other."""
    for _ in range(DEPTH_MAX):
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif len(real := [one for one in schema.get("oneOf", ()) if one.get("type") != "null"]) == 1:
            schema = real[0]
        else:
            break
    return schema


def _kind(document: Part, schema: Part) -> str:
    if "oneOf" in schema:
        return " or ".join(_kind(document, one) for one in schema["oneOf"])
    here = _resolved(document, schema)
    if "enum" in here or "const" in here:
        return " | ".join(json.dumps(one) for one in here.get("enum", [here.get("const")]))
    kinds = here.get("type", "anything")
    if kinds == "array":
        return f"list of {_kind(document, here.get('items', {}))}"
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _words(text: str) -> str:
    """With what stands in backquotes as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _anchor(path: str, method: str) -> str:
    return escape(f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}")
