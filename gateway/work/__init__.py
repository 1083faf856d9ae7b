"""The use cases: gather what is needed, let the domain decide, act on its answer.

Belongs here: the order of calls to the edges for one thing a caller wants.
Does not: HTTP shapes, Redis, vendors' formats.
"""
