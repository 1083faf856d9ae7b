"""Finding out what an unknown reseller is: five questions that cost nothing. A flow like any other; no I/O.

Of what the server says only versions, numbers and models' names are repeated, so nothing that it echoes gets out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from providers.contract import Call, Flow, Json, Probed, Reply
from providers.reseller import words
from providers.reseller.money import number
from providers.reseller.presets import PRESETS
from providers.toolbox import Node

MODELS_MAX: Final = 50
ROWS_MAX: Final = 5_000
NONE_SUCH: Final = "none-such"
HEADERS: Final = {"accept-language": "en"}
VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,40}", re.ASCII)
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}", re.ASCII)
# Where a site does not say what a model is for, its name does.
RENDERS: Final = re.compile(
    r"video|veo|sora|kling|wan[0-9.x-]|seedance|hailuo|vidu|runway|gen-?[34]|luma|ray-?[23]|pika|pixverse|jimeng|ltx|t2v|i2v",
    re.IGNORECASE,
)


class _Site(Struct):
    """What is known so far."""

    version: str | None = None  # of new-api; None: it did not say that it is one
    per_usd: str | None = None
    models: tuple[str, ...] = ()
    preset: str | None = None
    told: list[str] = []


def probe(base_url: str) -> Flow[Probed]:
    """Stops at the first answer that settles what the server is."""
    if known := _known(base_url):
        told = f"The address is that of the preset {known}; `telecine providers check` asks for its account."
        return Probed(findings=(told,), settings={"preset": known})
    site = _Site(told=[])
    yield from _status(site)
    stop = yield from _models(site)
    if not stop:
        yield from _paths(site)
    if site.preset is None:
        return Probed(findings=tuple(site.told))
    yield from _balance(site)
    prices = yield from _prices(site)
    settings: dict[str, Json] = {"preset": site.preset}
    if site.per_usd not in (None, "500000"):
        settings["charge"] = [{"at": "data.quota", "per_usd": site.per_usd}]
    return Probed(findings=tuple(site.told), settings=settings, models=prices)


def _known(base_url: str) -> str | None:
    """The preset whose address this is."""
    host = urlsplit(base_url).hostname
    addressed = ((name, str(preset["address"])) for name, preset in PRESETS.items() if "address" in preset)
    return next((name for name, address in addressed if urlsplit(address).hostname == host), None)


def _get(path: str) -> Call:
    return Call(method="GET", path=path, headers=HEADERS)


def _json(reply: Reply) -> Node | None:
    """The document, None for a page."""
    try:
        return Node(msgspec.json.decode(reply.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


# --- the questions -----------------------------------------------------------------------------------------------


def _status(site: _Site) -> Flow[None]:
    """new-api tells its version and its unit of money to everybody."""
    document = _json((yield _get("/api/status")))
    if document is None:
        site.told.append("GET /api/status is a page and no JSON: not new-api, or the base URL is not the site's root.")
        return
    version, unit = document["data"]["version"].raw, number(document["data"]["quota_per_unit"].raw)
    if document["success"].raw is not True or (version is None and unit is None):
        site.told.append("GET /api/status does not speak as new-api does.")
        return
    site.version = version if isinstance(version, str) and VERSION.fullmatch(version) else "of an unknown version"
    site.per_usd = f"{unit.normalize():f}" if unit is not None and unit > 0 else None
    site.told.append(f"The site runs new-api {site.version}; {site.per_usd or '500000'} of its units are one dollar.")


def _models(site: _Site) -> Flow[bool]:
    """What the key may use. True where there is nothing more to ask."""
    reply = yield _get("/v1/models")
    document = _json(reply)
    if document is None:
        site.told.append("GET /v1/models is a page and no JSON: the base URL is wrong.")
        return True
    if reply.status in (401, 403):
        site.told.append("The site refuses the key, or wants one: put it into the variable that --key-from names.")
        return True
    rows = document["data"].raw
    if reply.status != 200 or not isinstance(rows, list):
        site.told.append(f"GET /v1/models answers {reply.status} without a list.")
        return False
    site.models = tuple(_rendering(rows))[:MODELS_MAX]
    site.told.append(f"The key may use {len(rows)} models, {len(site.models)} of them for videos.")
    return False


def _rendering(rows: list[Json]) -> Iterator[str]:
    """Models that a site says to be for videos; where it says nothing, those whose name does."""
    for row in map(Node, rows[:ROWS_MAX]):
        name, types = row["id"].raw, row["supported_endpoint_types"].raw
        if not isinstance(name, str) or not NAME.fullmatch(name):
            continue
        if any("video" in str(one) for one in types) if isinstance(types, list) and types else RENDERS.search(name):
            yield name


def _paths(site: _Site) -> Flow[None]:
    """A job that cannot be there shows which paths are."""
    for path, preset in (("/v1/videos/", "newapi"), ("/v1/video/generations/", "newapi-generations")):
        reply = yield _get(path + NONE_SUCH)
        document = _json(reply)
        if document is None:
            site.told.append(f"GET {path}… is a page and no JSON: there is no such path.")
            continue
        said = words.said_in(document)
        if "task_not_exist" in said.codes:
            site.preset = preset
            site.told.append(f"GET {path}… knows tasks, as new-api does: preset {preset}.")
            return
        if "Invalid URL" in said.message:
            site.told.append(f"There is no path {path}… at this site.")
        elif reply.status == 404 and site.version is None:
            site.told.append(f"GET {path}… speaks as OpenAI does: try the adapter openai with this base URL and /v1.")
            return
        elif reply.status == 404:
            site.preset = preset
            site.told.append(f"GET {path}… knows tasks, in the words of the plugin generation: preset {preset}.")
            return
    site.told.append("No path for videos was found: nothing here can be used without its pages.")


def _balance(site: _Site) -> Flow[None]:
    reply = yield _get("/v1/dashboard/billing/subscription")
    document = _json(reply)
    limit = number(document["hard_limit_usd"].raw) if document is not None and reply.status == 200 else None
    if limit is None:
        site.told.append("The key does not tell what is left: set balance: null, or give user_token.")
    elif limit >= 100_000_000:
        site.told.append("The key has no limit of its own, which hides what the account has left.")
    else:
        used = _json((yield _get("/v1/dashboard/billing/usage")))
        amount = number(used["total_usage"].raw) if used is not None else None
        left = limit - (amount or Decimal(0)) / 100
        site.told.append(f"The key has {left:.2f} left, in the currency that the site shows.")


def _prices(site: _Site) -> Flow[dict[str, str | None]]:
    """By model, in dollars; None where it is not told. For a clip or for each second: sites do not say which."""
    document = _json((yield _get("/api/pricing")))
    rows = document["data"].raw if document is not None else None
    found: dict[str, str | None] = dict.fromkeys(site.models)
    if document is None or not isinstance(rows, list):
        site.told.append("The site shows no prices: write `prices` at each route.")
        return found
    ratios = document["group_ratio"].raw
    for row in map(Node, rows[:ROWS_MAX]):
        name, price = row["model_name"].raw, number(row["model_price"].raw)
        if isinstance(name, str) and name in found and row["quota_type"].raw == 1 and price is not None and price > 0:
            found[name] = f"{price * _ratio(row, ratios if isinstance(ratios, dict) else {}):.6f}"
    priced = sum(price is not None for price in found.values())
    site.told.append(f"The site's list has prices for {priced} of these; whether per clip or second, no list says.")
    return found


def _ratio(row: Node, ratios: Mapping[str, Any]) -> Decimal:
    """The dearest of the groups that may use the model: which one is the key's own is not told."""
    groups = row["enable_groups"].raw
    named = [ratios.get(str(group)) for group in groups] if isinstance(groups, list) else []
    factors = [factor for factor in map(number, named) if factor is not None and factor > 0]
    return max(factors, default=Decimal(1))
