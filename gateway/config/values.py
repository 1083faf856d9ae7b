"""The kinds of value that `config.yaml` uses, each read from what people write: dollars, sizes, names, dates, URLs."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.domain.money import parse_billionths, parse_dollars
from providers.contract import BILLION, Size

SANDBOX: Final = "sandbox:"
"""The base URL of the gateway's own simulated vendor, wherever `serve` puts it."""

DOUBLE_DIGITS: Final = 15
"""So many decimal digits survive in a double."""

FOREVER_S: Final = 4_000_000_000_000
"""Longer than anything is kept; in milliseconds still a number that a script counts exactly."""

LIFETIME_S_MAX: Final = 36_500 * 86_400

_LIFETIME = re.compile(r"([0-9]{1,10})([smhd])", re.ASCII)
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}", re.ASCII)
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}", re.ASCII)
_ROUTE = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}/[!-~]{1,200}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?", re.ASCII)
_BASE_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", re.ASCII)


def _decimal(value: object) -> str:
    """Decimal text. A plain YAML number is taken by its shortest digits, which are those that were written as long as a
    double has room for them."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = Decimal(str(value))
        if number.is_finite() and (isinstance(value, int) or len(number.as_tuple().digits) <= DOUBLE_DIGITS):
            return f"{number:f}"
    raise ValueError('write a number as text such as "0.10"')


def _dollars(value: object) -> int:
    return parse_dollars(_decimal(value))


def _billionths(value: object) -> int:
    return parse_billionths(_decimal(value))


def _factor(value: object) -> int:
    billionths = _billionths(value)
    if billionths < BILLION:
        raise ValueError("write a factor of at least 1")
    return billionths


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


def _public_url(value: str) -> str:
    if _BASE_URL.fullmatch(value):
        return value.rstrip("/")
    raise ValueError("write the URL at which vendors reach this gateway, such as https://video.example.com")


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("write a host such as cdn.example.com or cdn.example.com:8443")
    return value.lower()


def _lifetime(value: object) -> int:
    if value == "forever":
        return FOREVER_S
    found = _LIFETIME.fullmatch(value) if isinstance(value, str) else None
    seconds = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if not 0 < seconds <= LIFETIME_S_MAX:
        raise ValueError("write a time such as 90d, 36h, 15m or 30s, of at most 36500d, or forever")
    return seconds


Dollars: TypeAlias = Annotated[int, BeforeValidator(_dollars)]
"""Micro-dollars inside, decimal dollars in the file."""
Fine: TypeAlias = Annotated[int, BeforeValidator(_billionths)]
"""Billionths inside, a decimal number in the file."""
Factor: TypeAlias = Annotated[int, BeforeValidator(_factor)]
"""The same, at least 1."""

Lifetime: TypeAlias = Annotated[int, BeforeValidator(_lifetime)]
"""Seconds inside, a number with its unit or `forever` in the file."""

SizeText: TypeAlias = Annotated[str, AfterValidator(_size)]
DateText: TypeAlias = Annotated[str, AfterValidator(_date)]
Name: TypeAlias = Annotated[str, AfterValidator(_name)]
ModelName: TypeAlias = Annotated[str, AfterValidator(_model)]
RouteName: TypeAlias = Annotated[str, AfterValidator(_route)]
BaseUrl: TypeAlias = Annotated[str, AfterValidator(_base_url)]
PublicUrl: TypeAlias = Annotated[str, AfterValidator(_public_url)]
Host: TypeAlias = Annotated[str, AfterValidator(_host)]
Seconds: TypeAlias = Annotated[float, BeforeValidator(_no_bool), Field(gt=0, le=86_400, allow_inf_nan=False)]
Share: TypeAlias = Annotated[float, BeforeValidator(_no_bool), Field(gt=0, le=1, allow_inf_nan=False)]
WholeSeconds: TypeAlias = Annotated[int, BeforeValidator(_no_bool), Field(gt=0, le=366 * 86_400)]
Number: TypeAlias = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Count: TypeAlias = Annotated[int, BeforeValidator(_no_bool), Field(gt=0)]
Limit: TypeAlias = Annotated[int, BeforeValidator(_no_bool), Field(gt=0, le=100_000)]
