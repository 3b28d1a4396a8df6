"""Lockout storms: found, followed and over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connections

from pciops.accounts.policy.policy import Policy
from pciops.events.models import Storm
from pciops.events.storms import storms
from pciops.events.storms.storms import Limits, Stream, Suspicion, is_storm, limits
from pciops.events.storms.summary import summarize
from pciops.keystone.models import User
from tests.events.heard import keep, keep_unknown
from tests.events.histories import signed_in, tried
from tests.factories import NOW, POLICY, grant, make_locked_user, make_project, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

ADDRESS = "198.51.100.7"
MINUTE = timedelta(minutes=1)


def hit(count: int, *, address: str = ADDRESS, at: datetime = NOW, prefix: str = "u") -> list[User]:
    """So many accounts, locked by tries from an address a minute ago."""
    users = [
        make_locked_user(f"{prefix}{number:03}", at=at - MINUTE, domain_id="payments")
        for number in range(count)
    ]
    for user in users:
        ago = (NOW - at).total_seconds() + 60
        keep(user.id, [tried(ago, "Summer", address=address, count=3)])
    return users


def watch(now: datetime = NOW, policy: Policy = POLICY) -> Storm | None:
    return storms.watch(policy=policy, now=now)


def seen(**facts: int) -> Suspicion:
    """What one address did."""
    usual = {"accounts": 0, "names": 0, "tries": 0, "locked": 0, **facts}
    stream = Stream(
        address=ADDRESS, accounts=usual["accounts"], names=usual["names"], tries=usual["tries"]
    )
    return Suspicion(began_at=NOW, streams=[stream], **usual)


# --- What is one --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "storm"),
    [
        ({"locked": 9, "accounts": 40}, False),
        ({"locked": 10, "accounts": 40}, True),
        ({"names": 49}, False),
        ({"names": 50}, True),
    ],
)
def test_a_storm_begins_at_the_limits(facts: dict[str, int], storm: bool) -> None:
    assert is_storm(seen(**facts), Limits(accounts=10, names=50)) is storm


def test_locks_from_everywhere_are_a_storm_only_when_they_are_many() -> None:
    streams = [
        Stream(address=f"10.0.0.{number}", accounts=1, names=0, tries=3) for number in range(50)
    ]
    scattered = Suspicion(began_at=NOW, streams=streams, accounts=50, names=0, tries=150, locked=49)

    assert not is_storm(scattered, Limits(accounts=10, names=50))
    assert is_storm(replace(scattered, locked=50), Limits(accounts=10, names=50))


def test_a_large_cloud_has_more_before_it_is_a_storm() -> None:
    assert limits(1_000_000) == Limits(accounts=100, names=100)
    assert limits(1_000) == Limits(accounts=10, names=50)


# --- Its life -----------------------------------------------------------------------------------
def test_many_locks_from_one_address_are_a_storm() -> None:
    hit(12)
    storm = watch()

    assert storm is not None
    assert (storm.accounts, storm.tries, storm.few) == (12, 36, True)
    assert storm.began_at == NOW - MINUTE
    assert [source["address"] for source in storm.sources] == [ADDRESS]
    assert storm.locked.count() == 12


def test_many_unknown_names_are_a_storm() -> None:
    keep_unknown([f"name{number}" for number in range(60)], address=ADDRESS)
    storm = watch()

    assert storm is not None
    assert storm.names == 60


def test_a_few_locks_are_none() -> None:
    hit(9)

    assert watch() is None


def test_accounts_that_were_tried_and_not_locked_are_none() -> None:
    for number in range(30):
        keep(make_user(f"u{number}").id, [tried(60, "Summer", address=ADDRESS)])

    assert watch() is None


def test_what_is_over_for_ten_minutes_is_none() -> None:
    hit(12, at=NOW - timedelta(minutes=15))

    assert watch() is None


def test_a_storm_stays_one_as_long_as_it_is_seen() -> None:
    hit(12)
    first = watch()
    hit(5, at=NOW + 3 * MINUTE, prefix="v")
    later = watch(NOW + 3 * MINUTE)

    assert first is not None
    assert later is not None
    assert (later.pk, later.accounts, later.locked.count()) == (first.pk, 17, 17)
    assert later.last_at == NOW + 3 * MINUTE


def test_a_storm_that_is_not_seen_for_a_while_is_over() -> None:
    hit(12)
    storm = watch()
    assert storm is not None
    watch(NOW + 10 * MINUTE)
    storm.refresh_from_db()
    assert storm.ended_at is None
    watch(NOW + 16 * MINUTE)
    storm.refresh_from_db()

    assert storm.ended_at == NOW
    assert storms.going_on(scope=None, now=NOW + 16 * MINUTE) is None


def test_without_keystones_database_a_storm_is_judged_by_what_was_heard() -> None:
    hit(12)
    with away("local_user"):
        storm = watch()

    assert storm is not None
    assert storm.accounts == 12


@contextmanager
def away(table: str) -> Iterator[None]:
    """A statement about this table of Keystone's fails."""
    with connections["keystone"].cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{table}" RENAME TO away')
    try:
        yield
    finally:
        with connections["keystone"].cursor() as cursor:
            cursor.execute(f'ALTER TABLE away RENAME TO "{table}"')


def test_an_operator_of_another_domain_sees_no_storm() -> None:
    hit(12)
    watch()

    storm = storms.going_on(scope="payments", now=NOW)
    assert storm is not None
    assert summarize(storm, scope="payments").locked == 12
    assert summarize(storm, scope="payments").sources == []
    assert storms.going_on(scope="shops", now=NOW) is None


# --- The summary --------------------------------------------------------------------------------
def test_administrators_come_before_service_accounts() -> None:
    users = hit(12)
    grant(users[7], "admin", on=make_project("ops"))
    grant(users[3], "service", on=make_project("service"))
    storm = watch()
    assert storm is not None
    summary = summarize(storm)

    assert [row.name for row in summary.first] == ["u007", "u003"]
    assert (len(summary.others), summary.locked, summary.block) == (10, 12, [ADDRESS])


def test_a_bystander_is_not_to_be_blocked() -> None:
    hit(12)
    hit(2, address="192.0.2.1", prefix="v", at=NOW - 5 * MINUTE)
    storm = watch()
    assert storm is not None

    assert summarize(storm).block == [ADDRESS]
    assert storm.began_at == NOW - MINUTE
    assert storm.locked.count() == 12


def test_a_proxy_is_not_to_be_blocked() -> None:
    for number in range(40):
        keep(f"p{number}", [signed_in(500 - number, address=ADDRESS)])
    hit(12)
    storm = watch()
    assert storm is not None

    assert summarize(storm).block == []
    assert summarize(storm).proxies == [ADDRESS]


def test_hostile_names_and_addresses_are_stored() -> None:
    hit(12, address="<img src=x>\r\nBcc: a@b.example", prefix="<b>\u202e")
    storm = watch()
    assert storm is not None

    assert (summarize(storm).locked, summarize(storm).block) == (12, [])
