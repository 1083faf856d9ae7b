"""`telecine serve`: the gateway itself."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.failure import Failure
from gateway.cli.options import Place, Whole, option, place_options
from gateway.serve.children import NotStarted
from gateway.serve.master import Serving, serve
from gateway.serve.ports import NoPort
from gateway.store.errors import StoreRefused

PORT_MAX = 65_535
WORKERS_MAX = 64


@click.command("serve")
@place_options
@option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 for every one.")
@option(
    "--port",
    type=Whole(0, PORT_MAX),
    metavar="PORT",
    default=8080,
    show_default=True,
    help="The port; 0 takes a free one, and the printed address names it.",
)
@option(
    "--workers",
    type=Whole(1, WORKERS_MAX),
    metavar="N",
    default=1,
    show_default=True,
    help="Processes that serve and run videos; about one for each core.",
)
def command(place: Place, host: str, port: int, workers: int) -> None:
    """Run the gateway until it is told to stop.

    It prints where it listens once it answers; logs are JSON lines on stderr. Without `store.url` in the configuration
    it runs a private store of its own under the data directory, and without a vendor's key the mock renders.

    \b
    EXAMPLES
      telecine serve
      telecine serve --config production.yaml --host 0.0.0.0 --workers 2
      TELECINE_PORT=9000 telecine serve

    \b
    SIGNALS
      SIGTERM, SIGINT  stop: no new connection; what ends within gateway.stop_grace_s finishes, the rest is cut,
                       and unfinished videos go on when the gateway starts again
      SIGKILL          loses nothing that was answered; the next start goes on where it was

    \b
    EXIT STATUS
      0  stopped as told
      1  could not start: a wrong configuration, a port or a data directory in use, a store that must not be used
    """
    serving = Serving(config=place.config, data_dir=Path(place.data_dir), host=host, port=port, workers=workers)
    try:
        status = serve(serving)
    except (NoPort, NotStarted, StoreRefused) as error:
        raise Failure(str(error)) from error
    except OSError as error:
        raise Failure(f"cannot use the data directory {place.data_dir}: {error.strerror}") from error
    sys.exit(status)
