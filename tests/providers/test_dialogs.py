"""Every recorded dialog still goes as recorded. A new vendor adds files to `dialogs/<kind>`, nothing here."""

from __future__ import annotations

import pytest

from providers.contract import Accepted, Finished
from tests.support.dialogs import Dialog, dialogs, hold, kinds

STARTING = ("submit", "character")
ALL = [(kind, dialog) for kind in kinds() for dialog in dialogs(kind)]


@pytest.mark.parametrize(("kind", "dialog"), ALL, ids=[f"{kind}: {dialog.name}" for kind, dialog in ALL])
def test_a_recorded_dialog_goes_as_recorded(kind: str, dialog: Dialog) -> None:
    """Each call is the recorded one, and the verdict is what was found right when it was recorded."""
    walked = hold(kind, dialog)
    started = sum(call.starts_work for call in walked.calls)
    if dialog.verb in STARTING and isinstance(walked.end, Accepted | Finished):
        assert started == 1, "exactly one call starts work"
    else:
        assert started <= (1 if dialog.verb in STARTING else 0)


@pytest.mark.parametrize("kind", kinds())
def test_names_of_dialogs_are_unique(kind: str) -> None:
    """A failing test names one dialog."""
    names = [dialog.name for dialog in dialogs(kind)]
    assert len(names) == len(set(names))
