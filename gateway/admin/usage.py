"""/admin/usage: what all projects have used, with what the house bears of it."""

from __future__ import annotations

from gateway.admin.callers import administrator
from gateway.api import usage
from gateway.api.exchange import Answer, Exchange


async def of_all(exchange: Exchange) -> Answer:
    await administrator(exchange)
    query, form = usage.asked(exchange)
    return await usage.answer(exchange, query, form)
