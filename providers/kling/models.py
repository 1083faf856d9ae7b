"""Kling's models: what each can do and costs, and which words of the API it knows.

What Kling's pages leave open is marked unverified at its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from providers import contract as c
from providers.contract import Price, Size
from providers.toolbox import resolution_of, sizes

# Squares are left to the operator (`models`): nobody says how many pixels they have, and a wrong size is a lost clip.
P720: Final = sizes("1280x720", "720x1280")
P1080: Final = sizes("1920x1080", "1080x1920")
P4K: Final = sizes("3840x2160", "2160x3840")


def _price(hundredths: int, frames: tuple[Size, ...], audio: bool | None = None) -> Price:
    """`hundredths` of a video unit for a second."""
    return Price(
        per_second_credit_billionths=hundredths * c.BILLION // 100,
        credit_usd_billionths=c.BILLION * 14 // 100,
        sizes=frames,
        audio=audio,
        as_of="2026-09-01",
        source="Kling's price page of August and September 2026: dollars a second, at $0.14 a video unit",
    )


RESOLUTIONS: Final = ("720p", "1080p", "4k")
WATERMARK: Final = ("watermark_info",)
SHORT: Final = 2_500  # of a prompt; O1 and 4.0 are named nowhere
V3: Final = c.Abilities(
    seconds=tuple(range(3, 16)), sizes=(*P720, *P1080, *P4K), image=True, last_image=True, prompt_max=3_072,
    extras=("multi_shot", *WATERMARK),
    prices=(_price(90, P720, True), _price(60, P720, False), _price(120, P1080, True), _price(80, P1080, False),
            _price(300, P4K)),
)  # fmt: skip
OMNI: Final = replace(
    V3, extras=("multi_shot", "elements", "refer_images", *WATERMARK),
    prices=(_price(80, P720, True), _price(60, P720, False), _price(100, P1080, True), _price(80, P1080, False),
            _price(300, P4K)),
)  # fmt: skip
TURBO: Final = replace(
    V3, sizes=(*P720, *P1080), audio=True, last_image=False, prompt_max=SHORT, extras=WATERMARK,
    prices=(_price(80, P720), _price(100, P1080)),
)  # fmt: skip
O1: Final = replace(
    TURBO, seconds=tuple(range(3, 11)), audio=False, last_image=True, prompt_max=None,
    extras=("elements", "refer_images", *WATERMARK),
    prices=(_price(60, P720), _price(80, P1080)),
)  # fmt: skip
# 2.6 sounds at 1080p only, and a model is asked for sound at every size or at none.
V2_6: Final = replace(
    O1, seconds=(5, 10), prompt_max=SHORT, extras=WATERMARK, prices=(_price(30, P720), _price(50, P1080))
)  # fmt: skip
V2_5: Final = replace(V2_6, last_image=False)
# Kling's own price of 4.0 is unverified, as are its paths: without one at the route nothing is sent to it.
V4: Final = replace(TURBO, seconds=tuple(range(3, 31)), last_image=True, prompt_max=None, prices=())
NEW: Final[Mapping[str, c.Abilities]] = {
    "kling-3.0": V3,
    "kling-3.0-turbo": TURBO,
    "kling-3.0-omni": OMNI,
    "kling-o1": O1,
    "kling-2.6": V2_6,
    "kling-2.5-turbo": V2_5,
    "kling-4.0": V4,
    "kling-4.0-flash": replace(V4, seconds=tuple(range(3, 21)), sizes=P720),
}
# The old standard's, also of models that the new one has. "A last image needs `pro` on most": which ones is unverified.
OLD_EXTRAS: Final = ("multi_shot", "shot_type", "multi_prompt", "element_list", *WATERMARK)
V1_EXTRAS: Final = ("cfg_scale", "camera_control", *WATERMARK)
V2_1: Final = replace(
    V2_6, negative_prompt=True, prices=(_price(40, P720), _price(70, P1080))  # 1080p: unverified, as for 1.5 and 1.6
)  # fmt: skip
MASTER: Final = replace(V2_1, sizes=P1080, last_image=False, prices=(_price(200, P1080),))
V1_6: Final = replace(V2_1, extras=V1_EXTRAS)
OLD: Final[Mapping[str, c.Abilities]] = {
    "kling-v3": replace(V3, negative_prompt=True, prompt_max=SHORT, extras=OLD_EXTRAS),
    "kling-v3-omni": replace(OMNI, prompt_max=SHORT, extras=OLD_EXTRAS),
    # Of 3 to 10 seconds with references only.
    "kling-video-o1": replace(O1, seconds=(5, 10), prompt_max=SHORT, extras=("element_list", *WATERMARK)),
    "kling-v2-6": replace(V2_6, negative_prompt=True),
    "kling-v2-5-turbo": replace(V2_6, negative_prompt=True),
    "kling-v2-1-master": MASTER,
    "kling-v2-1": V2_1,
    "kling-v2-master": MASTER,
    "kling-v1-6": V1_6,
    "kling-v1-5": V1_6,
    "kling-v1": replace(V1_6, prices=()),  # on no list that is left
}
MODELS: Final = {**NEW, **OLD}
OLD_OMNIS: Final = frozenset({"kling-v3-omni", "kling-video-o1"})
LAST_AT_ANY_SIZE: Final = frozenset({"kling-v3", *OLD_OMNIS})
OLD_SWITCH: Final = frozenset({"kling-v3", "kling-v3-omni", "kling-v2-6"})  # knows `sound`
OMNIS: Final = frozenset({"kling-3.0-omni", "kling-o1"})
NO_SWITCH: Final = frozenset({"kling-3.0-turbo", "kling-2.5-turbo"})  # "leave it out on Turbo"
COMMON: Final[Mapping[str, bool | int]] = {
    "failed_jobs_free": False,  # refunds are unverified; a task that says what it took is believed
    "asset_life_s": 30 * 86_400,
}
# "Media: jpg/jpeg/png ≤50 MB (30 MB on 4.0), sides ≥300 px, shape 1:2.5 to 2.5:1"; more than 20 MB never comes here.
IMAGE_TYPES: Final = ("image/jpeg", "image/png")
IMAGE_SIDE_MIN: Final = 300
IMAGE_SHAPE_MAX: Final = 2.5
OLD_IMAGE_BYTES_MAX: Final = 10_000_000  # "`image`, `image_tail`: URL or bare base64; ≤10 MB"
VISIBLE_AFTER_S: Final = 60.0  # "not found after a few tries over about a minute"


def with_images(able: c.Abilities, model: str) -> c.Abilities:
    """With what Kling takes, of which an operator's description may only leave some out."""
    largest = OLD_IMAGE_BYTES_MAX if is_old(model) else c.IMAGE_BYTES_MAX
    ends = tuple(size for size in able.sizes if ends_at(model, size))
    return replace(
        able,
        last_image=able.last_image and bool(ends),
        last_image_sizes=() if ends == able.sizes else ends,
        image_types=tuple(one for one in able.image_types if one in IMAGE_TYPES),
        image_bytes_max=min(able.image_bytes_max, largest),
        image_side_min=max(able.image_side_min, IMAGE_SIDE_MIN),
        image_shape_max=min(able.image_shape_max or IMAGE_SHAPE_MAX, IMAGE_SHAPE_MAX),
    )


def ends_at(model: str, size: Size) -> bool:
    """Whether a clip of this size can end with an image, where the model knows that at all."""
    return not is_old(model) or model in LAST_AT_ANY_SIZE or resolution_of(size, RESOLUTIONS) != "720p"


def is_old(model: str) -> bool:
    """Whether a model's name is a `model_name` of the old standard."""
    return model.startswith("kling-v")


def kinds_of(model: str) -> tuple[str | None, ...]:
    """Where tasks of a model may be looked for: the new standard has one place, the old one for each kind of task."""
    if not is_old(model):
        return (None,)
    return ("omni-video",) if model in OLD_OMNIS else ("text2video", "image2video")
