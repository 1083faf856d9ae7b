"""Files: the store of assets behind one protocol, and the child process that looks into clips."""
