"""A system check of production: what is sent to other hosts goes over TLS."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks

_DATABASES: Final = {
    "default": "PCIOPS_DATABASE_URL",
    "keystone": "PCIOPS_KEYSTONE_DATABASE_URL",
    "keystone_primary": "PCIOPS_KEYSTONE_DATABASE_URL",  # at the hosts of the next
    "keystone_unlock": "PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL",
}
_CLEARTEXT: Final = {"http", "amqp", "udp", "tcp"}
_HINTS: Final = {
    "http": "Use https://.",
    "amqp": "Use amqps://.",
    "udp": "Use tls://.",
    "tcp": "Use tls://.",
}
_MYSQL_TLS: Final = {"ssl", "ssl_ca", "ssl_cert", "ssl_key"}
_POSTGRESQL_TLS: Final = {"require", "verify-ca", "verify-full"}


def goes_over_tls(**_: Any) -> list[checks.CheckMessage]:
    """Return an error for each setting that sends data in cleartext to another host."""
    found = {name: hint for name, hint in _in_cleartext() if name not in settings.CLEARTEXT_ALLOWED}
    errors: list[checks.CheckMessage] = [
        checks.Error(
            f"{name} sends data to another host without TLS.",
            f"{hint} Or allow it explicitly: PCIOPS_CLEARTEXT_ALLOWED={name}",
            id="pciops.E010",
        )
        for name, hint in found.items()
    ]
    if "*" in settings.ALLOWED_HOSTS and "PCIOPS_ALLOWED_HOSTS" not in settings.CLEARTEXT_ALLOWED:
        errors.append(
            checks.Error(
                "PCIOPS_ALLOWED_HOSTS accepts every host name.",
                "Set the host name of the site: PCIOPS_ALLOWED_HOSTS=pciops.cloud.example",
                id="pciops.E011",
            )
        )
    return errors


def is_loopback(host: str) -> bool:
    """Return whether a host is this one; a path of a socket is, too."""
    if host in {"", "localhost"} or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _in_cleartext() -> Iterator[tuple[str, str]]:
    urls = [
        ("OS_AUTH_URL", settings.OS_AUTH_URL),
        *(("PCIOPS_BROKER_URL", url) for url in settings.CELERY_BROKER_URL.split(";")),
        *(("PCIOPS_NOTIFICATIONS_URL", url) for url in settings.NOTIFICATIONS_URLS),
        ("PCIOPS_SYSLOG_URL", settings.SYSLOG_URL),
        ("PCIOPS_ALERT_WEBHOOK_URL", settings.ALERT_WEBHOOK_URL),
        ("PCIOPS_ACT_WEBHOOK_URL", settings.ACT_WEBHOOK_URL),
        ("PCIOPS_SITE_URL", settings.SITE_URL),
        ("PCIOPS_PASSWORD_CHANGE_URL", settings.PASSWORD_CHANGE_URL),
    ]
    for name, url in urls:
        parts = urlsplit(url)
        if parts.scheme in _CLEARTEXT and not is_loopback(parts.hostname or ""):
            yield name, _HINTS[parts.scheme]
    for alias, name in _DATABASES.items():
        if alias == "keystone_unlock" and _is_login_of_reading():
            continue  # the setting is not used
        if hint := _database_hint(settings.DATABASES[alias]):
            yield name, hint
    cache = settings.CACHE_SERVER
    if cache and not cache.tls and not all(map(is_loopback, cache.hosts)):
        yield "PCIOPS_CACHE_URL", "Use rediss://."
    server = settings.MAIL_SERVER
    if server and not server.folder and server.tls == "none" and not is_loopback(server.host):
        yield "PCIOPS_EMAIL_URL", "Use ?tls=starttls or ssl."


def _is_login_of_reading() -> bool:
    reading, unlock = (settings.DATABASES[alias] for alias in ("keystone", "keystone_unlock"))
    names = ("ENGINE", "HOST", "PORT", "HOSTS", "USER", "NAME")
    return all(reading.get(name) == unlock.get(name) for name in names)


def _database_hint(config: dict[str, Any]) -> str:
    """Return how a connection gets TLS; "" if it has it or needs none."""
    engine, options = config["ENGINE"], config.get("OPTIONS", {})
    hosts = [host for host, _ in config.get("HOSTS", ())] or [config.get("HOST", "")]
    if all(map(is_loopback, hosts)):
        return ""
    if engine.endswith("mysql") and not _MYSQL_TLS & options.keys():
        return "Add ?ssl_ca=/etc/ssl/certs/ca-certificates.crt to the URL."
    if engine.endswith("postgresql") and options.get("sslmode") not in _POSTGRESQL_TLS:
        return "Add ?sslmode=verify-full to the URL."
    return ""
