"""`telecine videos retry`: a new video of the record of an old one, as `/admin/videos/{id}/retry` makes it."""

from __future__ import annotations

import asyncio
import os

import click

from gateway.cli.failure import Failure
from gateway.cli.hands import my_hand
from gateway.cli.options import Place, json_option, option, place_options
from gateway.cli.output import print_json
from gateway.cli.storing import store_url
from gateway.cli.vendors import sandbox_of
from gateway.config.load import load_config
from gateway.domain.errors import ClientError
from gateway.domain.ids import VIDEO_ID
from gateway.log import journal
from gateway.store.errors import StoreAway, StoreRefused
from gateway.wiring import Site, opened
from gateway.work import retry as again


@click.command("retry")
@click.argument("video_id", metavar="ID")
@option("--name", metavar="WORD", help="What this wish is named by: asked once more under it, nothing more is charged.")
@option("--anew", is_flag=True, help="Without the `routing` and `max_cost_usd` of the first request.")
@json_option
@place_options
def retry(video_id: str, *, name: str | None, anew: bool, json: bool, place: Place) -> None:
    """Make a new video of the record of the video ID, which has ended: for the same project and key, which pay for it.

    Plan, prices, limits and budgets are those of now. It is made where the old one's images stand: with the data
    directory of the gateway, which acts on it as soon as it runs.

    \b
    EXAMPLES
      telecine videos retry video_0123456789abcdef…
      telecine videos retry video_0123456789abcdef… --name ticket-4711
    """
    if not VIDEO_ID.fullmatch(video_id):
        raise Failure(f'no video has the id "{video_id}"')
    journal.set_threshold("error")
    load_config(place.config, os.environ)  # said with its lines, before anything is opened
    try:
        with store_url(place) as url:
            site = Site(
                config=str(place.config),
                config_text=place.config.read_bytes(),
                data_dir=str(place.data_dir),
                store_url=url,
                sandbox_socket=str(sandbox_of(place)),
            )
            made = asyncio.run(_made(site, again.Wish(of=video_id, name=name, anew=anew)))
    except (StoreAway, StoreRefused, ClientError) as error:
        raise Failure(str(error)) from error
    if json:
        print_json({"id": made, "retry_of": video_id})
    else:
        click.echo(made)


async def _made(site: Site, wish: again.Wish) -> str:
    async with opened(site) as parts:
        return await again.retry(parts.tools, wish, my_hand())
