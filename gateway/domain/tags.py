"""Tags: by what a video's spend can be told apart. Its own metadata, and beside it the default tags of key and project.

Pure. A request's own word wins over its key's, and that over its project's. A video has as many tags as metadata may
have pairs; where all together would be more, defaults are left out: a project's before a key's, of one owner the last
by name. A create is never refused for what others set as its defaults.

A class is what metrics tell projects apart by: there are few of them, however many projects there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.domain.fields import METADATA_KEY_CHARS_MAX, METADATA_PAIRS_MAX, METADATA_VALUE_CHARS_MAX
from gateway.domain.limits import Owned

TAGS_MAX: Final = METADATA_PAIRS_MAX
CLASS_CHARS_MAX: Final = 32
CLASS: Final = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)  # no id of a project or key fits


def default_tags(owned: Sequence[Owned], metadata: Mapping[str, str]) -> dict[str, str]:
    """What goes beside the metadata of a request. Of `owned`, the earlier one wins."""
    room = TAGS_MAX - len(metadata)
    given: dict[str, str] = {}
    for one in owned:
        for name, value in sorted(one.limits.tags.items()):
            if len(given) < room and name not in metadata and name not in given:
                given[name] = value
    return given


def class_of(owned: Sequence[Owned]) -> str:
    """The class of a video's figures: of the first that has one. Empty: none has."""
    return next((one.limits.project_class for one in owned if one.limits.project_class), "")


def parse_class(text: str) -> str:
    """A class as an operator writes it. ValueError with a sentence for the rest."""
    if CLASS.fullmatch(text) is None:
        raise ValueError(
            f"a class has 1 to {CLASS_CHARS_MAX} small letters, digits and hyphens, a letter first, "
            f"which {text[:CLASS_CHARS_MAX]!r} is not"
        )
    return text


def parse_tag(text: str) -> tuple[str, str]:
    """`campaign=spring` as an operator writes a default tag. ValueError with a sentence for the rest."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not a tag such as campaign=spring")
    for part, called, chars_max in ((name, "name", METADATA_KEY_CHARS_MAX), (value, "value", METADATA_VALUE_CHARS_MAX)):
        if not part or len(part) > chars_max or not part.isprintable() or part != part.strip():
            raise ValueError(
                f"a tag's {called} has 1 to {chars_max} printable characters and no blank at either end, "
                f"which {part[:chars_max]!r} is not"
            )
    return name, value
