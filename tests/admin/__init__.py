"""Tests of /admin, and of the commands that do the same."""
