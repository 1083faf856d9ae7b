"""A process that owns a private store, for tests that kill it: `python -m tests.store.owner DATA`.

Prints the URL and the server's process id on one line, and stops when its input ends.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gateway.store.embedded import Embedded
from gateway.store.errors import StoreRefused


def main() -> int:
    store = Embedded(Path(sys.argv[1]), wait_s=float(sys.argv[2]))
    try:
        url = store.start()
    except StoreRefused as error:
        sys.stdout.write(f"refused {error}\n")
        return 1
    store.supervise()
    sys.stdout.write(f"{url} {store.pid}\n")
    sys.stdout.flush()
    sys.stdin.read()
    store.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
