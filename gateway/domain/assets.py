"""The files of a video: how they are named in the asset store, and what each is served as."""

from __future__ import annotations

from typing import Final

from providers.contract import AssetKind

MEDIA_TYPES: Final = {
    AssetKind.VIDEO: "video/mp4",
    AssetKind.THUMBNAIL: "image/webp",
    AssetKind.SPRITESHEET: "image/jpeg",
}
NOT_HERE: Final = "The clip's file is not on this replica's disk. Try again: another replica may have it."
_FILES: Final = {
    AssetKind.VIDEO: "video.mp4",
    AssetKind.THUMBNAIL: "thumbnail.webp",
    AssetKind.SPRITESHEET: "spritesheet.jpg",
}
_COPIES: Final = {
    AssetKind.VIDEO: "reused.mp4",
    AssetKind.THUMBNAIL: "reused.webp",
    AssetKind.SPRITESHEET: "reused.jpg",
}
_IMAGE: Final = "image"
_LAST_IMAGE: Final = "last_image"
_SOURCE: Final = "source.mp4"


def asset_name(video_id: str, kind: AssetKind) -> str:
    return f"{video_id}/{_FILES[kind]}"


def image_name(video_id: str) -> str:
    """The image that the client gave."""
    return f"{video_id}/{_IMAGE}"


def last_image_name(video_id: str) -> str:
    """And the one that the clip shall end with."""
    return f"{video_id}/{_LAST_IMAGE}"


def source_name(identity: str) -> str:
    """The clip that a character, a remix, an edit or an extension starts from: our own copy, so the source may go."""
    return f"{identity}/{_SOURCE}"


def copy_name(video_id: str, kind: AssetKind) -> str:
    """A file of another video, for one that was finished by its clip. Made before the video is admitted, as inputs are,
    so it must not look like a rendered one."""
    return f"{video_id}/{_COPIES[kind]}"


def owner_of_input(name: str) -> str | None:
    """Whose a file is that is stored before an admission, an input or a copy: a video's id or a character's; None for a
    rendered file."""
    owner, _, file = name.partition("/")
    return owner if file in (_IMAGE, _LAST_IMAGE, _SOURCE, *_COPIES.values()) else None


def every_name(video_id: str) -> tuple[str, ...]:
    """All that a video can have."""
    files = (*_FILES.values(), *_COPIES.values(), _IMAGE, _LAST_IMAGE, _SOURCE)
    return tuple(f"{video_id}/{file}" for file in files)
