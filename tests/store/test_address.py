"""URLs of stores: what they mean, and that a wrong one is refused without repeating it."""

from __future__ import annotations

import pytest

from gateway.store.address import Address, parse
from gateway.store.errors import StoreRefused


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://host", Address(host="host")),
        ("redis://host:7000/2", Address(host="host", port=7000, database=2)),
        ("redis://[::1]:7000", Address(host="::1", port=7000)),
        ("redis://:p%40ss@host", Address(host="host", password="p@ss")),
        ("redis://user:pass@host?db=4", Address(host="host", username="user", password="pass", database=4)),
        ("rediss://host?ssl_ca_certs=/ca.pem", Address(host="host", tls=True, ca_file="/ca.pem")),
        ("rediss://host?ssl_cert_reqs=none", Address(host="host", tls=True, unverified=True)),
        ("unix:///run/a%20b.sock?db=1", Address(path="/run/a b.sock", database=1)),
        ("unix://:pass@/run/valkey.sock", Address(path="/run/valkey.sock", password="pass")),
    ],
)
def test_a_url_names_a_place(url: str, address: Address) -> None:
    """As other clients of Redis read it."""
    assert parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host:6379",
        "http://host",
        "redis://",
        "redis://:secret@",
        "redis://host:port",
        "redis://host:70000",
        "redis://host/films",
        "redis://host?db=-1",
        "redis://host?db=²",
        "redis://user:secret@host?timeout=3",
        "redis://user:secret@host?x",
        "unix://",
    ],
)
def test_a_wrong_url_is_refused_in_words(url: str) -> None:
    """What it may hold is nobody's to read."""
    with pytest.raises(StoreRefused, match="the store's URL cannot be used") as caught:
        parse(url)
    assert "secret" not in str(caught.value)


def test_an_address_is_shown_without_credentials() -> None:
    """It stands in errors and logs."""
    assert str(parse("redis://user:secret@host:7000/2")) == "host:7000"
    assert str(parse("unix://:secret@/run/valkey.sock")) == "/run/valkey.sock"
