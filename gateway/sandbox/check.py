"""What a configuration asks of the sandbox, checked before anything is started."""

from __future__ import annotations

from gateway.config.load import ConfigFile
from gateway.sandbox.fates import WrongDirective, by_default

ADAPTER = "mock"


def check_fates(file: ConfigFile) -> None:
    """ConfigError, with its line, for a `fate` that no sandbox understands."""
    wrong = []
    for name, provider in file.config.providers.items():
        fate = provider.settings.get("fate")
        if provider.adapter == ADAPTER and isinstance(fate, str):
            try:
                by_default(fate, lambda _: 1.0)
            except WrongDirective as error:
                wrong.append((("providers", name, "settings", "fate"), str(error)))
    if wrong:
        raise file.error(*wrong)
