"""What the simulated vLLM-Omni and SGLang take: their forms read field by field, and their errors' shapes.

Written from the contract's page, not from the adapter. Both ignore what they do not know, so what was ignored is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from tests.support.vendor_stand import VendorError

VLLM: Final = "vllm-omni"
SGLANG: Final = "sglang"
TEXT_BYTES_MAX: Final = 1024 * 1024
PHRASES: Final = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 500: "Internal Server Error"}

Read = Callable[[str], Any]


def whole(least: int, most: int = 2**63 - 1) -> Read:
    def read(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,19}", text, re.ASCII) or not least <= int(text) <= most:
            raise ValueError
        return int(text)

    return read


def number(least: float, most: float = 1e9) -> Read:
    def read(text: str) -> float:
        if not least <= float(text) <= most:
            raise ValueError
        return float(text)

    return read


def pattern(wanted: str) -> Read:
    def read(text: str) -> str:
        if not re.fullmatch(wanted, text, re.ASCII):
            raise ValueError
        return text

    return read


def is_object(text: str) -> Any:
    value = msgspec.json.decode(text)
    if not isinstance(value, dict):
        raise ValueError
    return value


ANY: Final = pattern(r"(?s).*")
BOOL: Final = pattern("true|false|True|False|0|1")
COMMON: Final[Mapping[str, Read]] = {
    "prompt": pattern(r"(?s).+"), "model": ANY, "width": whole(1), "height": whole(1), "num_frames": whole(1),
    "negative_prompt": ANY, "num_inference_steps": whole(1, 200), "guidance_scale": number(0, 20),
    "guidance_scale_2": number(0, 20), "true_cfg_scale": number(0, 20), "flow_shift": number(-1e9),
    "enable_frame_interpolation": BOOL, "frame_interpolation_exp": whole(1, 4), "frame_interpolation_scale": number(0),
    "extra_params": is_object, "size": pattern(r"\d+x\d+"),
}  # fmt: skip
FIELDS: Final[Mapping[str, Mapping[str, Read]]] = {
    VLLM: {
        **COMMON, "seconds": pattern(r"[1-9]\d*"), "fps": number(1), "boundary_ratio": number(0, 1),
        "quality": pattern("lossless|high"), "seed": whole(-(2**63)), "generate_sound": BOOL, "lora": is_object,
        "image_reference": is_object, "user": ANY,
    },
    SGLANG: {
        **COMMON, "seconds": whole(1), "fps": whole(1), "quality": pattern("exact|lossless|high"), "seed": whole(0),
        "max_sequence_length": whole(1), "enable_teacache": BOOL,
        "output_quality": pattern("maximum|high|medium|low|default"), "reference_url": ANY,
    },
}  # fmt: skip


class Order(Struct, frozen=True):
    """What was asked; `ignored`: the names of fields that the server does not know."""

    fields: dict[str, Any]
    image: bytes | None
    ignored: tuple[str, ...]

    @property
    def size(self) -> str:
        return str(self.fields.get("size", "832x480"))

    @property
    def seconds(self) -> int:
        return int(self.fields.get("seconds", 4))


def refused(server: str, status: int, message: str, place: str | None = None) -> VendorError:
    """vLLM-Omni: an object whose code is a number. SGLang: FastAPI's detail, a list where a form's types are wrong."""
    if server == VLLM:
        kind = PHRASES.get(status, "Error")
        return VendorError(status, {"error": {"message": message, "type": kind, "param": place, "code": status}})
    if status == 422:
        return VendorError(422, {"detail": [{"loc": ["body", place], "msg": message, "type": "value_error"}]})
    return VendorError(status, {"error": message} if status == 503 else {"detail": message})


async def read_order(server: str, request: web.Request, served: str) -> Order:
    """The body as the server reads it. VendorError."""
    if request.content_type == "application/json" and server == SGLANG:
        told: dict[str, Any] = msgspec.json.decode(await request.read())
        if isinstance(told.get("input_reference", ""), dict):
            raise refused(server, 400, "Invalid request body: input_reference must be a string")
        return _order(server, {name: _spelt(value) for name, value in told.items()}, None, served)
    if request.content_type != "multipart/form-data":
        raise refused(server, 400, "prompt: Field required", "body.prompt")
    texts: dict[str, str] = {}
    image: bytes | None = None
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField) and name == "input_reference":
            image = value.file.read()
        elif isinstance(value, str):
            if len(value.encode()) > TEXT_BYTES_MAX:
                raise VendorError(400, {"detail": "Part exceeded maximum size of 1024KB."})
            if name == "input_reference":
                raise refused(server, 400 if server == VLLM else 422, "Value error, expected a file", name)
            texts[name] = value
    return _order(server, texts, image, served)


def _spelt(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _order(server: str, texts: Mapping[str, str], image: bytes | None, served: str) -> Order:
    known = FIELDS[server]
    fields: dict[str, Any] = {}
    for name in {"prompt", *texts} & set(known):
        try:
            fields[name] = known[name](texts.get(name, ""))
        except (ValueError, msgspec.DecodeError):
            status = 400 if server == VLLM else 422
            raise refused(server, status, f"{name}: Input is not valid", f"body.{name}") from None
    if server == VLLM and fields.get("model", served) != served:
        raise refused(server, 400, f"Model mismatch: this server has {served}", "body.model")
    return Order(fields, image, tuple(sorted(set(texts) - set(known))))
