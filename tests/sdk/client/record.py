"""What a run of checks writes down: how many were made, and each that failed, in words.

Only the standard library and openai may be imported in this package: it runs in the environments of the SDKs.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

openai: Any = import_module("openai")


@dataclass
class Record:
    checks: int = 0
    failures: list[str] = field(default_factory=list)
    scenarios: list[str] = field(default_factory=list)

    def that(self, promise: str, truth: object, seen: object = None) -> None:
        self.checks += 1
        if not truth:
            where = f"{self.scenarios[-1]}: " if self.scenarios else ""
            self.failures.append(f"{where}{promise}" + (f" (seen: {seen!r:.500})" if seen is not None else ""))

    def equal(self, promise: str, seen: object, expected: object) -> None:
        self.that(f"{promise}: expected {expected!r:.200}", seen == expected, seen if seen is not None else "None")

    def raises(self, promise: str, kind: type[Exception], act: Callable[[], object]) -> Any:
        """The error, or None if it did not come as promised."""
        try:
            seen = act()
        except Exception as error:
            self.that(f"{promise}: expected {kind.__name__}", isinstance(error, kind), error)
            return error if isinstance(error, kind) else None
        self.that(f"{promise}: expected {kind.__name__}, nothing was raised", False, seen)
        return None

    def run(self, scenario: Callable[[Run], None], run: Run) -> None:
        """A scenario that breaks is a failure; the next one still runs."""
        self.scenarios.append(scenario.__name__)
        try:
            scenario(run)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[1:2]
            self.that(f"broke at {[(one.name, one.lineno) for one in where]}: {error!r:.200}", False)


@dataclass
class Run:
    """One SDK against one gateway. `order` says where it is and what its provider can be told to do."""

    order: dict[str, Any]
    record: Record
    videos: dict[str, Any] = field(default_factory=dict)  # made by one scenario, used by later ones

    def client(self, **more: Any) -> Any:
        settings = {"base_url": self.order["base_url"], "api_key": self.order["key"], "max_retries": 0, **more}
        return openai.OpenAI(**settings)

    def prompt(self, words: str, *, kind: str = "plain") -> str:
        """`kind`: plain, fails, runs (for ever). The provider is told so inside the prompt."""
        return f"{self.order['prompts'][kind]} {words} {self.order['tag']}".strip()

    def glance(self, words: str) -> str:
        """The prompt of a video whose end nobody waits for: it fails, so that nothing is rendered for nobody."""
        return self.prompt(words, kind="fails")

    def version(self) -> tuple[int, ...]:
        return tuple(int(part) for part in openai.__version__.split(".")[:3])

    def done(self, video: Any) -> Any:
        """Wait until it ends, as a program would."""
        return self.client().videos.poll(video.id, poll_interval_ms=100)

    def completed(self, name: str) -> Any:
        """The completed video that several scenarios start from."""
        if name not in self.videos:
            made = self.client().videos.create(prompt=self.prompt(f"the {name}"))
            self.videos[name] = self.done(made)
        return self.videos[name]
