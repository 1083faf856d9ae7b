"""vLLM-Omni's and SGLang's own words: their request and response models, read out of their wheels.

Neither runs here without a GPU's libraries. What says which fields they read, and what their jobs look like, needs
pydantic alone; `make test-all` fetches the wheels.
"""

from __future__ import annotations

import ast
import sys
import types
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest

FOLDER: Final = Path(__file__).parents[2] / ".envs" / "servers"
VLLM: Final = "vllm_omni"
SGLANG: Final = "sglang"
_OPENAI: Final = {
    VLLM: "vllm_omni/entrypoints/openai",
    SGLANG: "sglang/multimodal_gen/runtime/entrypoints/openai",
}
_MODELS: Final = {VLLM: f"{_OPENAI[VLLM]}/protocol/videos.py", SGLANG: f"{_OPENAI[SGLANG]}/protocol.py"}
_FORMS: Final = {VLLM: f"{_OPENAI[VLLM]}/video/generation/helpers.py", SGLANG: f"{_OPENAI[SGLANG]}/video_api.py"}


def source(package: str, path: str) -> str:
    wheel = next(FOLDER.glob(f"{package}-*.whl"), None)
    if wheel is None:
        pytest.fail(f"{package}: no wheel in {FOLDER}; `make test-all` fetches it", pytrace=False)
    with zipfile.ZipFile(wheel) as opened:
        return opened.read(path).decode()


def models(package: str) -> types.ModuleType:
    """The module of its request and response models. What it imports from its package, two small things, is lent."""
    lent: dict[str, dict[str, Any]] = {}
    if package == VLLM:
        levels = constant(source(VLLM, "vllm_omni/inputs/data.py"), "DIFFUSION_QUALITY_LEVELS")
        lent = {
            "vllm_omni.entrypoints.openai.image_api_utils": {"parse_size": _parse_size},
            "vllm_omni.inputs.data": {"DIFFUSION_QUALITY_LEVELS": levels},
        }
    module = types.ModuleType(f"{package}_models")
    names = [module.__name__, *lent]
    try:
        sys.modules[module.__name__] = module
        for name, content in lent.items():
            sys.modules[name] = types.ModuleType(name)
            vars(sys.modules[name]).update(content)
        exec(compile(source(package, _MODELS[package]), _MODELS[package], "exec"), vars(module))
    finally:
        for name in names:
            sys.modules.pop(name, None)
    return module


def form_fields(package: str) -> frozenset[str]:
    """The names that its create reads from a form: the parameters of the function that declares them."""
    text = source(package, _FORMS[package])
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = [{one.arg for one in node.args.args} for node in functions]
    names = next(one for one in found if {"prompt", "seconds", "size", "input_reference"} <= one)
    more = constant(text, "_MULTIPART_EXTRA_FORM_FIELDS") if package == SGLANG else ()
    return frozenset({*names, *more})


def constant(text: str, name: str) -> Any:
    """A literal that a module's source gives a name."""
    for node in ast.parse(text).body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        value = getattr(node, "value", None)
        if value is not None and any(isinstance(one, ast.Name) and one.id == name for one in targets):
            return ast.literal_eval(value)
    raise KeyError(name)


def _parse_size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)
