"""Tests of the variable that names a cache server."""

from __future__ import annotations

import importlib.util

import pytest

from pciops.lib import caches
from pciops.lib.caches import CacheServer, TextOnly, cache_server
from pciops.lib.env import SettingError

REDIS = "rediss://:s3cret@redis.example/0"


@pytest.fixture(autouse=True)
def _libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both libraries be installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)


def read(monkeypatch: pytest.MonkeyPatch, value: str) -> CacheServer | None:
    monkeypatch.setenv("PCIOPS_X", value)
    return cache_server("PCIOPS_X")


def test_without_the_variable_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, "") is None


@pytest.mark.parametrize(
    ("value", "hosts", "name", "tls"),
    [
        ("redis://127.0.0.1", ("127.0.0.1",), "127.0.0.1:6379", False),
        ("redis://u:s3cret@h:7000/2", ("h",), "h:7000", False),
        (f"{REDIS}?ssl_ca_certs=/etc/ca.pem", ("redis.example",), "redis.example:6379", True),
        ("memcached://[::1]", ("::1",), "[::1]:11211", False),
        ("memcached://a:1,b", ("a", "b"), "a:1, b:11211", False),
    ],
)
def test_server_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, value: str, hosts: tuple[str, ...], name: str, tls: bool
) -> None:
    server = read(monkeypatch, value)

    assert server is not None
    assert (server.hosts, str(server), server.tls) == (hosts, name, tls)


@pytest.mark.parametrize(
    "value",
    [
        "redis.example:6379",
        "http://redis.example",
        "redis://",
        "redis://:s3cret@",
        "redis://:s3cret@h:port",
        "redis://[h",
        "redis://:s3cret@h:0",
        "redis://h/name",
        "redis://a,b",
        "redis://h?db=1",
        "redis://h?ssl_ca_certs=/etc/ca.pem",
        "rediss://h?ssl_cert_reqs=none",
        "memcached://a,",
        "memcached://u:s3cret@h",
        "memcached://h/1",
    ],
)
def test_invalid_value_is_an_error_without_the_password(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    with pytest.raises(SettingError, match="^PCIOPS_X .* Example: PCIOPS_X=") as error:
        read(monkeypatch, value)

    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "library", "extra"),
    [(REDIS, "redis", "pciops[redis]"), ("memcached://h", "pymemcache", "pciops[memcached]")],
)
def test_missing_library_is_an_error_that_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, value: str, library: str, extra: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SettingError, match=f"pip install {library} ") as error:
        read(monkeypatch, value)

    assert extra in str(error.value)


def test_no_library_unpickles_what_the_server_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    redis, memcached = (read(monkeypatch, value) for value in (REDIS, "memcached://h"))

    assert redis is not None
    assert memcached is not None
    assert redis.config["OPTIONS"]["serializer"] is TextOnly
    assert isinstance(memcached.config["OPTIONS"]["serde"], TextOnly)


@pytest.mark.parametrize("text", ["", "plain", "\N{PILE OF POO}"])
def test_text_is_kept_as_it_is(text: str) -> None:
    kept = TextOnly()

    assert kept.loads(kept.dumps(text)) == text
    assert kept.deserialize("key", *kept.serialize("key", text)) == text


def test_bytes_that_are_no_text_are_no_error() -> None:
    assert TextOnly().loads(b"\x80\x04.") == "\ufffd\x04."


def test_page_waits_half_a_second_for_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, names in (
        (REDIS, ("socket_connect_timeout", "socket_timeout")),
        ("memcached://h", ("connect_timeout", "timeout")),
    ):
        server = read(monkeypatch, value)
        assert server is not None
        assert [server.config["OPTIONS"][name] for name in names] == [caches.TIMEOUT] * 2
