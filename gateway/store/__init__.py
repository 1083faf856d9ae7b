"""The store: everything durable, in Redis. `store.Store` is the whole of it for the floors above.

Nothing is imported here, so that a short command line pays only for the parts it uses.
"""
