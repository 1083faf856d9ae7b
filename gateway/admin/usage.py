"""/admin/usage: what all projects have used, with what the house bears of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from litestar import Response, get
from litestar.openapi.spec import OpenAPIMediaType, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import Parameter

from gateway.admin.desk import REFUSALS, AtDesk
from gateway.api import usage

Text = str | None


@dataclass
class AlsoCsv(Operation):
    """Its answer has two forms."""

    def __post_init__(self) -> None:
        answer: Any = (self.responses or {})["200"]
        answer.content["text/csv"] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))


@get("/usage", name="admin_usage", responses=REFUSALS, tags=["usage"], operation_class=AlsoCsv)
async def of_all(
    desk: AtDesk,
    *,
    since: Annotated[Text, Parameter(query="from", description="The first day: a UTC date or a moment.")] = None,
    until: Annotated[Text, Parameter(query="until", description="The first day that no longer counts.")] = None,
    group_by: Annotated[Text, Parameter(description="Such as day,project,model,tag:campaign.")] = None,
    project: Annotated[Text, Parameter(description="Only of this one; so with all that one can group by.")] = None,
    form: Annotated[Text, Parameter(query="format", description="json (default) or csv.")] = None,
) -> Response[dict[str, Any]]:
    """What was spent by all projects, grouped and filtered as asked."""
    query, asked = usage.asked(desk.exchange)
    answer = await usage.answer(desk.exchange, query, asked)
    kind = answer.content_type[1].decode("ascii")
    headers = {name.decode("ascii"): value.decode("ascii") for name, value in answer.headers}
    content: Any = answer.body
    return Response(content, media_type=kind, headers=headers)


HANDLERS: Final = (of_all,)
