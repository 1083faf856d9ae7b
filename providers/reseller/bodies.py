"""The request that a reseller gets: a spec, written into a body by the settings' table. Pure."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from providers import contract as c
from providers.contract import Call, Image, Json, Part, Ref, Size, Spec
from providers.reseller.places import append, look, put
from providers.reseller.settings import Create, Put, Upload, Wire
from providers.toolbox import Node

RATIOS: Final = {f"{wide}:{high}": wide / high for wide, high in (
    (16, 9), (9, 16), (1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (21, 9), (9, 21),
)}  # fmt: skip
CORRELATION: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
SUFFIXES: Final = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


def create_call(wire: Wire, spec: Spec, *, model: str, key: str, links: Mapping[str, str], secret: str | None) -> Call:
    """The call that starts work. `links`: where uploaded images stand, by field; `model`: the vendor's name."""
    create = wire.create
    body = _body(create, spec, model)
    files = tuple(_images(create, spec, body, links))
    query = tuple(_callback(create, spec, body, secret))
    pictured = spec.image is not None or spec.last_image is not None
    path = create.image_path if create.image_path is not None and pictured else create.path
    headers = dict(wire.headers)
    if create.correlation is not None and CORRELATION.fullmatch(key):
        headers[create.correlation] = key
    form = create.encoding == "multipart" or (create.encoding == "multipart_if_file" and files)
    return Call(
        method="POST",
        path=path.replace("{model}", quote(model, safe="/")),
        query=query,
        headers=headers,
        body=c.Form(fields=tuple(_texts(body)), files=files) if form else c.JsonBody(body),
        starts_work=True,
    )


def _body(create: Create, spec: Spec, model: str) -> dict[str, Json]:
    """Everything but images and the callback. Free extras come first, so that none of them takes a field's place."""
    body: dict[str, Json] = {}
    for name, extra in spec.extras.items():
        if create.extras_at is None:
            body[name] = extra
        else:
            held = look(Node(body), create.extras_at).raw
            put(body, create.extras_at, {**(held if isinstance(held, dict) else {}), name: extra})
    constants = dict(create.constants)
    constants |= create.image_constants if spec.image is not None else {}
    constants |= create.last_constants if spec.last_image is not None else {}
    for place, constant in constants.items():
        put(body, place, constant)
    values: dict[str, Json | Size] = {
        "model": model,
        "prompt": spec.prompt,
        "seconds": spec.seconds,
        "size": spec.size,
        "audio": spec.audio,
        "seed": spec.seed,
        "negative_prompt": spec.negative_prompt,
    }
    for name, value in values.items():
        for where in getattr(create.fields, name):
            if value is not None:
                _write(body, where, value)
    return body


def _write(body: dict[str, Json], where: Put, value: Json | Size) -> None:
    written = _formed(where, value)
    if where.as_ == "list":
        append(body, where.at, written)
    else:
        put(body, where.at, written)


def _formed(where: Put, value: Json | Size) -> Json:
    if isinstance(value, Size):
        return _size(where, value)
    told: Json = value
    match where.as_:
        case "text":
            told = str(value)
        case "on_off":
            told = "on" if value else "off"
    word = {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    return where.words.get(word, told)


def _size(where: Put, size: Size) -> Json:
    """In the vendor's form. `words` may be by pixels, or by what would be written."""
    resolution = f"{min(size.width, size.height)}p"
    text = {
        "pixels_by_star": f"{size.width}*{size.height}",
        "ratio": ratio_of(size),
        "resolution": resolution,
        "resolution_capital": resolution.upper(),
    }.get(where.as_, str(size))
    return where.words.get(str(size), where.words.get(text, text))


def ratio_of(size: Size) -> str:
    """The nearest of the shapes that have a name: 832x480 is 16:9 to everybody."""
    shape = math.log(size.width / size.height)
    return min(RATIOS, key=lambda name: abs(math.log(RATIOS[name]) - shape))


def _images(create: Create, spec: Spec, body: dict[str, Json], links: Mapping[str, str]) -> Iterable[Part]:
    for name, image in pictures(spec):
        for where in getattr(create.fields, name):
            if create.image_as == "file":
                yield Part(where.at, file_name(name, image), image.media_type, image.data)
            else:
                _write(body, where, links.get(name) or inline(image, bare=create.image_as == "base64"))


def pictures(spec: Spec) -> list[tuple[str, Image]]:
    """The images of a spec, by the field that each goes to."""
    both = (("image", spec.image), ("last_image", spec.last_image))
    return [(name, image) for name, image in both if image is not None]


def inline(image: Image, *, bare: bool) -> str:
    text = b64encode(image.data).decode()
    return text if bare else f"data:{image.media_type};base64,{text}"


def file_name(name: str, image: Image) -> str:
    return f"{name}.{SUFFIXES.get(image.media_type, 'bin')}"


def upload_call(upload: Upload, headers: Mapping[str, str], name: str, image: Image) -> Call:
    """The call that leaves an image with the vendor; it makes nothing."""
    body: dict[str, Json] = {}
    for place, constant in upload.constants.items():
        put(body, place, constant)
    if upload.name_at is not None:
        put(body, upload.name_at, file_name(name, image))
    if upload.as_ == "file":
        file = Part(upload.at, file_name(name, image), image.media_type, image.data)
        form = c.Form(fields=tuple(_texts(body)), files=(file,))
        return Call(method="POST", path=upload.to, headers=dict(headers), body=form)
    text = inline(image, bare=upload.as_ == "base64")
    put(body, upload.at, [text] if upload.as_ == "list" else text)
    return Call(method="POST", path=upload.to, headers=dict(headers), body=c.JsonBody(body))


def _callback(create: Create, spec: Spec, body: dict[str, Json], secret: str | None) -> Iterable[tuple[str, str]]:
    callback = create.callback
    if callback is None or spec.callback_url is None:
        return
    if callback.query is not None:
        yield callback.query, spec.callback_url
    if callback.at is not None:
        put(body, callback.at, spec.callback_url)
    if callback.secret_at is not None and secret is not None:
        put(body, callback.secret_at, secret)


def _texts(body: Mapping[str, Json]) -> Iterable[tuple[str, str]]:
    """A form's parts are texts; what is no plain value is JSON in a text."""
    for name, value in body.items():
        if value is not None:
            yield name, value if isinstance(value, str) else msgspec.json.encode(value).decode()


def filled(path: str, ref: Ref) -> str:
    """A path with the job's id, every character of it that means something in a URL escaped."""
    return path.replace("{id}", quote(Node(ref)["id"].ident(), safe=""))
