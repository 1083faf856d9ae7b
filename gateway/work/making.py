"""From a configuration's text to what a process serves by: the one way for a start, a reload, a command and a check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from gateway.config.load import ConfigFile, parse_config
from gateway.config.models import Config
from gateway.config.problems import ConfigError
from gateway.config.restarts import as_started, needs_restart
from gateway.config.unsaid import said_problems, unsaid_of
from gateway.snapshot import Snapshot, build_snapshot


@dataclass(frozen=True, slots=True)
class Made:
    """`file`: as written; `snapshot`: as this process can serve by it; `restart`: what it serves otherwise than written
    until it is started again."""

    file: ConfigFile
    snapshot: Snapshot
    restart: tuple[str, ...] = ()


def no_check(_: ConfigFile) -> None:
    """Nothing more is known about it."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What a text is read with in this process. `check`: what floors above know, ConfigError; `started`: what the
    process was built with, None where nothing runs."""

    file: str
    environ: Mapping[str, str]
    sandbox_socket: str | None = None
    check: Callable[[ConfigFile], None] = no_check
    started: Config | None = None

    def make(self, text: bytes, name: str | None = None) -> Made:
        """ConfigError with everything that is wrong, and no value that is a secret or the environment's. `name`: whose
        text it is, for complaints; by default the file's. Takes some ten milliseconds of a processor: not for an event
        loop."""
        try:
            return self._make(text, name)
        except ConfigError as error:
            raise said_problems(error, unsaid_of(text, self.environ)) from None

    def _make(self, text: bytes, name: str | None) -> Made:
        file = parse_config(name or self.file, text, self.environ)
        self.check(file)
        if self.started is None:
            return Made(file, build_snapshot(file, sandbox_socket=self.sandbox_socket))
        running = replace(file, config=as_started(self.started, file.config))
        restart = needs_restart(self.started, file.config)
        return Made(file, build_snapshot(running, sandbox_socket=self.sandbox_socket), restart)


def title(number: int) -> str:
    """What complaints call a version."""
    return f"configuration {number}"
