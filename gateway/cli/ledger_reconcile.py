"""`telecine ledger reconcile`: a vendor's bill beside our books."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from gateway.cli.failure import Failure
from gateway.cli.options import FILE, Dollars, Place, json_option, option, period_options, place_options
from gateway.cli.output import print_json, utc_ms
from gateway.cli.stdout import while_read
from gateway.cli.storing import providers_of, with_store
from gateway.domain.bill_columns import BadBill, Wanted
from gateway.domain.bills import LINE_BYTES_MAX, Bill, read_bill
from gateway.domain.ledger import DAY_MS, utc_day
from gateway.domain.moments import Period
from gateway.domain.money import format_dollars, format_usd
from gateway.domain.reconcile import Finding, Gathering, Reconciled, TooMany, What, reconcile
from gateway.store.audit import gather
from gateway.store.store import Store
from providers.contract import Json

STATUS_FOUND: Final = 3


@click.command("reconcile")
@click.argument("bill", type=FILE)
@option("--provider", required=True, metavar="NAME", help="Whose bill it is, by its name in the configuration.")
@option("--job-column", metavar="NAME", help="The column with the vendor's job id. [default: guessed]")
@option("--amount-column", metavar="NAME", help="The column with the amount. [default: guessed]")
@option("--currency-column", metavar="NAME", help="The column with the currency or unit. [default: guessed]")
@option("--date-column", metavar="NAME", help="The column with the date. [default: guessed]")
@option(
    "--decimal",
    type=click.Choice(("point", "comma")),
    help="1,234.56 or 1.234,56. [default: point, and what could be either is refused]",
)
@option("--tolerance", type=Dollars(), default="0", show_default=True, help="Dollars that a job may differ by.")
@period_options
@json_option
@place_options
def reconcile_bill(
    *,
    bill: Path,
    provider: str,
    job_column: str | None,
    amount_column: str | None,
    currency_column: str | None,
    date_column: str | None,
    decimal: str | None,
    tolerance: int,
    period: Period,
    json: bool,
    place: Place,
) -> None:
    """Compare a vendor's bill with the books and name what is on one side only and what differs.

    BILL is CSV in UTF-8, separated by commas, semicolons or tabs; its first line names the columns. Several lines of
    one job add up. A job is ours if its id is any part of the provider's handle on an attempt, the attempt's
    idempotency key or its id. An attempt costs what it was settled and adjusted for.

    \b
    FINDINGS
      orphan      billed, but no attempt of ours knows the job
      unknown     settled in the bill's period, but not on the bill
      difference  on both sides, by other amounts

    The period is from --since to --until, else the whole UTC days from the bill's first date to its last; it limits
    only what the bill should know.

    \b
    EXIT STATUS
      0  both sides agree
      1  it could not be done; one sentence on stderr says why
      3  there are findings

    \b
    EXAMPLES
      telecine ledger reconcile --provider acme november.csv
      telecine ledger reconcile --provider acme --job-column "Task" --tolerance 0.01 --json november.csv
    """
    wanted = Wanted(
        job=job_column,
        amount=amount_column,
        currency=currency_column,
        date=date_column,
        dates=period.since_ms is None or period.until_ms is None,
    )
    read = _read(bill, wanted, decimal)
    gathering = Gathering(provider, read.jobs, _period(period, read))
    known = providers_of(place)
    try:
        trimmed_ms = with_store(place, lambda store: _gather(store, gathering))
    except TooMany as error:
        raise Failure(str(error)) from error
    if not gathering.seen and provider not in known:
        raise Failure(f'no provider is called "{provider}"; the configuration has {", ".join(sorted(known))}')
    result = reconcile(read.jobs, gathering.booked, tolerance_micros=tolerance)
    with while_read():
        if json:
            print_json(*map(shown, result.findings), summary(result, gathering, trimmed_ms))
        else:
            click.echo("\n".join([*map(told, result.findings), *totals(result), *gaps(gathering, trimmed_ms)]))
    if result.findings:
        sys.exit(STATUS_FOUND)


async def _gather(store: Store, gathering: Gathering) -> int | None:
    """The last moment of what was trimmed, if anything was."""
    await gather(store, gathering)
    return await store.trimmed_until_ms()


def _read(path: Path, wanted: Wanted, decimal: str | None) -> Bill:
    try:
        return read_bill(_lines(path), wanted, decimal_comma=None if decimal is None else decimal == "comma")
    except BadBill as error:
        raise Failure(f"{path}: {error}") from error
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from error


def _lines(path: Path) -> Iterator[bytes]:
    """No more of a line than is needed to see that it is too long."""
    with path.open("rb") as file:
        while line := file.readline(LINE_BYTES_MAX + 1):
            yield line


def _period(told: Period, bill: Bill) -> Period:
    """Each end as told, else by the bill's dates."""
    since, until = told.since_ms, told.until_ms
    if since is None and bill.first_ms is not None:
        since = bill.first_ms // DAY_MS * DAY_MS
    if until is None and bill.last_ms is not None:
        until = bill.last_ms // DAY_MS * DAY_MS + DAY_MS
    if since is None and until is None:
        raise Failure("the bill has no column of dates that can be guessed; name it with --date-column, or say --since")
    return Period(since, until)


# --- for programs --------------------------------------------------------------------------------------------------


def shown(finding: Finding) -> dict[str, Json]:
    return {
        "finding": finding.what.value,
        "jobs": list(finding.jobs),
        "attempts": list(finding.attempts),
        "line": finding.line or None,
        **_money("billed", finding.billed_micros),
        **_money("booked", finding.booked_micros),
        **_money("held", finding.held_micros),
        **_money("difference", finding.difference_micros),
    }


def summary(result: Reconciled, gathering: Gathering, trimmed_ms: int | None) -> dict[str, Json]:
    return {
        "finding": "summary",
        **{f"{what.value}s": result.count(what) for what in What},
        "agreed": result.agreed,
        "jobs": result.jobs,
        "attempts": result.attempts,
        "trimmed_until": None if trimmed_ms is None else utc_ms(trimmed_ms),
        **_money("billed", result.billed_micros),
        **_money("booked", result.booked_micros),
        **_money("difference", result.billed_micros - result.booked_micros),
    }


def _money(name: str, micros: int) -> dict[str, Json]:
    return {f"{name}_micros": micros, f"{name}_usd": format_usd(micros)}


# --- for people ----------------------------------------------------------------------------------------------------


def told(finding: Finding) -> str:
    jobs, attempts = _some(finding.jobs), _some(finding.attempts)
    billed, booked = format_dollars(finding.billed_micros), format_dollars(finding.booked_micros)
    match finding.what:
        case What.ORPHAN:
            return f"orphan      {jobs} (line {finding.line}): billed {billed}, unknown to the books"
        case What.UNKNOWN:
            return f"unknown     {attempts}: booked {booked}, not on the bill"
        case What.DIFFERENCE:
            held = f" and {format_dollars(finding.held_micros)} still held" if finding.held_micros else ""
            return (
                f"difference  {jobs} (line {finding.line}), {attempts}: billed {billed}, booked {booked}{held}: "
                f"{_signed(finding.difference_micros)}"
            )


def totals(result: Reconciled) -> list[str]:
    counts = [f"{result.agreed} jobs agree"]
    for what in What:
        count = result.count(what)
        counts.append(f"{count} {what.value}{'' if count == 1 else 's'} ({_signed(result.sum_micros(what))})")
    billed, booked = format_dollars(result.billed_micros), format_dollars(result.booked_micros)
    sides = f"billed {billed} for {result.jobs} jobs, booked {booked} for {result.attempts} attempts"
    return [f"{sides}: {_signed(result.billed_micros - result.booked_micros)}", ", ".join(counts)]


def gaps(gathering: Gathering, trimmed_ms: int | None) -> list[str]:
    """What our side no longer knows, so that its jobs show as orphans."""
    found = []
    if trimmed_ms is not None and not gathering.period.begins_after(trimmed_ms):
        found.append(f"entries up to {utc_day(trimmed_ms)} were trimmed: jobs of then show as orphans")
    return found


def _some(names: tuple[str, ...]) -> str:
    return " + ".join(names)


def _signed(micros: int) -> str:
    return ("+" if micros > 0 else "") + format_dollars(micros)
