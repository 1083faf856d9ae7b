"""What every test run shares."""

from tests.sdk.summary import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]
