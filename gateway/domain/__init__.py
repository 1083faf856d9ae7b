"""The ground: every decision of the gateway as pure functions over frozen records.

Belongs here: what a fact means for a video, its attempts and its money. Does not: I/O, clocks, randomness, logging.
"""
