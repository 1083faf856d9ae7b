"""Figures of the configuration: which version is served, and whether the newest one could be taken over."""

from __future__ import annotations

from typing import Final

from gateway.metrics.families import Subject

HERE: Final = Subject("Configuration")

_version = HERE.gauge("telecine_config_version", "The version of the configuration that is served by.")
_success = HERE.gauge(
    "telecine_config_last_reload_success",
    "Whether the newest configuration, of the file and of the store, is served by: 1, or 0 if it was refused.",
)
_reloads = HERE.counter(
    "telecine_config_reloads_total",
    "Versions of the configuration that a worker took over (applied) or could not use (refused).",
    "result",
)


def config_version(number: int) -> None:
    _version.of().set(number)


def config_sound(sound: bool) -> None:
    _success.of().set(int(sound))


def config_reloaded(result: str) -> None:
    """`result`: applied or refused."""
    _reloads.of(result).inc()
