"""A proxy in front that PCIOPS_PROXIES does not count is reported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from pciops.signin import doctor

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

THROUGH_PROXY = {"X-Forwarded-For": "203.0.113.5"}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def levels() -> list[str]:
    """Return the levels of the doctor's check."""
    return [str(result.level) for result in doctor.proxies()]


def test_unseen_proxy_is_logged_once_an_hour_and_a_warning_of_the_doctor(
    client: Client, clock: time_machine.Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/signin/")
    assert levels() == ["ok"]

    for _ in range(5):
        client.get("/signin/", headers=THROUGH_PROXY)
    assert caplog.text.count("PCIOPS_PROXIES is 0") == 1
    assert levels() == ["warning"]

    clock.shift(timedelta(hours=1))
    client.get("/api/v1/accounts", headers=THROUGH_PROXY)
    assert caplog.text.count("PCIOPS_PROXIES is 0") == 2

    clock.shift(timedelta(days=1))
    assert levels() == ["ok"]


def test_administrator_reads_it_at_the_status_page(site: Client) -> None:
    site.get("/", headers=THROUGH_PROXY)

    assert b"PCIOPS_PROXIES is 0" in site.get("/status/").content


def test_proxy_that_is_counted_is_in_order(
    client: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/signin/", headers=THROUGH_PROXY)
    settings.PROXIES = 1
    cache.clear()
    caplog.clear()
    client.get("/signin/", headers=THROUGH_PROXY)

    assert "PCIOPS_PROXIES" not in caplog.text
    assert levels() == ["ok"]
