"""What Keystone notified, over the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.api.call import get
from tests.events.factories import REASON, activity, attempts
from tests.factories import NOW, make_user
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

ACTIVITY = "/api/v1/activity"
MINUTE = timedelta(minutes=1)


def test_rows_are_given_the_newest_first(token: str) -> None:
    activity(at=NOW - MINUTE).save()
    attempts(3).save()
    found = get(token, ACTIVITY).json()["activity"]

    assert [(row["kind"], row["count"], row["account_name"]) for row in found] == [
        ("sign_in", 3, "j.doe"),
        ("disabled", 1, "j.doe"),
    ]


def test_filters_are_those_of_the_page(token: str) -> None:
    activity().save()
    attempts(address="::1").save()
    found = get(token, ACTIVITY, kind="sign_in", address="::1").json()["activity"]

    assert [row["address"] for row in found] == ["::1"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_are_linked(token: str, limit: int) -> None:
    for number in range(5):
        row = attempts if number % 2 else activity
        row(at=NOW, agent=str(number)).save()
    found, address, number = list[str](), f"{ACTIVITY}?limit={limit}", 0
    while address:
        answer = get(token, address.removeprefix("http://testserver")).json()
        found += [row["agent"] for row in answer["activity"]]
        address, number = answer["links"]["next"], number + 1

    assert sorted(found) == ["0", "1", "2", "3", "4"]
    assert number == -(-5 // limit)


@pytest.mark.parametrize("query", [{"kind": "x"}, {"from": "x"}, {"marker": "x"}, {"limit": "0"}])
def test_what_makes_no_sense_is_named(token: str, query: dict[str, str]) -> None:
    response = get(token, ACTIVITY, **query)

    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith(f"{next(iter(query))}:")


def test_a_token_of_a_domain_gives_the_rows_of_that_domain(fake_keystone: FakeKeystone) -> None:
    person = fake_keystone.person(domain_id="shops", roles={"shops": {"admin"}})
    for domain_id in ("shops", "payments", ""):
        attempts(domain_id=domain_id).save()
        activity(domain_id=domain_id).save()
    found = get(fake_keystone.issue(person, "shops"), ACTIVITY).json()["activity"]

    assert [row["domain_id"] for row in found] == ["shops", "shops"]


def test_a_reader_gets_no_name_that_no_account_has(fake_keystone: FakeKeystone) -> None:
    person = fake_keystone.person(roles={"system": {"reader"}})
    attempts(reason=REASON.UNKNOWN_NAME, user_id="s3cret", name="hunter2").save()
    answer = get(fake_keystone.issue(person, "system"), ACTIVITY)
    [row] = answer.json()["activity"]

    assert (row["account_id"], row["account_name"]) == (None, None)
    assert "hunter2" not in answer.content.decode()
    assert "s3cret" not in answer.content.decode()


def test_an_account_has_its_own_list(token: str) -> None:
    user = make_user()
    attempts(user_id=user.id).save()
    activity(user_id=user.id, at=NOW - MINUTE).save()
    attempts(user_id="another").save()
    address = f"/api/v1/accounts/{user.id}/activity"
    first = get(token, address, limit=1).json()
    second = get(token, first["links"]["next"].removeprefix("http://testserver")).json()

    assert [row["kind"] for row in first["activity"] + second["activity"]] == [
        "sign_in",
        "disabled",
    ]
    assert second["links"]["next"] is None


def test_a_page_takes_as_many_queries_however_long_it_is(
    token: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(40):
        attempts(at=NOW - number * MINUTE).save()
        activity(at=NOW - number * MINUTE).save()

    with django_assert_num_queries(2, using="default"):
        get(token, ACTIVITY, limit=30)
