"""`telecine videos retry`: a new video of the record of an old one, as `/admin/videos/{id}/retry` makes it."""

from __future__ import annotations

import click

from gateway.cli.failure import Failure
from gateway.cli.hands import my_hand
from gateway.cli.options import Place, json_option, option, place_options
from gateway.cli.output import print_json
from gateway.cli.working import with_house
from gateway.domain.ids import VIDEO_ID
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
    wish = again.Wish(of=video_id, name=name, anew=anew)
    made = with_house(place, lambda parts: again.retry(parts.tools, wish, my_hand()))
    if json:
        print_json({"id": made, "retry_of": video_id})
    else:
        click.echo(made)
