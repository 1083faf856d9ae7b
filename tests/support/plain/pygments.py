"""Not there: see `tests.support.gateway`."""

raise ImportError("only developers install it")
