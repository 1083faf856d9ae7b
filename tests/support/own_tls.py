"""A certificate of our own for `localhost` and `*.example`, so that a loopback server can speak TLS in tests.

Good for nothing else: its key is public. Valid from 2020 to 2120.
"""

from __future__ import annotations

import ssl
from pathlib import Path

KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguk9Mf4vJh29K/qMQ
SM4mtK89vTO47xTWQue5Vp99pkihRANCAARKIGl4P1RrxdEn5uWcxW3NIad2JjQf
HYWlaYVHEGN7Tg1IPQXEV0nLRs+QTJC4t0Mb45APLTC8BbF4VFYbp95o
-----END PRIVATE KEY-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBkjCCATigAwIBAgIBATAKBggqhkjOPQQDAjAcMRowGAYDVQQDDBF0ZXN0cyBv
ZiB0ZWxlY2luZTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowHDEa
MBgGA1UEAwwRdGVzdHMgb2YgdGVsZWNpbmUwWTATBgcqhkjOPQIBBggqhkjOPQMB
BwNCAARKIGl4P1RrxdEn5uWcxW3NIad2JjQfHYWlaYVHEGN7Tg1IPQXEV0nLRs+Q
TJC4t0Mb45APLTC8BbF4VFYbp95oo2kwZzAPBgNVHRMBAf8EBTADAQH/MB0GA1Ud
DgQWBBT50zVLPgzKkIxiaCYg7VvftTr88zA1BgNVHREELjAsgg5pbWFnZXMuZXhh
bXBsZYIJKi5leGFtcGxlgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZIzj0EAwIDSAAw
RQIhAIy4IxH0pZVmL2n28QDUS3O7RvJVufceVtZpyqFvhbvNAiAGtuY3rHo5k/aY
jQBRher/vSpgnwygH2fW2PxfW2DZDw==
-----END CERTIFICATE-----
"""


def server_context(folder: Path) -> ssl.SSLContext:
    """For the server; `folder` takes the file that the ssl module insists on."""
    chain = folder / "tests.pem"
    chain.write_text(KEY + CERTIFICATE, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


def trusting_context() -> ssl.SSLContext:
    """For a client that trusts this certificate and no other."""
    return ssl.create_default_context(cadata=CERTIFICATE)
