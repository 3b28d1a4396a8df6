"""Lockout storms are detected, updated and ended, with one alert each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from django.db import connections
from pytest_django import Settings

from pciops.events.models import Alert, Storm
from pciops.events.storms import alerts, storms
from pciops.events.storms.storms import AddressAttempts, PeriodAttempts, is_storm
from pciops.keystone.models import User
from pciops.lib.models import OwedMail
from tests.events.factories import failure, save_attempts, save_unknown_names, success
from tests.factories import NOW, POLICY, grant, make_locked_user, make_project, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

ADDRESS = "198.51.100.7"
MINUTE = timedelta(minutes=1)


def hit(count: int, *, address: str = ADDRESS, at: datetime = NOW, prefix: str = "u") -> list[User]:
    """Lock so many accounts from one address, a minute before `at`."""
    users = [
        make_locked_user(f"{prefix}{number:03}", at=at - MINUTE, domain_id="payments")
        for number in range(count)
    ]
    for user in users:
        ago = (NOW - at).total_seconds() + 60
        save_attempts(user.id, [failure(ago, "Summer", address=address, count=3)])
    return users


def watch(now: datetime = NOW) -> Storm | None:
    return storms.watch(policy=POLICY, now=now)


def from_one_address(**numbers: int) -> PeriodAttempts:
    found = {"accounts": 0, "names": 0, "tries": 0, **numbers}
    locked = found.pop("locked", 0)
    address = AddressAttempts(address=ADDRESS, **found)
    return PeriodAttempts(began_at=NOW, addresses=[address], locked=locked, **found)


# --- Detection ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("numbers", "cloud_size", "storm"),
    [
        ({"locked": 9, "accounts": 40}, 1000, False),
        ({"locked": 10, "accounts": 40}, 1000, True),
        ({"names": 49}, 1000, False),
        ({"names": 50}, 1000, True),
        ({"locked": 99, "names": 99}, 1_000_000, False),
        ({"locked": 100}, 1_000_000, True),
        ({"names": 100}, 1_000_000, True),
    ],
)
def test_a_storm_begins_at_its_limits(
    numbers: dict[str, int], cloud_size: int, storm: bool
) -> None:
    assert is_storm(from_one_address(**numbers), cloud_size=cloud_size) is storm


def test_the_limits_for_many_addresses_are_higher() -> None:
    addresses = [
        AddressAttempts(address=f"10.0.0.{number}", accounts=1, names=0, tries=3)
        for number in range(50)
    ]
    scattered = PeriodAttempts(
        began_at=NOW, addresses=addresses, accounts=50, names=0, tries=150, locked=49
    )

    assert not is_storm(scattered, cloud_size=1000)
    assert is_storm(replace(scattered, locked=50), cloud_size=1000)


def test_many_locks_from_one_address_are_a_storm() -> None:
    hit(12)
    storm = watch()

    assert storm is not None
    assert (storm.accounts, storm.tries, storm.few) == (12, 36, True)
    assert storm.began_at == NOW - MINUTE
    assert [source["address"] for source in storm.sources] == [ADDRESS]
    assert storm.locked.count() == 12


def test_many_unknown_usernames_are_a_storm() -> None:
    save_unknown_names([f"name{number}" for number in range(60)], address=ADDRESS)
    storm = watch()

    assert storm is not None
    assert storm.names == 60


def test_few_or_old_locks_and_accounts_without_lock_are_not_a_storm() -> None:
    hit(9)
    hit(12, at=NOW - timedelta(minutes=15), prefix="v")
    for number in range(30):
        user = make_user(f"w{number}")
        save_attempts(user.id, [failure(60, "Summer", address=ADDRESS)])

    assert watch() is None


def test_a_storm_is_updated_while_it_continues() -> None:
    hit(12)
    first = watch()
    hit(5, at=NOW + 3 * MINUTE, prefix="v")
    later = watch(NOW + 3 * MINUTE)

    assert first is not None
    assert later is not None
    assert (later.pk, later.accounts, later.locked.count()) == (first.pk, 17, 17)
    assert later.last_at == NOW + 3 * MINUTE


def test_a_storm_ends_after_a_calm() -> None:
    hit(12)
    watch()
    watch(NOW + 10 * MINUTE)
    before = Storm.objects.get().ended_at
    watch(NOW + 16 * MINUTE)

    assert (before, Storm.objects.get().ended_at) == (None, NOW)
    assert storms.current_storm(scope=None, now=NOW + 16 * MINUTE) is None


def test_without_keystone_s_database_notifications_are_enough() -> None:
    hit(12)
    with without_table("local_user"):
        storm = watch()

    assert storm is not None
    assert storm.accounts == 12


@contextmanager
def without_table(table: str) -> Iterator[None]:
    with connections["keystone"].cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{table}" RENAME TO away')
    try:
        yield
    finally:
        with connections["keystone"].cursor() as cursor:
            cursor.execute(f'ALTER TABLE away RENAME TO "{table}"')


def test_the_operator_of_another_domain_sees_no_storm() -> None:
    hit(12)
    watch()

    storm = storms.current_storm(scope="payments", now=NOW)
    assert storm is not None
    assert alerts.told(storm, scope="payments").locked == 12
    assert alerts.told(storm, scope="payments").sources == []
    assert storms.current_storm(scope="shops", now=NOW) is None


# --- The alert ----------------------------------------------------------------------------------
@pytest.fixture
def alerted(settings: Settings) -> None:
    settings.MAIL_FROM = "pciops <pciops@cloud.example>"
    settings.ALERT_RECIPIENTS = ("ops@cloud.example",)
    settings.ALERT_WEBHOOK_URL = "https://alerts.cloud.example/pciops"


@pytest.mark.usefixtures("alerted")
def test_a_storm_is_told_once() -> None:
    hit(12)
    for minute in range(4):
        watch(NOW + minute * MINUTE)

    assert OwedMail.objects.count() == Alert.objects.count() == 1


@pytest.mark.usefixtures("alerted")
def test_administrators_and_service_accounts_come_first() -> None:
    users = hit(12)
    grant(users[7], "admin", on=make_project("ops"))
    grant(users[3], "service", on=make_project("service"))
    watch()
    body = json.loads(Alert.objects.get().body)

    assert [one["name"] for one in body["administrators_and_service_accounts"]] == ["u007", "u003"]
    assert len(body["other_accounts"]) == 10
    assert body["block"] == [ADDRESS]
    assert body["accounts_locked"] == 12


@pytest.mark.usefixtures("alerted")
def test_the_mail_names_what_to_block_and_who_is_locked() -> None:
    users = hit(12)
    grant(users[7], "admin", on=make_project("ops"))
    watch()
    mail = message_from_bytes(bytes(OwedMail.objects.get().content), policy=default)
    part = mail.get_body(("plain",))
    assert part is not None
    text = part.get_content().replace("\r\n", "\n")

    assert mail["Subject"] == "OpenStack: Lockout storm: 12 accounts locked"
    assert f"Block before Keystone, if you know them not to be yours:\n  {ADDRESS}" in text
    assert text.index("u007 (Payments), administrator") < text.index("u000 (Payments)")


def test_a_bystander_is_not_to_be_blocked() -> None:
    hit(12)
    hit(2, address="192.0.2.1", prefix="v", at=NOW - 5 * MINUTE)
    storm = watch()
    assert storm is not None

    assert alerts.told(storm).block == [ADDRESS]
    assert storm.began_at == NOW - MINUTE
    assert storm.locked.count() == 12


@pytest.mark.usefixtures("alerted")
def test_a_proxy_is_not_to_be_blocked() -> None:
    for number in range(40):
        save_attempts(f"p{number}", [success(500 - number, address=ADDRESS)])
    hit(12)
    storm = watch()
    assert storm is not None

    assert alerts.told(storm).block == []
    assert alerts.told(storm).proxies == [ADDRESS]


@pytest.mark.usefixtures("alerted")
def test_hostile_names_are_text_in_the_mail() -> None:
    hit(12, address="<img src=x>\r\nBcc: a@b.example", prefix="<b>\u202e")
    watch()
    wire = bytes(OwedMail.objects.get().content)
    html = message_from_bytes(wire, policy=default).get_body(("html",))
    assert html is not None

    assert b"\r\nBcc:" not in wire
    assert "<img" not in html.get_content()
    assert "<b>" not in html.get_content()
    assert json.loads(Alert.objects.get().body)["block"] == []


def test_nobody_is_told_where_nobody_is_named() -> None:
    hit(12)

    assert watch() is not None
    assert OwedMail.objects.count() == Alert.objects.count() == 0
