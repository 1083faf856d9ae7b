"""The port, taken before anything else is started, and kept although the listening is done by the workers.

Workers share a port by SO_REUSEPORT, and so would a second gateway of the same user, unnoticed. So the port is probed
without that option first.
"""

from __future__ import annotations

import errno
import socket
from contextlib import closing

SENTENCES = {
    errno.EADDRINUSE: "the port is in use",
    errno.EACCES: "this user may not use that port",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
}


class NoPort(Exception):
    """The message says which address, and why not."""


def reserve(host: str, port: int) -> socket.socket:
    """A bound socket that never listens; port 0 takes a free one. NoPort with a sentence."""
    family, address = _resolve(host, port)
    try:
        if port:
            with closing(_socket(family)) as probe:
                probe.bind(address)
        held = _socket(family)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
    except OSError as error:
        reason = SENTENCES.get(error.errno or 0, error.strerror)
        raise NoPort(f"cannot listen on {url_of(host, port)}: {reason}") from error
    return held


def url_of(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _resolve(host: str, port: int) -> tuple[int, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise NoPort(f'cannot listen on "{host}": this is no address of a machine') from error
    family, _, _, _, address = found[0]
    return family, (str(address[0]), port)


def _socket(family: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return made
