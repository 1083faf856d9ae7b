"""Which images a route's vendor takes: of which types, how many bytes, how small, how long and narrow. Pure.

One table says it for the plan (why a route is dropped) and for the client (what would be taken).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from gateway.domain.videos import StoredImage
from providers.contract import Abilities

_NAMES: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WebP"}


class ImageLimit(Struct, frozen=True):
    """One limit: whether an image keeps it, and the limit in words."""

    holds: Callable[[Abilities, StoredImage], bool]
    words: Callable[[Abilities], str]


IMAGE_LIMITS: Final = (
    ImageLimit(
        lambda able, image: image.media_type in able.image_types,
        lambda able: "the type " + " or ".join(_NAMES.get(one, one) for one in able.image_types),
    ),
    ImageLimit(
        lambda able, image: image.size_bytes <= able.image_bytes_max,
        lambda able: f"at most {able.image_bytes_max} bytes",
    ),
    ImageLimit(
        lambda able, image: min(image.width, image.height) >= able.image_side_min,
        lambda able: f"sides of at least {able.image_side_min} pixels",
    ),
    ImageLimit(
        lambda able, image: (
            able.image_shape_max is None
            or max(image.width, image.height) <= able.image_shape_max * min(image.width, image.height)
        ),
        lambda able: f"a long side of at most {able.image_shape_max} times the short one",
    ),
)


def unkept(able: Abilities, images: Sequence[StoredImage]) -> str:
    """The limits that some of these images do not keep, in words; empty if there is none."""
    return " and ".join(
        limit.words(able) for limit in IMAGE_LIMITS if not all(limit.holds(able, image) for image in images)
    )
