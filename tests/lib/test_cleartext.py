"""What is sent to other hosts without TLS is an error in production."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import checks
from pytest_django import Settings

from pciops.lib.caches import CacheServer
from pciops.lib.env import MailServer

MYSQL = {"ENGINE": "django.db.backends.mysql", "HOST": "db.example", "OPTIONS": {}}
POSTGRESQL = {**MYSQL, "ENGINE": "django.db.backends.postgresql"}


def problems() -> list[str]:
    """Return the names of settings that `check --deploy` refuses."""
    found = checks.run_checks(include_deployment_checks=True)
    ours = [message for message in found if message.id in {"pciops.E010", "pciops.E011"}]
    assert all(message.level == checks.ERROR for message in ours)
    return [message.msg.split()[0] for message in ours]


@pytest.fixture(autouse=True)
def _all_in_order(settings: Settings) -> None:
    settings.OS_AUTH_URL = "https://keystone.example:5000/v3"


@pytest.mark.parametrize(
    ("setting", "value", "variable"),
    [
        ("OS_AUTH_URL", "http://keystone.example:5000/v3", "OS_AUTH_URL"),
        ("OS_AUTH_URL", "http://[2001:db8::1]:5000/v3", "OS_AUTH_URL"),
        ("CELERY_BROKER_URL", "amqp://u:p@rabbit.example/v", "PCIOPS_BROKER_URL"),
        ("CELERY_BROKER_URL", "amqps://a.example/v;amqp://b.example/v", "PCIOPS_BROKER_URL"),
        (
            "NOTIFICATIONS_URLS",
            ["amqps://a.example", "amqp://b.example"],
            "PCIOPS_NOTIFICATIONS_URL",
        ),
        ("SYSLOG_URL", "udp://log.example", "PCIOPS_SYSLOG_URL"),
        ("SYSLOG_URL", "tcp://log.example", "PCIOPS_SYSLOG_URL"),
        ("ALERT_WEBHOOK_URL", "http://alerts.example/", "PCIOPS_ALERT_WEBHOOK_URL"),
        ("SITE_URL", "http://pciops.example", "PCIOPS_SITE_URL"),
        ("PASSWORD_CHANGE_URL", "http://cloud.example/", "PCIOPS_PASSWORD_CHANGE_URL"),
        ("MAIL_SERVER", MailServer(host="mail.example", tls="none"), "PCIOPS_EMAIL_URL"),
        (
            "CACHE_SERVER",
            CacheServer(config={}, hosts=("::1", "cache.example"), name="", tls=False),
            "PCIOPS_CACHE_URL",
        ),
        ("ALLOWED_HOSTS", ["pciops.example", "*"], "PCIOPS_ALLOWED_HOSTS"),
    ],
)
def test_cleartext_is_an_error_unless_allowed(
    settings: Settings, setting: str, value: Any, variable: str
) -> None:
    setattr(settings, setting, value)
    assert problems() == [variable]

    settings.CLEARTEXT_ALLOWED = [variable]
    assert problems() == []


@pytest.mark.parametrize(
    ("config", "refused"),
    [
        (MYSQL, True),
        ({**MYSQL, "OPTIONS": {"ssl_ca": "/ca.pem"}}, False),
        ({**MYSQL, "HOST": "127.0.0.1"}, False),
        ({**MYSQL, "HOST": "::1", "HOSTS": [("::1", 3306), ("127.0.0.1", 3307)]}, False),
        ({**MYSQL, "HOST": "::1", "HOSTS": [("::1", 3306), ("db.example", 3306)]}, True),
        ({**MYSQL, "HOST": "/run/mysqld/mysqld.sock"}, False),
        (POSTGRESQL, True),
        ({**POSTGRESQL, "OPTIONS": {"sslmode": "prefer"}}, True),
        ({**POSTGRESQL, "OPTIONS": {"sslmode": "verify-full"}}, False),
        ({**POSTGRESQL, "HOST": ""}, False),
    ],
)
def test_database_needs_tls_unless_it_is_local(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, config: dict[str, Any], refused: bool
) -> None:
    monkeypatch.setitem(settings.DATABASES, "default", config)

    assert problems() == (["PCIOPS_DATABASE_URL"] if refused else [])


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("OS_AUTH_URL", "http://127.0.0.1:5000/v3"),
        ("OS_AUTH_URL", "http://localhost:5000/v3"),
        ("OS_AUTH_URL", "http://[::1]:5000/v3"),
        ("SYSLOG_URL", "unix:/dev/log"),
        ("SYSLOG_URL", "udp://127.0.0.2"),
        ("SYSLOG_URL", "tls://log.example"),
        ("MAIL_SERVER", MailServer(host="localhost", tls="none")),
        ("MAIL_SERVER", MailServer(folder="/var/mail")),
    ],
)
def test_loopback_and_tls_are_in_order(settings: Settings, setting: str, value: Any) -> None:
    setattr(settings, setting, value)

    assert problems() == []


def test_login_that_reads_needs_tls_where_unlocks_go(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setitem(settings.DATABASES, "keystone_primary", MYSQL)

    assert problems() == ["PCIOPS_KEYSTONE_DATABASE_URL"]


@pytest.mark.parametrize(("user", "refused"), [("pciops", 1), ("unlock", 2)])
def test_login_of_the_unlock_counts_if_it_is_another(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, user: str, refused: int
) -> None:
    monkeypatch.setitem(settings.DATABASES, "keystone", {**MYSQL, "USER": "pciops"})
    monkeypatch.setitem(settings.DATABASES, "keystone_unlock", {**MYSQL, "USER": user})

    assert len(problems()) == refused
