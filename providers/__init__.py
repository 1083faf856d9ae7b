"""Adapters: one file per vendor family, each translating between our contract and a vendor's wire format.

Belongs here: what a vendor says and wants to hear. Does not: I/O, clocks, randomness, anything of `gateway`.
"""
