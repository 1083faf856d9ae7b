"""`telecine providers probe`: what an unknown reseller is, found out for nothing, and the block for `config.yaml`."""

from __future__ import annotations

import asyncio
import datetime
import os
import re
from typing import Any, Final

import click
import msgspec
from pydantic import TypeAdapter, ValidationError

from gateway.cli.failure import Failure
from gateway.cli.options import json_option, option
from gateway.cli.output import print_json
from gateway.cli.vendors import a_driver
from gateway.config.values import SANDBOX, BaseUrl
from gateway.domain.verdicts import NoAnswer
from gateway.registry import NoAdapter, adapter_class
from gateway.upstream.endpoints import Endpoint
from providers.contract import Adapter, Json, Probed, ProbeVerdict

ADAPTER: Final = "reseller"
KEY: Final = "RESELLER_API_KEY"
TIMEOUT_S: Final = 60.0
GUESS: Final[dict[str, Json]] = {"seconds": [5], "sizes": ["1280x720"]}
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)


class Url(click.ParamType[str]):
    """A base URL as `config.yaml` takes it."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            url: str = TypeAdapter(BaseUrl).validate_python(value)
        except ValidationError as error:
            self.fail(str(error.errors()[0]["msg"]).removeprefix("Value error, "), param, ctx)
        if url == SANDBOX:
            self.fail("the sandbox is no reseller", param, ctx)
        return url


class Variable(click.ParamType[str]):
    """The name of an environment variable."""

    name = "variable"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _VARIABLE.fullmatch(value):
            self.fail("write the name of an environment variable, never the key itself", param, ctx)
        return str(value)


@click.command("probe")
@click.argument("url", type=Url())
@option("--key-from", type=Variable(), default=KEY, show_default=True, help="The variable that holds the key.")
@json_option
def probe(*, url: str, key_from: str, json: bool) -> None:
    """Find out what the reseller at URL is: its kind, its models, what the key has left, its prices. Nothing is made,
    and nothing is charged; then print the block for config.yaml.

    URL is the site's root, without /v1. What a model can do, no site tells: the block guesses a length and a size.

    \b
    EXIT STATUS
      0  it is known what it is
      1  it is not; the sentences say what was seen

    \b
    EXAMPLES
      RESELLER_API_KEY=sk-... telecine providers probe https://relay.example.com
      telecine providers probe https://relay.example.com --key-from RELAY_KEY --json
    """
    found = asyncio.run(_probed(url, os.environ.get(key_from) or None))
    if isinstance(found, NoAnswer):
        raise Failure(f"nothing was found out: {found.message}")
    if not isinstance(found, Probed):
        raise Failure(found.message)
    if json:
        models: dict[str, Json] = dict(found.models)
        print_json({"findings": list(found.findings), "settings": found.settings, "models": models})
    else:
        click.echo("\n".join(f"# {line}" for line in found.findings))
        if found.settings is not None:
            click.echo(block(url, key_from, found))
    if found.settings is None:
        raise Failure("it is not known what this is; nothing was made or charged")


def block(url: str, key_from: str, found: Probed) -> str:
    """Lines for `config.yaml`. Values are JSON, which is YAML; a model without a price is left to the reader."""
    assert found.settings is not None
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    priced = {name: price for name, price in found.models.items() if price is not None}
    lines = ["providers:", f"  {ADAPTER}:", f"    adapter: {ADAPTER}", f"    base_url: {_shown(url)}"]
    lines += [f"    api_key: ${{{key_from}}}", "    poll_min_s: 15", "    settings:"]
    lines += [f"      {name}: {_shown(value)}" for name, value in found.settings.items()]
    if found.models:
        lines += ["      models:    # say what each can do: this is a guess"]
        lines += [f"        {_shown(name)}: {_shown(GUESS)}" for name in found.models]
    if priced:
        lines += ["models:    # counted for each second, the dearer reading, until the first clip shows what it takes"]
    for name, price in priced.items():
        line: dict[str, Json] = {"per_second": price, "as_of": today, "source": "the site's own list"}
        lines += [f"  {_shown(name)}:", "    routes:", f"      - route: {_shown(f'{ADAPTER}/{name}')}"]
        lines += [f"        prices: [{_shown(line)}]"]
    unpriced = [name for name in found.models if name not in priced]
    return "\n".join([*lines, *(f"# {name} needs a route with `prices`" for name in unpriced)])


def _shown(value: Json) -> str:
    """JSON in one line; `$` would begin a variable."""
    return msgspec.json.encode(value).decode().replace("$", "$$")


async def _probed(url: str, key: str | None) -> ProbeVerdict | NoAnswer:
    adapter = _adapter(key)
    async with a_driver() as driver:
        return await driver.probe(Endpoint("probe", url, adapter), adapter.probe(url), timeout_s=TIMEOUT_S)


def _adapter(key: str | None) -> Adapter[Any]:
    """As it is without any settings of its own but a dialect, which only says how the key is sent."""
    if key is not None and not (key.isascii() and key.isprintable() and key == key.strip()):
        raise Failure("the key must be printable ASCII in one line, without spaces at its ends")
    try:
        kind = adapter_class(ADAPTER)
    except NoAdapter as error:
        raise Failure(str(error)) from error
    return kind(kind.Settings.model_validate({"preset": "newapi"}), key)
