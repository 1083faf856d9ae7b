"""House rules, executed."""
