"""Keystone's notifications over the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.api.call import get, pages, token_of_domain
from tests.events.factories import REASON, activity, attempts
from tests.factories import NOW, make_user
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

ACTIVITY = "/api/v1/activity"
MINUTE = timedelta(minutes=1)


def test_rows_are_listed_newest_first(token: str) -> None:
    activity(at=NOW - MINUTE).save()
    attempts(3).save()
    rows = get(token, ACTIVITY).json()["activity"]

    assert [(row["kind"], row["count"], row["account_name"]) for row in rows] == [
        ("sign_in", 3, "j.doe"),
        ("disabled", 1, "j.doe"),
    ]


def test_rows_can_be_filtered(token: str) -> None:
    activity().save()
    attempts(address="::1").save()
    rows = get(token, ACTIVITY, kind="sign_in", address="::1").json()["activity"]

    assert [row["address"] for row in rows] == ["::1"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_links_lead_to_every_row_once(token: str, limit: int) -> None:
    for number in range(5):
        row = attempts if number % 2 else activity
        row(at=NOW, agent=str(number)).save()
    found = list(pages(token, ACTIVITY, limit=limit))

    assert len(found) == -(-5 // limit)
    assert sorted(row["agent"] for page in found for row in page["activity"]) == list("01234")


def test_domain_token_gets_only_rows_of_the_domain(fake_keystone: FakeKeystone) -> None:
    for domain_id in ("shops", "payments", ""):
        attempts(domain_id=domain_id).save()
        activity(domain_id=domain_id).save()
    rows = get(token_of_domain(fake_keystone), ACTIVITY).json()["activity"]

    assert [row["domain_id"] for row in rows] == ["shops", "shops"]


def test_auditor_gets_no_unknown_usernames(fake_keystone: FakeKeystone) -> None:
    person = fake_keystone.person(roles={"system": {"reader"}})
    attempts(reason=REASON.UNKNOWN_NAME, user_id="s3cret", name="hunter2").save()
    response = get(fake_keystone.issue(person, "system"), ACTIVITY)
    [row] = response.json()["activity"]

    assert (row["account_id"], row["account_name"]) == (None, None)
    assert "hunter2" not in response.content.decode()
    assert "s3cret" not in response.content.decode()


def test_account_has_its_own_list(token: str) -> None:
    user = make_user()
    attempts(user_id=user.id).save()
    activity(user_id=user.id, at=NOW - MINUTE).save()
    attempts(user_id="another").save()
    first, second = pages(token, f"/api/v1/accounts/{user.id}/activity", limit=1)

    rows = first["activity"] + second["activity"]
    assert [row["kind"] for row in rows] == ["sign_in", "disabled"]


def test_number_of_queries_is_the_same_for_every_page(
    token: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(40):
        attempts(at=NOW - number * MINUTE).save()
        activity(at=NOW - number * MINUTE).save()

    with django_assert_num_queries(2, using="default"):
        get(token, ACTIVITY, limit=30)
