"""Figures of money: what the books took up, by class of project, and what nobody knows. Dollars; exact sums are the
ledger's."""

from __future__ import annotations

from typing import Final

from gateway.metrics.families import OTHER, Subject

HERE: Final = Subject("Money")
CLASSES_MAX: Final = 32
DEFAULT_CLASS: Final = "default"
MICROS: Final = 1_000_000

_usd = HERE.counter(
    "telecine_ledger_usd_total",
    "Dollars of ledger entries: held, settled, given back, corrected up and down, disputed.",
    "project_class",
    "entry",
)
_seconds = HERE.counter(
    "telecine_ledger_seconds_total",
    "Seconds of video that these entries were about; corrections have none.",
    "project_class",
    "entry",
)
_held = HERE.gauge("telecine_held_usd", "Dollars that are held now, in the whole gateway.")
_presumed = HERE.counter(
    "telecine_presumed_losses_total", "Attempts that were settled because nobody could prove them free.", "provider"
)
_presumed_usd = HERE.counter("telecine_presumed_losses_usd_total", "Dollars that were settled so.", "provider")
_disputes = HERE.counter(
    "telecine_charges_disputed_total", "Charges of a vendor that wait for an operator's word.", "provider"
)
_budgets = HERE.counter(
    "telecine_budget_events_total",
    "Budgets that reached a threshold or their cap, or went above it, by scope and window; once each per window.",
    "scope",
    "window",
    "reached",
)

_classes: Final[set[str]] = {DEFAULT_CLASS}


def posted(project_class: str, entry: str, micros: int, seconds: int) -> None:
    """`entry`: hold, settle, void, adjust_up, adjust_down, dispute. Beyond CLASSES_MAX classes the rest is one."""
    if project_class not in _classes:
        if len(_classes) >= CLASSES_MAX:
            project_class = OTHER
        else:
            _classes.add(project_class)
    _usd.of(project_class, entry).inc(micros / MICROS)
    if seconds:
        _seconds.of(project_class, entry).inc(seconds)


def presumed(provider: str, micros: int) -> None:
    _presumed.of(provider).inc()
    _presumed_usd.of(provider).inc(micros / MICROS)


def held(micros: int) -> None:
    _held.of().set(micros / MICROS)


def charge_disputed(provider: str) -> None:
    _disputes.of(provider).inc()


def budget_crossed(scope: str, window: str, percent: int) -> None:
    """`scope`: key, project, provider or gateway."""
    reached = "threshold" if percent < 100 else "cap" if percent == 100 else "overrun"
    _budgets.of(scope, window, reached).inc()
