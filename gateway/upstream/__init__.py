"""Vendors' HTTP: the one room from which calls leave. `driver` is its door."""
