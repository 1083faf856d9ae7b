"""A store of assets, a decoder to ask, and a clip to ask about."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.assets.local import LocalAssets
from gateway.assets.media import Media
from tests.assets.processes import OTHERS
from tests.support.clips import make_clip
from tests.support.processes import children_of


@pytest.fixture(autouse=True)
def others() -> None:
    """Processes that other tests of this run keep alive are none of ours."""
    OTHERS.clear()
    OTHERS.update(children_of(os.getpid()))


@pytest.fixture
async def assets(tmp_path: Path) -> AsyncIterator[LocalAssets]:
    store = LocalAssets(tmp_path / "assets")
    await store.start()
    yield store
    await store.close()


@pytest.fixture
async def media() -> AsyncIterator[Media]:
    media = Media()
    yield media
    await media.close()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """128x128, two seconds, with sound."""
    return make_clip(tmp_path / "clip.mp4", 128, 128, 2)
