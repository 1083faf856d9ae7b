"""Paths: literals before parameters, ids with slashes, and nothing found where nothing is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.routing import Routes

ROUTES = Routes(
    [
        ("/v1/videos", "videos"),
        ("/v1/videos/edits", "edits"),
        ("/v1/videos/characters", "characters"),
        ("/v1/videos/characters/{character_id}", "character"),
        ("/v1/videos/{video_id}", "video"),
        ("/v1/videos/{video_id}/content", "content"),
        ("/v1/models", "models"),
        ("/v1/models/{model...}", "model"),
    ]
)


@pytest.mark.parametrize(
    ("path", "endpoint", "params"),
    [
        ("/v1/videos", "videos", {}),
        ("/v1/videos/", "videos", {}),
        ("/v1/videos/edits", "edits", {}),
        ("/v1/videos/edit", "video", {"video_id": "edit"}),
        ("/v1/videos/characters", "characters", {}),
        ("/v1/videos/characters/char_1", "character", {"character_id": "char_1"}),
        ("/v1/videos/video_1", "video", {"video_id": "video_1"}),
        ("/v1/videos/video_1/content", "content", {"video_id": "video_1"}),
        ("/v1/models/sora-2", "model", {"model": "sora-2"}),
        ("/v1/models/vendor/name", "model", {"model": "vendor/name"}),
        ("/v1/models/a/b/c", "model", {"model": "a/b/c"}),
    ],
)
def test_a_path_leads_to_its_endpoint(path: str, endpoint: str, params: dict[str, str]) -> None:
    """A literal segment wins over a parameter; a model's id may hold slashes."""
    assert ROUTES.find(path) == (endpoint, params)


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "v1/videos", "/v1", "/v1/", "//v1/videos", "/v1//videos", "/v1/videos//", "/v1/video", "/V1/videos"),
        *(
            "/v1/videos/edits/content",
            "/v1/videos/v/other",
            "/v1/videos/v/content/x",
            "/v1/models//",
            "/v1" + "/x" * 40,
        ),
    ],
)
def test_nothing_is_found_where_nothing_is(path: str) -> None:
    """A literal's subtree is not the parameter's, and no path is repaired."""
    assert ROUTES.find(path) is None


@given(st.text(st.sampled_from("/v1ideosmlcntrah{}.%\x00é")) | st.text())
def test_any_path_is_found_or_not(path: str) -> None:
    """No path makes the table stumble."""
    found = ROUTES.find(path)
    assert found is None or found[0] in (
        "videos",
        "edits",
        "characters",
        "character",
        "video",
        "content",
        "models",
        "model",
    )
