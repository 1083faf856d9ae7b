"""One row for every adapter: the simulated vendor behind it and the lines of configuration in front of it.

A new adapter adds its row here; the conformance suite asks for one, and `tests/end_to_end/test_one_line.py` makes a
clip on each with the same line of a client's code.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from msgspec import Struct

from tests.support.fal_vendor import fal
from tests.support.gemini_vendor import gemini
from tests.support.house import Simulator
from tests.support.kling_vendor import kling
from tests.support.luma_vendor import luma
from tests.support.openrouter_vendor import openrouter
from tests.support.reseller_dialects import DIALECTS
from tests.support.reseller_vendor import reseller
from tests.support.runway_vendor import runway
from tests.support.selfhosted_vendor import selfhosted
from tests.support.vendor import vendor
from tests.support.vendor_contract import Offer


class Row(Struct, frozen=True, kw_only=True):
    """`beside` is the vendor's address below its base URL; `route` what the route needs besides its name, prices for
    one. `vendor` takes `clips`, the folder that all vendors share."""

    adapter: str
    model: str
    vendor: Callable[..., AbstractAsyncContextManager[Simulator]] | None = None  # None: the gateway brings its own
    beside: str = ""
    settings: dict[str, Any] = {}
    route: dict[str, Any] = {}


FREE = {"prices": [{"per_clip": "0", "as_of": "2026-11-20", "source": "ours"}]}
WAN = {"seconds": [4], "sizes": ["1280x720"]}


def _own(server: str) -> Row:
    """A server of one's own, of the family that speaks OpenAI's contract."""
    settings = {"server": server, "models": {"wan-demo": WAN}}
    vendor = partial(selfhosted, server)
    return Row(adapter="openai", model="wan-demo", vendor=vendor, beside="/v1", settings=settings, route=FREE)


def _resold(preset: str) -> Row:
    """A reseller of this dialect, and of one model. Its files are elsewhere; its uploads would be too."""
    model = {"seconds": [DIALECTS[preset].seconds], "sizes": ["1280x720"]}
    return Row(
        adapter="reseller",
        model="kling-v2-6",
        vendor=partial(reseller, preset),
        settings={
            "preset": preset,
            "user_token": "u-token",
            "user_id": "17",
            "models": {"kling-v2-6": {**model, "preset": preset}},
        },
        route={"prices": [{"per_second": "0.10", "as_of": "2026-11-20", "source": "the simulated site"}]},
    )


# By the provider's name, which is the public model's too.
ROWS = {
    "mock": Row(adapter="mock", model="sora-2", settings={"queue_s": 0, "render_s": 0.2}),
    "openai": Row(adapter="openai", model="sora-2", vendor=vendor),
    "azure": Row(
        adapter="openai",
        model="deployed",
        vendor=partial(vendor, key_header="api-key", models={"deployed": Offer()}),
        settings={"server": "azure", "models": {"deployed": WAN}},
        route=FREE,
    ),
    "vllm": _own("vllm-omni"),
    "sglang": _own("sglang"),
    "openrouter": Row(
        adapter="openrouter",
        model="acme/clip",
        vendor=openrouter,
        beside="/api/v1",
        settings={"models": {"acme/clip": WAN}},
        route=FREE,
    ),
    "runway": Row(adapter="runway", model="gen4.5", vendor=runway),
    "gemini": Row(adapter="gemini", model="gemini-omni-1.1-flash", vendor=gemini, beside="/v1beta"),
    "fal": Row(adapter="fal", model="bytedance/seedance-2.0", vendor=fal),
    "luma": Row(adapter="luma", model="ray-3.2", vendor=luma),
    "reseller": _resold("newapi"),
    **{preset: _resold(preset) for preset in DIALECTS if preset != "newapi"},
    "kling": Row(adapter="kling", model="kling-3.0", vendor=kling),
    "kling-old": Row(adapter="kling", model="kling-v1-6", vendor=kling),
}


@asynccontextmanager
async def every_vendor(clips: str, *names: str) -> AsyncIterator[str]:
    """All vendors on this event loop, or those of these rows, and the configuration that reaches them."""
    wanted = {name: row for name, row in ROWS.items() if name in (names or ROWS)}
    async with AsyncExitStack() as stack:
        providers = {}
        for name, row in wanted.items():
            providers[name] = {"adapter": row.adapter, "poll_min_s": 0.2, "poll_max_s": 0.5, "settings": row.settings}
            if row.vendor is not None:
                at = await stack.enter_async_context(row.vendor(clips=clips))
                providers[name] |= {"base_url": at.base_url + row.beside, "api_key": at.api_key}
        # JSON is YAML, and needs no indenting.
        models = {
            name: {"routes": [{"route": f"{name}/{row.model}", **row.route}], "nearest": "nearest"}
            for name, row in wanted.items()
        }
        yield json.dumps({"providers": providers, "models": models}, indent=1)
