"""The timeline of the trail's page: what was done on each day, and what was not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from pciops.audit.models import Event
from pciops.audit.selectors import AuditQuery, daily_counts
from tests.audit.helpers import open_event, record
from tests.factories import NOW, make_account, make_initiator
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

TODAY = NOW.date()


def days(query: AuditQuery | None = None, scope: str | None = None) -> dict[date, tuple[int, int]]:
    """The days that have rows: how many were done, and how many were not."""
    found = daily_counts(query or AuditQuery(), scope=scope, today=TODAY)
    return {day: (done, other) for day, done, other in found if done or other}


def test_a_day_counts_what_was_done_and_what_was_not() -> None:
    record()
    record()
    record(outcome=Event.Outcome.FAILURE)
    open_event(now=NOW)  # pending

    assert days() == {TODAY: (2, 2)}


def test_a_day_is_one_of_utc() -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0)
    record(now=midnight)
    record(now=midnight - timedelta(seconds=1))

    assert days() == {TODAY: (1, 0), TODAY - timedelta(days=1): (1, 0)}


def test_it_has_two_weeks_up_to_today() -> None:
    record(now=NOW - timedelta(days=13))
    record(now=NOW - timedelta(days=14))

    assert days() == {TODAY - timedelta(days=13): (1, 0)}
    assert len(daily_counts(AuditQuery(), scope=None, today=TODAY)) == 14


def test_it_ends_with_the_last_day_that_is_asked_for() -> None:
    until = TODAY - timedelta(days=30)
    found = daily_counts(AuditQuery(until=until), scope=None, today=TODAY)

    assert (found[0][0], found[-1][0]) == (until - timedelta(days=13), until)


@pytest.mark.parametrize("until", [date.max, date(9000, 1, 1)])
def test_days_to_come_are_not_shown(until: date) -> None:
    assert daily_counts(AuditQuery(until=until), scope=None, today=TODAY)[-1][0] == TODAY


@pytest.mark.parametrize(("since", "number"), [(0, 1), (3, 4), (40, 14), (-1, 0)])
def test_it_begins_with_the_first_day_that_is_asked_for(since: int, number: int) -> None:
    query = AuditQuery(since=TODAY - timedelta(days=since))

    assert len(daily_counts(query, scope=None, today=TODAY)) == number


def test_the_first_day_of_all_can_be_asked_for() -> None:
    assert daily_counts(AuditQuery(until=date.min), scope=None, today=TODAY)


def test_the_other_filters_count() -> None:
    record(initiator=make_initiator("olga"))
    record(initiator=make_initiator("otto"))

    assert days(AuditQuery(operator="otto")) == {TODAY: (1, 0)}


def test_another_domain_does_not_count() -> None:
    open_event(account=make_account(domain_id="shops"))
    open_event(account=make_account(domain_id="payments"))

    assert days(scope="shops") == {TODAY: (0, 1)}


def test_the_page_has_the_numbers_and_leads_to_the_rows_of_a_day(site: Client) -> None:
    record(outcome=Event.Outcome.FAILURE)  # beside the sign-in of who looks
    response: Any = site.get("/audit/?via=page")

    assert "Day by day Done : 1 Not done : 1" in shown(response)
    assert "22 Nov 2026 1 1" in shown(response)
    assert 'href="?via=page&amp;from=2026-11-22&amp;to=2026-11-22"' in response.content.decode()


def test_without_rows_there_is_no_chart(site: Client) -> None:
    assert "Day by day" not in shown(site.get("/audit/?operator=nobody"))


def test_a_first_day_to_come_is_an_empty_page(site: Client, fake_keystone: FakeKeystone) -> None:
    page = shown(signed_in(fake_keystone.person()).get("/audit/?from=2027-01-01"))

    assert "Nothing here matches." in page
