"""What a running process cannot change, since it was built with it: told to whoever edits, never silently ignored."""

from __future__ import annotations

from typing import Final

from gateway.config.models import Config

AT_START: Final = (
    ("gateway", "name"),
    ("gateway", "socket_timeout_s"),
    ("gateway", "stop_grace_s"),
    ("server", "header_timeout_s"),
    ("server", "connections_max"),
    ("store", "url"),
    ("store", "wait_replicas"),
    ("assets", "dir"),
)
"""Host, port, workers and the data directory are the command line's."""


def needs_restart(started: Config, wanted: Config) -> tuple[str, ...]:
    """The keys whose new values count from the next start on."""
    return tuple(
        f"{section}.{key}"
        for section, key in AT_START
        if getattr(getattr(started, section), key) != getattr(getattr(wanted, section), key)
    )


def as_started(started: Config, wanted: Config) -> Config:
    """The new configuration, with what a process was built with as it is."""
    sections = {section: getattr(wanted, section) for section, _ in AT_START}
    for section, key in AT_START:
        value = getattr(getattr(started, section), key)
        sections[section] = sections[section].model_copy(update={key: value})
    return wanted.model_copy(update=sections)
