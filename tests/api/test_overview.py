"""The overview over the API: numbers of every state, live or counted, and the days to come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from pciops.accounts.states import STATES
from tests.api.call import get, post
from tests.factories import NOW, PasswordRow, grant, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.web.pages import down
from tests.web.test_overview import RULES, take_census

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

OVERVIEW = "/api/v1/overview"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _rules(settings: Settings) -> None:
    """Every rule that makes a state is on."""
    settings.POLICY_OVERRIDES = RULES


def test_without_a_census_there_is_what_can_be_counted_live(token: str) -> None:
    grant(make_locked_user(), "service")

    assert get(token, OVERVIEW).json() == {
        "live_at": "2026-11-22T14:02:11Z",
        "counted_at": None,
        "accounts": None,
        "domains": None,
        "states": {
            "locked": {"accounts": 1, "administrator": 0, "service": 1, "live": True},
            "attacked_exempt": {"accounts": 0, "administrator": 0, "service": 0, "live": True},
        },
        "days": [],
    }


def test_with_a_census_every_state_has_its_number(token: str) -> None:
    grant(make_user("cinder", passwords=[PasswordRow(expires_at=NOW + DAY)]), "service")
    make_user("ann", domain_id="shop")
    take_census(NOW - timedelta(minutes=4))
    found = get(token, OVERVIEW).json()

    assert (found["accounts"], found["domains"]) == (2, 2)
    assert found["counted_at"] == "2026-11-22T13:58:11Z"
    assert list(found["states"]) == [state.name for state in STATES]
    assert found["states"]["expiring"] == {
        "accounts": 1,
        "administrator": 0,
        "service": 1,
        "live": False,
    }


def test_the_days_to_come_are_seven_from_today(token: str) -> None:
    make_user("ann", passwords=[PasswordRow(expires_at=NOW + DAY)])
    take_census()
    days = get(token, OVERVIEW).json()["days"]

    assert days[:2] == [
        {"day": "2026-11-22", "expired": 0, "inactive": 0},
        {"day": "2026-11-23", "expired": 1, "inactive": 0},
    ]
    assert len(days) == 7


def test_locked_is_live_whatever_the_census_says(token: str) -> None:
    take_census()
    make_locked_user()

    assert get(token, OVERVIEW).json()["states"]["locked"]["accounts"] == 1


def test_an_administrator_of_a_domain_sees_that_domain(fake_keystone: FakeKeystone) -> None:
    make_locked_user("ours")
    make_locked_user("theirs", domain_id="shop")
    take_census()
    person = fake_keystone.person(roles={"default": {"admin"}})
    found = get(fake_keystone.issue(person, "default"), OVERVIEW).json()

    assert (found["accounts"], found["domains"]) == (1, 1)
    assert found["states"]["locked"]["accounts"] == 1


def test_without_a_token_nothing_is_said(fake_keystone: FakeKeystone) -> None:
    assert get("", OVERVIEW).status_code == 401


def test_it_takes_nothing(token: str) -> None:
    assert post(token, OVERVIEW).status_code == 405


def test_keystones_database_down_is_said(token: str) -> None:
    with down("keystone"):
        response = get(token, OVERVIEW)

    assert response.status_code == 503
    assert response.json()["error"]["message"] == "Keystone's database does not answer."
