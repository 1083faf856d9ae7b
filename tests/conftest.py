"""What every test run shares."""

import os
import sys

from hypothesis import settings

from tests.sdk.summary import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

# How long an example may take says more of the machine than of us.
settings.register_profile("telecine", deadline=None)
settings.load_profile("telecine")

# A gateway is several Python processes; without bytecode on disk each of the hundreds started here would compile every
# module again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
