"""/v1/usage: what the key's project has used, by day, model, tag and more, as JSON or CSV."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from gateway.api.exchange import Answer, Exchange, of_json
from gateway.api.videos import caller_of
from gateway.domain.errors import BadInput, Unavailable
from gateway.domain.usage_query import BadQuery, Query, read_query
from gateway.domain.usage_report import LINES_MAX, TooManyLines, as_csv, as_json
from gateway.store.usage import TooManyCells, UsageBehind

CSV: Final = (b"content-type", b"text/csv; charset=utf-8; header=present")
ATTACHED: Final = (b"content-disposition", b'attachment; filename="usage.csv"')
AGAIN_S: Final = 5


async def of_project(exchange: Exchange) -> Answer:
    """Of the key's own project alone, and what that bears."""
    caller = await caller_of(exchange)
    query, form = asked(exchange)
    return await answer(exchange, replace(query, project=caller.project, bears=True), form)


def asked(exchange: Exchange) -> tuple[Query, str]:
    """The query, and the form of its answer. BadInput."""
    fields = exchange.query()
    form = fields.pop("format", "json")
    if form not in ("json", "csv"):
        raise BadInput("Invalid value: 'format' must be 'json' or 'csv'.", param="format")
    try:
        return read_query(fields, exchange.tools.clock.now_ms()), form
    except BadQuery as error:
        raise BadInput(f"Invalid value for '{error.field}': {error}.", param=error.field) from error


async def answer(exchange: Exchange, query: Query, form: str) -> Answer:
    try:
        report = await exchange.tools.store.usage(query)
    except TooManyLines as error:
        message = f"The answer has more than {LINES_MAX} lines. Ask for fewer days, group by less, or filter."
        raise BadInput(message, code="answer_too_large") from error
    except TooManyCells as error:
        message = "That is about too many projects and days at once. Ask for fewer days, or for one project."
        raise BadInput(message, code="answer_too_large") from error
    except UsageBehind as error:
        raise Unavailable("Usage is still being added up. Try again in a moment.", retry_after_s=AGAIN_S) from error
    return Answer(as_csv(report), 200, (ATTACHED,), CSV) if form == "csv" else of_json(as_json(report))
