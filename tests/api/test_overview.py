"""The overview over the API: numbers of all states, and of the next days."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from pciops.accounts.states import STATES
from tests.api.call import assert_refused, get, post
from tests.factories import NOW, PasswordRow, grant, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.web.pages import down
from tests.web.test_overview import RULES, take_census

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

OVERVIEW = "/api/v1/overview"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _rules(settings: Settings) -> None:
    """Turn on every rule that makes a state."""
    settings.POLICY_OVERRIDES = RULES


def test_without_a_census_only_live_numbers_are_there(token: str) -> None:
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


def test_with_a_census_every_state_has_a_number(token: str) -> None:
    grant(make_user("cinder", passwords=[PasswordRow(expires_at=NOW + DAY)]), "service")
    make_user("ann", domain_id="shop")
    take_census(NOW - timedelta(minutes=4))
    overview = get(token, OVERVIEW).json()

    assert (overview["accounts"], overview["domains"]) == (2, 2)
    assert overview["counted_at"] == "2026-11-22T13:58:11Z"
    assert list(overview["states"]) == [state.name for state in STATES]
    assert overview["states"]["expiring"] == {
        "accounts": 1,
        "administrator": 0,
        "service": 1,
        "live": False,
    }


def test_next_days_are_seven_from_today(token: str) -> None:
    make_user("ann", passwords=[PasswordRow(expires_at=NOW + DAY)])
    take_census()
    days = get(token, OVERVIEW).json()["days"]

    assert days[:2] == [
        {"day": "2026-11-22", "expired": 0, "inactive": 0},
        {"day": "2026-11-23", "expired": 1, "inactive": 0},
    ]
    assert len(days) == 7


def test_locked_is_live_after_a_census(token: str) -> None:
    take_census()
    make_locked_user()

    assert get(token, OVERVIEW).json()["states"]["locked"]["accounts"] == 1


def test_domain_token_gets_only_numbers_of_the_domain(fake_keystone: FakeKeystone) -> None:
    make_locked_user("ours")
    make_locked_user("theirs", domain_id="shop")
    take_census()
    person = fake_keystone.person(roles={"default": {"admin"}})
    overview = get(fake_keystone.issue(person, "default"), OVERVIEW).json()

    assert (overview["accounts"], overview["domains"]) == (1, 1)
    assert overview["states"]["locked"]["accounts"] == 1


def test_only_get_is_possible(token: str) -> None:
    assert post(token, OVERVIEW).status_code == 405


def test_outage_of_keystones_database_is_an_error(token: str) -> None:
    with down("keystone"):
        response = get(token, OVERVIEW)

    assert_refused(response, 503, "Keystone's database does not answer.")
