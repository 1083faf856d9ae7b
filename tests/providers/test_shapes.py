"""Sizes in vendors' words: a ratio and a resolution for every size, in the toolbox's pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.synonyms import size_of_shape
from providers.contract import Size
from providers.toolbox import LINES, ratio_of, resolution_of

RATIOS = ("16:9", "9:16", "4:3", "3:4", "1:1", "21:9", "9:21")
NAMES = ("360p", "540p", "720p", "1080p", "4k")


@given(ratio=st.sampled_from(RATIOS), lines=st.sampled_from([360, 540, 720, 1080, 2160]))
def test_a_size_made_from_a_ratio_has_it(ratio: str, lines: int) -> None:
    """The shorter side and the ratio that a client gives come back as the vendor's words for the same thing."""
    across, _, down = ratio.partition(":")
    assert ratio_of(size_of_shape((int(across), int(down)), lines), RATIOS) == ratio


@given(name=st.sampled_from(NAMES), turned=st.booleans())
def test_a_wide_or_a_tall_frame_is_of_its_resolution(name: str, turned: bool) -> None:
    size = LINES[name]
    assert resolution_of(Size(size.height, size.width) if turned else size, NAMES) == name


@pytest.mark.parametrize(
    ("size", "ratio", "resolution"),
    [("1470x630", "21:9", "720p"), ("960x960", "1:1", "720p"), ("752x560", "4:3", "480p"), ("2880x3840", "3:4", "4k")],
)
def test_shapes_of_one_resolution_have_about_as_many_pixels(size: str, ratio: str, resolution: str) -> None:
    """Makers keep the number of pixels, not the shorter side."""
    assert ratio_of(Size.parse(size), RATIOS) == ratio
    assert resolution_of(Size.parse(size), ("480p", "720p", "1080p", "4k")) == resolution


def test_a_name_is_given_as_the_vendor_writes_it() -> None:
    assert resolution_of(Size(1366, 768), ("480P", "768P")) == "768P"
