"""The kinds of value that `config.yaml` uses, each read from what people write: dollars, sizes, names, dates, URLs."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.domain.money import parse_dollars
from providers.contract import Size

SANDBOX: Final = "sandbox:"
"""The base URL of the gateway's own simulated vendor, wherever `serve` puts it."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}", re.ASCII)
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}", re.ASCII)
_ROUTE = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}/[!-~]{1,200}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?", re.ASCII)
_BASE_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", re.ASCII)


def _dollars(value: object) -> int:
    """Text such as `"0.10"`; a plain YAML number is taken by its shortest digits, which are those that were written."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return parse_dollars(str(value))
    raise ValueError('write dollars as text such as "0.10"')


def _size(value: str) -> str:
    return str(Size.parse(value))


def _date(value: str) -> str:
    try:
        return datetime.date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError("write a date as YYYY-MM-DD") from None


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("write a name in small letters, digits, - and _, at most 48 characters")
    return value


def _model(value: str) -> str:
    if not _MODEL.fullmatch(value):
        raise ValueError("write a model's name in letters, digits and . _ : / @ + -, at most 128 characters")
    return value


def _route(value: str) -> str:
    if not _ROUTE.fullmatch(value):
        raise ValueError("write a route as provider/upstream-model")
    return value


def _no_bool(value: object) -> object:
    """`true` is no number, whatever Python thinks."""
    if isinstance(value, bool):
        raise ValueError("write a number")
    return value


def _base_url(value: str) -> str:
    if value == SANDBOX or _BASE_URL.fullmatch(value):
        return value.rstrip("/")
    raise ValueError("write a URL such as https://api.example.com/v1 (no credentials, query or fragment)")


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("write a host such as cdn.example.com or cdn.example.com:8443")
    return value.lower()


Dollars: TypeAlias = Annotated[int, BeforeValidator(_dollars)]
"""Micro-dollars inside, decimal dollars in the file."""

SizeText: TypeAlias = Annotated[str, AfterValidator(_size)]
DateText: TypeAlias = Annotated[str, AfterValidator(_date)]
Name: TypeAlias = Annotated[str, AfterValidator(_name)]
ModelName: TypeAlias = Annotated[str, AfterValidator(_model)]
RouteName: TypeAlias = Annotated[str, AfterValidator(_route)]
BaseUrl: TypeAlias = Annotated[str, AfterValidator(_base_url)]
Host: TypeAlias = Annotated[str, AfterValidator(_host)]
Seconds: TypeAlias = Annotated[float, BeforeValidator(_no_bool), Field(gt=0, le=86_400, allow_inf_nan=False)]
WholeSeconds: TypeAlias = Annotated[int, BeforeValidator(_no_bool), Field(gt=0, le=366 * 86_400)]
Count: TypeAlias = Annotated[int, BeforeValidator(_no_bool), Field(gt=0)]
