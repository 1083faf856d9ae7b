"""As much of curl as the README uses, for machines that have none: -H, -F, -X, and the flags that the test adds."""

from __future__ import annotations

import secrets
import sys
import urllib.error
import urllib.request


def main(words: list[str]) -> int:
    headers: dict[str, str] = {}
    fields: list[tuple[str, str]] = []
    url, method = "", None
    waiting = iter(words)
    for word in waiting:
        if word == "-H":
            name, _, value = next(waiting).partition(": ")
            headers[name] = value
        elif word == "-F":
            field, _, value = next(waiting).partition("=")
            fields.append((field, value))
        elif word == "-X":
            method = next(waiting)
        elif not word.startswith("-"):
            url = word
    body = None
    if fields:
        boundary = secrets.token_hex(16)
        headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields
        ]
        body = ("".join(parts) + f"--{boundary}--\r\n").encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=30) as reply:
            sys.stdout.buffer.write(reply.read())
    except urllib.error.HTTPError as error:
        sys.stdout.buffer.write(error.read())
        return 22
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
