"""Recorded dialogs with vendors: what we ask, what the vendor answers, what the adapter makes of it.

`tests/providers/dialogs/<kind>/*.json` hold them, a list per file. A file whose name begins with `_` is no dialog;
`_settings.json` names the settings under which conformance looks at the adapter. One dialog:

    {"name": "...", "settings": {}, "ask": {"poll": {"ref": {"id": "v1"}}},
     "talk": [{"call": {"method": "GET", "path": "/videos/v1"}, "reply": {"status": 200, "json": {...}}}],
     "verdict": {"Running": {"progress": 40}}}

A file may be {"given": {...}, "dialogs": [...]}: what is given holds for each dialog that says nothing else. Calls and
verdicts are written without their defaults; a call that is left out is not compared. Bytes are base64.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

import providers
from providers.contract import (
    Adapter,
    Broken,
    Call,
    CharacterSpec,
    Finished,
    Inbound,
    PollVerdict,
    Ref,
    Refused,
    Remote,
    Reply,
    Running,
    Sought,
    Spec,
    Unreadable,
)
from tests.support.flows import Walk, begin, walk

FOLDER = Path(__file__).resolve().parents[1] / "providers" / "dialogs"
CELLAR = ("contract", "described", "ed25519", "toolbox")
RECEIVED_MS = 1_795_200_000_000
ARGUMENTS: dict[str, dict[str, Any]] = {
    "submit": {"spec": Spec, "key": str},
    "poll": {"ref": Ref},
    "cancel": {"ref": Ref, "last": Any},
    "find": {"sought": Sought},
    "character": {"spec": CharacterSpec},
    "account": {},
    "load": {},
    "download": {"ref": Ref, "asset": Remote},
    "webhook": {"request": Inbound},
}
LAST: dict[str, type[PollVerdict]] = {"Running": Running, "Finished": Finished, "Broken": Broken, "Refused": Refused}


class Turn(Struct, frozen=True, forbid_unknown_fields=True):
    reply: dict[str, Any]
    call: dict[str, Any] | None = None


class Dialog(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    ask: dict[str, dict[str, Any]]
    talk: tuple[Turn, ...] = ()
    verdict: dict[str, Any]
    settings: dict[str, Any] = {}

    @property
    def verb(self) -> str:
        return next(iter(self.ask))


def kinds() -> list[str]:
    """Every adapter in `providers`, a module or a package, by its name."""
    return sorted(one.name for one in pkgutil.iter_modules(providers.__path__) if one.name not in CELLAR)


def adapter_class(kind: str) -> type[Adapter[Any]]:
    """The one adapter that a module or a package brings."""
    module = import_module(f"providers.{kind}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Adapter)
        and (value.__module__ + ".").startswith(module.__name__ + ".")
    ]
    assert len(found) == 1, f"providers.{kind} has {len(found)} adapters"
    return found[0]


def build(kind: str, settings: dict[str, Any], api_key: str | None = "sk-dialog") -> Adapter[Any]:
    adapter = adapter_class(kind)
    return adapter(adapter.Settings.model_validate(settings), api_key)


def dialogs(kind: str) -> list[Dialog]:
    """All of an adapter's, in the order of files."""
    found: list[Dialog] = []
    for path in sorted((FOLDER / kind).glob("[!_]*.json")):
        content = msgspec.json.decode(path.read_bytes())
        given, each = (content.get("given", {}), content["dialogs"]) if isinstance(content, dict) else ({}, content)
        found.extend(msgspec.convert({**given, **one}, Dialog) for one in each)
    return found


def settings_of(kind: str) -> dict[str, dict[str, Any]]:
    """Named settings to look at an adapter under; one that needs none may do without the file."""
    path = FOLDER / kind / "_settings.json"
    if not path.exists():
        return {"default": {}}
    named: dict[str, dict[str, Any]] = msgspec.json.decode(path.read_bytes())
    return named


def asked(dialog: Dialog) -> dict[str, Any]:
    """The verb's arguments as the contract's own types."""
    given = dialog.ask[dialog.verb]
    if dialog.verb == "find":
        return {"sought": msgspec.convert(given, Sought)}
    if dialog.verb == "webhook":
        return {"request": msgspec.convert(given, Inbound)}
    types = ARGUMENTS[dialog.verb]
    assert set(given) == set(types), f"{dialog.verb} takes {', '.join(types)}"
    arguments = {name: msgspec.convert(given[name], kind) for name, kind in types.items()}
    if arguments.get("last"):
        ((name, fields),) = arguments["last"].items()
        arguments["last"] = msgspec.convert(fields, LAST[name])
    return arguments


def reply_of(told: dict[str, Any]) -> Reply:
    """`json`, `text` or `base64` is the body."""
    assert set(told) <= {"status", "headers", "json", "text", "base64"}
    body = told.get("text", "").encode()
    if "json" in told:
        body = msgspec.json.encode(told["json"])
    if "base64" in told:
        body = msgspec.convert(told["base64"], bytes)
    return Reply(told.get("status", 200), told.get("headers", {}), body, RECEIVED_MS)


def hold(kind: str, dialog: Dialog) -> Walk:
    """Walk through a dialog, comparing each call with the recorded one. AssertionError where they differ."""
    adapter = build(kind, dialog.settings)
    if dialog.verb == "download":
        return _download(adapter, dialog)
    turns = iter(dialog.talk)

    def answer(call: Call) -> Reply:
        turn = next(turns, None)
        assert turn is not None, f"one call too many: {shown(call)}"
        if turn.call is not None:
            assert shown(call) == turn.call
        return reply_of(turn.reply)

    walked = walk(_flow(adapter, dialog), answer)
    assert next(turns, None) is None, "a recorded reply was not asked for"
    assert named(walked.end) == dialog.verdict
    return walked


def _flow(adapter: Adapter[Any], dialog: Dialog) -> Generator[Call, Reply, Any]:
    if dialog.verb != "webhook":
        return begin(adapter, dialog.verb, asked(dialog))
    return _webhook(adapter, asked(dialog)["request"])


def _webhook(adapter: Adapter[Any], request: Inbound) -> Generator[Call, Reply, Any]:
    yield from ()
    return adapter.webhook(request)


def _download(adapter: Adapter[Any], dialog: Dialog) -> Walk:
    try:
        end: Any = adapter.download(**asked(dialog))
    except Unreadable as error:
        end = error
    assert named(end) == dialog.verdict
    return Walk((), end)


def named(end: Any) -> dict[str, Any]:
    """A verdict as `{its name: its fields that are no defaults}`."""
    if isinstance(end, Unreadable):
        return {"Unreadable": {}}
    if isinstance(end, tuple):
        notices, reply = end
        return {"notices": [named(one)["Notice"] for one in notices], "answer": shown(reply)}
    return {type(end).__name__: shown(end)}


def shown(value: Any) -> Any:
    """A record of the contract as JSON, without what is default."""
    if isinstance(value, Struct):
        fields = msgspec.structs.fields(value)
        kept = {field.name: getattr(value, field.name) for field in fields}
        defaults = {field.name: field.default for field in fields}
        return {
            name: named(inner) if name == "verdict" else shown(inner)
            for name, inner in kept.items()
            if inner != defaults[name] and inner not in ({}, ())
        }
    if isinstance(value, list | tuple):
        return [shown(inner) for inner in value]
    return msgspec.to_builtins(value)
