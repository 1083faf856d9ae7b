"""What every test run shares."""

from hypothesis import settings

from tests.sdk.summary import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

# How long an example may take says more of the machine than of us.
settings.register_profile("telecine", deadline=None)
settings.load_profile("telecine")
