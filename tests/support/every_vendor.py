"""One row for every adapter: the simulated vendor behind it, the lines of configuration in front of it, and what must
come of a video there on each of five ways.

A new adapter adds its row here; the conformance suite asks for one, and `tests/end_to_end/test_one_line.py` goes all
ways on each with the same line of a client's code (`every_way`). What ends how in the ledger is said here from the
vendor's page and our rules, not by the adapter.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final

from msgspec import Struct

from tests.support.fal_vendor import SIGNER, fal
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
from tests.support.vendor_faults import Fault


class Way(Struct, frozen=True, kw_only=True):
    """How a vendor is told to behave, and what must come of a video that is asked for there. `options` are the
    simulator's (`{hook}` in a text is the provider's address for callbacks), `settings` the adapter's."""

    options: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    faults: tuple[Fault, ...] = ()
    deadline_s: int = 3_600
    ends: str = "completed"  # or the code of the error
    books: tuple[str, ...] = ("settle",)  # how each attempt ends in the ledger: so many were submitted, and no more


LONG_S: Final = 600.0  # a job takes so long, or begins so late, unless it is stopped or the test finishes it
BREAKS: Final = Fault(on="create", do="fail", times=None)
LOSES: Final = Fault(on="content", do="refuse", status=404, times=None)
FAILED: Final = "provider_failed"
AGAIN_FREE: Final = ("void",) * 3  # a failure that is free is asked again where no other route is left

BREAKS_PAID: Final = Way(faults=(BREAKS,), ends=FAILED)
BREAKS_FREE: Final = Way(faults=(BREAKS,), ends=FAILED, books=AGAIN_FREE)
RENEWED: Final = Way(options={"links_dead": 2})


def _gone(*faults: Fault, **options: Any) -> Way:
    """The file has expired, and no look brings another: it is asked for again for a while, a short one where the
    deadline is near. What the vendor rendered it bills."""
    return Way(options=options, faults=faults, deadline_s=45, ends=FAILED)


GONE: Final = _gone(LOSES)


def _cannot(**options: Any) -> Way:
    """The vendor stops nothing: the clip is the client's, and paid."""
    return Way(options=options or {"run_s": LONG_S})


def _stopped(*books: str, **options: Any) -> Way:
    """The vendor stops it; what it takes for a job that has begun, none of them says."""
    return Way(options=options or {"run_s": LONG_S}, ends="cancelled", books=books)


def _calls(settings: dict[str, Any] | None = None, **options: Any) -> Way:
    """It calls back when it is done. With `settings`, which hold a secret, it signs that."""
    return Way(options={"run_s": 0.4, **options}, settings=settings or {})


class Row(Struct, frozen=True, kw_only=True):
    """`beside` is the vendor's address below its base URL; `route` what the route needs besides its name, prices for
    one. `vendor` takes `clips`, the folder that all vendors share."""

    adapter: str
    model: str
    vendor: Callable[..., AbstractAsyncContextManager[Simulator]] | None = None  # None: the gateway brings its own
    beside: str = ""
    settings: dict[str, Any] = {}
    route: dict[str, Any] = {}
    success: Way = Way()
    cancel: Way = _cannot()
    failure: Way = BREAKS_PAID
    expiry: Way = RENEWED
    webhook: Way | None = None  # None: the vendor never calls back


FREE = {"prices": [{"per_clip": "0", "as_of": "2026-11-20", "source": "ours"}]}
WAN = {"seconds": [4], "sizes": ["1280x720"]}
KLING_SECRET = "whsec_a2xpbmctc2ltdWxhdG9yLXNlY3JldC0wMDAx"
GEMINI_SECRET = "whsec_Z2VtaW5pLXNpbXVsYXRvci1zZWNyZXQtMDAx"


def _own(server: str, **ways: Way) -> Row:
    """A server of one's own, of the family that speaks OpenAI's contract. A failed render costs nothing."""
    return Row(
        adapter="openai", model="wan-demo", vendor=partial(selfhosted, server), beside="/v1", route=FREE,
        settings={"server": server, "models": {"wan-demo": WAN}}, failure=BREAKS_FREE, expiry=GONE, **ways,
    )  # fmt: skip


# --- resellers ---------------------------------------------------------------------------------------------------

GIVES_BACK: Final = (
    "newapi", "newapi-generations", "newapi-files", "newapi-sora", "newapi-kling", "aimlapi", "segmind", "kie",
    "kie-veo",
)  # fmt: skip
"""A failed job's price is given back, by the vendor's own word."""
BY_ID: Final = ("newapi", "newapi-files", "newapi-sora")
"""A clip is fetched by its job's id: no link can be renewed."""
CALLING: Final = {
    "evolink": _calls(calls=("done",)),
    "ai302": _calls(calls=("done",)),
    "kie": _calls({"callback_secret": "kie-key"}, calls=("done",), secret="kie-key"),
    "kie-veo": _calls({"callback_secret": "kie-key"}, calls=("done",), secret="kie-key"),
    "piapi": _calls({"callback_secret": "pi-secret"}, calls=("done",), secret="pi-secret"),
    "wavespeed": _calls({"callback_secret": "whsec_wave"}, calls=("done",), secret="whsec_wave"),
}  # fmt: skip


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
        cancel=_stopped("presumed", wait_s=LONG_S) if preset == "piapi" else _cannot(),
        failure=BREAKS_FREE if preset in GIVES_BACK else BREAKS_PAID,
        expiry=GONE if preset in BY_ID else RENEWED,
        webhook=CALLING.get(preset),
    )


# --- the table ---------------------------------------------------------------------------------------------------

# By the provider's name, which is the public model's too.
ROWS = {
    "mock": Row(
        adapter="mock",
        model="sora-2",
        settings={"queue_s": 0, "render_s": 0.2},
        cancel=Way(settings={"render_s": LONG_S}, ends="cancelled", books=("void",)),
        failure=Way(settings={"fate": "break"}, ends=FAILED, books=AGAIN_FREE),
        expiry=Way(settings={"fate": "stale-link"}),
        webhook=Way(settings={"render_s": 0.4}),
    ),
    "openai": Row(
        adapter="openai", model="sora-2", vendor=vendor, cancel=_cannot(render_s=LONG_S),
        expiry=_gone(asset_life_s=-1),
    ),
    "azure": Row(
        adapter="openai",
        model="deployed",
        vendor=partial(vendor, key_header="api-key", models={"deployed": Offer()}),
        settings={"server": "azure", "models": {"deployed": WAN}},
        route=FREE,
        cancel=_cannot(render_s=LONG_S),
        expiry=_gone(asset_life_s=-1),
    ),
    "vllm": _own("vllm-omni", cancel=_stopped("void", busy_s=LONG_S)),  # what waits; what runs goes on
    "sglang": _own("sglang"),
    "openrouter": Row(
        adapter="openrouter",
        model="acme/clip",
        vendor=openrouter,
        beside="/api/v1",
        settings={"models": {"acme/clip": WAN}},
        route={"prices": [{"per_second": "0.08", "as_of": "2026-11-20", "source": "its page"}]},
        failure=Way(faults=(BREAKS,), ends=FAILED, books=("void",)),  # it says that it took nothing
        expiry=_gone(file_s=-1.0),
        webhook=_calls({"webhook_secret": "workspace"}, calls_back=True),
    ),
    "runway": Row(adapter="runway", model="gen4.5", vendor=runway, cancel=_stopped("presumed")),
    "gemini": Row(
        adapter="gemini",
        model="gemini-omni-1.1-flash",
        vendor=gemini,
        beside="/v1beta",
        cancel=_stopped("presumed"),
        expiry=_gone(file_s=-1.0),
        webhook=_calls(
            {"webhook_secret": GEMINI_SECRET}, calls_back=True, webhook="{hook}", webhook_secret=GEMINI_SECRET
        ),
    ),
    "fal": Row(
        adapter="fal", model="bytedance/seedance-2.0", vendor=fal, cancel=_stopped("presumed"),
        webhook=_calls({"webhook_keys": [SIGNER.jwk_x]}, calls_back=True),
    ),
    "luma": Row(adapter="luma", model="ray-3.2", vendor=luma),
    "reseller": _resold("newapi"),
    **{preset: _resold(preset) for preset in DIALECTS if preset != "newapi"},
    "kling": Row(
        adapter="kling", model="kling-3.0", vendor=kling,
        webhook=_calls({"webhook_secret": KLING_SECRET}, webhook_secret=KLING_SECRET),
    ),
    "kling-old": Row(
        adapter="kling", model="kling-v1-6", vendor=kling,
        webhook=_calls({"webhook_secret": KLING_SECRET}, webhook_secret=KLING_SECRET),
    ),
}  # fmt: skip
