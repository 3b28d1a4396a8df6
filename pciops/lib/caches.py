"""Reads the variable that names a cache server, and stores only text on it."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from pciops.lib.env import SettingError, secret

_EXAMPLE: Final = "rediss://:secret@redis.example:6379/0"
_REDIS: Final = ("redis", "rediss")
_PORTS: Final = {"redis": 6379, "rediss": 6379, "memcached": 11211}
TIMEOUT: Final = 0.5  # seconds that a page waits for the server before it goes on without


@dataclass(frozen=True, kw_only=True)
class CacheServer:
    """A Redis, or one or several of Memcached: one of Django's CACHES, and where they are."""

    config: dict[str, Any]
    hosts: tuple[str, ...]
    name: str
    tls: bool

    def __str__(self) -> str:
        """Return the hosts and ports, without a password."""
        return self.name


class TextOnly:
    """Stores text as it is, for both libraries: with their defaults, Django unpickles what the
    server sends, so whoever can write there would run code here.
    """

    def dumps(self, text: str) -> bytes:
        return text.encode()

    def loads(self, data: bytes) -> str:
        return data.decode(errors="replace")

    def serialize(self, _key: str, text: str) -> tuple[bytes, int]:
        return self.dumps(text), 0

    def deserialize(self, _key: str, data: bytes, _flags: int) -> str:
        return self.loads(data)


def cache_server(name: str) -> CacheServer | None:
    """Return the variable (or its `_FILE`) as a cache server; None if it is unset.

    Raises:
        SettingError
    """
    value = secret(name)
    if not value:
        return None
    scheme, _, rest = value.partition("://")
    if scheme not in _PORTS:
        raise SettingError(name, "is not the address of a Redis or Memcached server", _EXAMPLE)
    urls = [value] if scheme in _REDIS else [f"{scheme}://{one}" for one in rest.split(",")]
    addresses = [_address(name, url) for url in urls]
    library = "redis" if scheme in _REDIS else "pymemcache"
    if importlib.util.find_spec(library) is None:
        extra = "redis" if scheme in _REDIS else "memcached"
        problem = f"needs the library {library}, which is not installed. Run: pip install {library}"
        raise SettingError(name, f"{problem} (the extra pciops[{extra}])", _EXAMPLE)
    return CacheServer(
        config=_redis(value) if scheme in _REDIS else _memcached(addresses),
        hosts=tuple(host for host, _ in addresses),
        name=", ".join(_named(*address) for address in addresses),
        tls=scheme == "rediss",
    )


def _address(name: str, url: str) -> tuple[str, int]:
    """Return host and port of a URL that has nothing which would be ignored."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is not a number, or an unbalanced bracket
        host, port = None, None
    if not host or port == 0:
        raise SettingError(name, "cannot be read as the address of a cache server", _EXAMPLE)
    database = parts.path.strip("/")
    options = parse_qs(parts.query, keep_blank_values=True).keys()
    if parts.scheme in _REDIS:
        if "," in parts.netloc or (database and not database.isdecimal()):
            raise SettingError(name, "is not one Redis and the number of a database", _EXAMPLE)
        if options - {"ssl_ca_certs"} or (options and parts.scheme == "redis"):
            raise SettingError(name, "takes only ?ssl_ca_certs=FILE, with rediss", _EXAMPLE)
    elif database or options or "@" in parts.netloc:
        example = "memcached://cache.example:11211"
        raise SettingError(name, "has more than hosts, which Memcached does not support", example)
    return host, port or _PORTS[parts.scheme]


def _redis(url: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "serializer": TextOnly,
        "socket_connect_timeout": TIMEOUT,
        "socket_timeout": TIMEOUT,
    }
    if url.startswith("rediss:"):
        options["ssl_check_hostname"] = True
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": url,
        "KEY_PREFIX": "pciops",
        "OPTIONS": options,
    }


def _memcached(addresses: list[tuple[str, int]]) -> dict[str, Any]:
    return {
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": [_named(*address) for address in addresses],
        "KEY_PREFIX": "pciops",
        "OPTIONS": {"serde": TextOnly(), "connect_timeout": TIMEOUT, "timeout": TIMEOUT},
    }


def _named(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
