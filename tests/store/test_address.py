"""URLs of stores: what they mean, and that a wrong one is refused without repeating it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from gateway.store import datadir
from gateway.store.address import parse
from gateway.store.embedded import Embedded, borrowed
from gateway.store.errors import StoreRefused
from gateway.store.store import Store


@pytest.mark.parametrize(
    ("url", "facts"),
    [
        ("redis://host", {"host": "host", "port": 6379, "db": 0, "username": None, "password": None}),
        ("redis://host:7000/2", {"host": "host", "port": 7000, "db": 2}),
        ("redis://[::1]:7000", {"host": "::1", "port": 7000}),
        ("redis://:p%40ss@host", {"host": "host", "username": None, "password": "p@ss"}),
        ("redis://user:pass@host?db=4", {"host": "host", "username": "user", "password": "pass", "db": 4}),
        ("rediss://host?ssl_ca_certs=/ca.pem", {"host": "host", "ca_certs": "/ca.pem", "check_hostname": True}),
        ("rediss://host", {"cert_reqs": ssl.CERT_REQUIRED, "check_hostname": True}),
        ("rediss://host?ssl_cert_reqs=none", {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}),
        ("unix:///run/a%20b.sock?db=1", {"path": "/run/a b.sock", "db": 1}),
        ("unix://:pass@/run/valkey.sock", {"path": "/run/valkey.sock", "password": "pass"}),
    ],
)
def test_a_url_names_a_place(url: str, facts: dict[str, object]) -> None:
    """As every program with this library reads it."""
    connection = parse(url).connection(1.0)
    assert {name: getattr(connection, name) for name in facts} == facts


@pytest.mark.parametrize("url", ["redis://host", "rediss://host", "unix:///run/valkey.sock"])
def test_a_connection_does_nothing_by_itself(url: str) -> None:
    """No name of the library on the wire, no health checks, no retries, no time limit but the lane's."""
    connection = parse(url).connection(1.5)
    assert connection.driver_info is None
    assert connection.health_check_interval == 0
    assert connection.retry.get_retries() == 0
    assert (connection.socket_timeout, connection.socket_connect_timeout) == (None, 1.5)
    assert connection.protocol == 2


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
        "redis://user:sec/ret@host",
        "redis://user:sec?ret@host",
        "redis://[secret",
        "redis://host/films",
        "redis://host/1/2",
        "rediss://host?ssl_cert_reqs=secret",
        "redis://host?connection_class=secret",
        "redis://host?db=-1",
        "redis://host?db=²",
        "redis://user:secret@host?timeout=3",
        "redis://user:secret@host?x",
        "unix://",
        "redis://user:secret@host\n",
        "redis://user:secret@host name",
    ],
)
def test_a_wrong_url_is_refused_in_words(url: str) -> None:
    """What it may hold is nobody's to read."""
    with pytest.raises(StoreRefused, match="the store's URL cannot be used") as caught:
        parse(url)
    assert "sec" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_an_address_is_shown_without_credentials() -> None:
    """It stands in errors and logs."""
    assert str(parse("redis://user:secret@host:7000/2")) == "host:7000"
    assert str(parse("unix://:secret@/run/valkey.sock")) == "/run/valkey.sock"
    assert repr(parse("rediss://user:secret@host")) == "host:6379"


@pytest.mark.parametrize("name", ["a b", "a#b", "a?b=c", "a%41b", 'a"b', "a'b", "ä", "a\\b"])
async def test_a_data_directory_may_have_any_name(folder: Path, name: str) -> None:
    """Its own server is reached, and that of no other directory."""
    place = folder / name
    place.mkdir()
    own = Embedded(place, wait_s=5)
    url = own.start()
    try:
        with borrowed(place) as again:
            assert again == url
        store = Store(url)
        await store.open()
        await store.close()
        assert parse(url).settings["path"] == str(datadir.socket_of(datadir.folder_of(place)))
    finally:
        own.stop()
