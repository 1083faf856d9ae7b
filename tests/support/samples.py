"""Sample requests for any adapter, made from what it declares and from the refs of its recorded dialogs."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from providers.contract import (
    Abilities,
    Accepted,
    Adapter,
    AssetKind,
    Blob,
    CharacterSpec,
    Finished,
    Image,
    Ref,
    Remote,
    Sought,
    Source,
    Spec,
    Verb,
)
from tests.support.dialogs import RECEIVED_MS, Dialog, asked

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
CLIP = Blob("samples/clip", "video/mp4", 4_096)
LINK = "https://files.vendor.example/clip.mp4"


def specs(adapter: Adapter[Any], dialogs: list[Dialog]) -> list[Spec]:
    """For every model a plain create, each other verb, and a create with everything that the model can take."""
    job, character = _ref(dialogs, "submit"), _ref(dialogs, "character")
    found: list[Spec] = []
    for model in adapter.models():
        able = adapter.abilities(model)
        plain = Spec(
            model=model, prompt="A paper boat", seconds=able.seconds[0], size=able.sizes[0], audio=_audio(able)
        )
        if able.needs_image:
            plain = replace(plain, image=Image(PNG, "image/png", plain.size.width, plain.size.height))
        source = Source(asset=CLIP, account="here", ref=job, prompt="Before", seconds=plain.seconds, size=plain.size)
        found.append(plain)
        found.append(_full(plain, able, character))
        found.extend(replace(plain, verb=verb, source=source) for verb in able.verbs if verb is not Verb.CREATE)
    return found


def questions(adapter: Adapter[Any], dialogs: list[Dialog]) -> dict[str, list[dict[str, Any]]]:
    """Arguments for every verb but `download`: some made here, some recorded."""
    wanted = specs(adapter, dialogs)
    ref = _ref(dialogs, "submit")
    made: dict[str, list[dict[str, Any]]] = {
        "submit": [{"spec": spec, "key": "6e3c1f9a-key"} for spec in wanted],
        "poll": [{"ref": ref}],
        "cancel": [{"ref": ref, "last": None}, {"ref": ref, "last": Finished(assets=(Remote(link=LINK),))}],
        "find": [{"sought": _sought(spec)} for spec in wanted],
        "character": [{"spec": CharacterSpec(spec.model, "Biscuit", CLIP)} for spec in wanted[:1]],
        "account": [{}],
        "load": [{}],
    }
    for dialog in dialogs:
        if dialog.verb in made and not dialog.settings:
            made[dialog.verb].append(asked(dialog))
    return made


def assets() -> list[Remote]:
    return [Remote(kind=kind, link=link) for kind in AssetKind for link in (None, LINK, "/files/clip.mp4")]


def _sought(spec: Spec) -> Sought:
    return Sought(key="6e3c1f9a-key", spec=spec, since_ms=RECEIVED_MS - 60_000, until_ms=RECEIVED_MS)


def _full(plain: Spec, able: Abilities, character: Ref) -> Spec:
    picture = Image(PNG, "image/png", able.sizes[-1].width, able.sizes[-1].height)
    return replace(
        plain,
        seconds=able.seconds[-1],
        size=able.sizes[-1],
        image=picture if able.image else None,
        last_image=picture if able.last_image else None,
        characters=(character,) if able.characters else (),
        seed=7 if able.seed else None,
        negative_prompt="blur" if able.negative_prompt else None,
        extras=dict.fromkeys(able.extras, 1),
        callback_url="https://gateway.example/callbacks/1",
    )


def _audio(able: Abilities) -> bool:
    return able.audio is not False


def _ref(dialogs: list[Dialog], verb: str) -> Ref:
    """The ref of the first recorded success; a ref is the adapter's own, so nothing else can make one up."""
    for dialog in dialogs:
        for name in (Accepted.__name__, Finished.__name__):
            ref = dialog.verdict.get(name, {}).get("ref")
            if dialog.verb == verb and ref:
                return dict(ref)
    return {"id": "unrecorded"}
