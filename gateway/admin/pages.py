"""Pages of lists, asked for and answered as in /v1: `limit`, `after`, `order`; `first_id`, `last_id`, `has_more`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Final, Generic, Literal, TypeAlias, TypeVar

from litestar.params import Parameter
from msgspec import Struct

from gateway.domain.errors import BadInput

T = TypeVar("T")
LIMIT: Final = 20
LIMIT_MAX: Final = 100
ID_CHARS_MAX: Final = 128

Limit: TypeAlias = Annotated[int, Parameter(ge=1, le=LIMIT_MAX, description="At most so many.")]
After: TypeAlias = Annotated[
    str | None, Parameter(max_length=ID_CHARS_MAX, description="The id behind which the page begins.")
]
Order: TypeAlias = Annotated[Literal["asc", "desc"], Parameter(description="By age: the newest first, or last.")]


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    object: Literal["list"] = "list"
    data: list[T]
    first_id: str | None
    last_id: str | None
    has_more: bool


def page(data: Sequence[T], identity: Callable[[T], str], *, has_more: bool) -> Page[T]:
    ends = [identity(data[at]) if data else None for at in (0, -1)]
    return Page(data=list(data), first_id=ends[0], last_id=ends[1], has_more=has_more)


def page_of(found: Sequence[T], identity: Callable[[T], str], *, limit: int, after: str | None, order: str) -> Page[T]:
    """A page of a list that is there as a whole, oldest first. BadInput for an `after` that is not in it."""
    ordered = list(found) if order == "asc" else list(reversed(found))
    start = 0
    if after is not None:
        places = {identity(one): at for at, one in enumerate(ordered)}
        if after not in places:
            raise BadInput("Invalid value: 'after' must be an id of this list.", param="after")
        start = places[after] + 1
    return page(ordered[start : start + limit], identity, has_more=len(ordered) > start + limit)
