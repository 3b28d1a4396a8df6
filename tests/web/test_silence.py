"""Pages and probes say since when nothing is heard from Keystone."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from pciops.events.models import ConsumerSession
from tests.factories import NOW, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MINUTE = timedelta(minutes=1)


def running(*, connected: bool = True, ago: timedelta = timedelta(0), error: str = "") -> None:
    """A consumer whose last sign of life is so long ago."""
    ConsumerSession.objects.create(
        consumer="a", connected=connected, since=NOW - ago, until=NOW - ago, error=error
    )


@pytest.fixture
def shops(fake_keystone: FakeKeystone, clock: object) -> Client:
    """A browser of an administrator of the domain shops alone."""
    return signed_in(fake_keystone.person("sam", domain_id="shops", roles={"shops": {"admin"}}))


def test_while_a_consumer_is_connected_nothing_is_said(site: Client) -> None:
    running()

    assert "No news" not in shown(site.get("/activity/"))
    assert "Nobody listens" not in shown(site.get("/activity/"))
    assert site.get("/readyz").json()["notifications"] == "ok"


def test_where_nothing_is_set_up_the_page_says_what_to_do(site: Client) -> None:
    page = shown(site.get("/activity/"))

    assert "Nobody listens to Keystone's notifications" in page
    assert "PCIOPS_NOTIFICATIONS_URL" in page
    assert "Nobody listens" not in shown(site.get("/"))


@pytest.mark.parametrize("address", ["/", "/activity/", "/accounts/{id}/"])
def test_a_consumer_that_is_gone_is_said_with_its_last_instant(site: Client, address: str) -> None:
    user = make_user()
    running(ago=12 * MINUTE)
    page = shown(site.get(address.format(id=user.id)))

    assert "No news from Keystone since 13:50:11 UTC (12 min ago)" in page
    assert "start manage.py consume_events" in page


def test_readyz_says_since_when_and_stays_ready(client: Client, fake_keystone: object) -> None:
    with time_machine.travel(NOW, tick=False):
        running(ago=12 * MINUTE)
        response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["notifications"] == "no news since 2026-11-22T13:50:11Z"


def test_a_consumer_without_rabbitmq_says_why_to_administrators_of_the_cloud(
    site: Client, shops: Client
) -> None:
    running(ago=12 * MINUTE)
    running(connected=False, error="rabbit.example:5672 does not answer: refused")

    assert "Rabbit.example:5672 does not answer: refused." in shown(site.get("/activity/"))
    assert "abbit.example" not in shown(shops.get("/activity/"))
    assert "Tell whoever runs pciops." in shown(shops.get("/activity/"))


def test_with_an_address_and_no_consumer_yet_there_is_no_news_yet(
    site: Client, settings: Settings
) -> None:
    settings.NOTIFICATIONS_URLS = ["amqp://rabbit.example"]

    assert "No news from Keystone yet" in shown(site.get("/activity/"))
    assert site.get("/readyz").json()["notifications"] == "no news yet"
