"""What if, on the page of the policy: the form, the answer, the names, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import NOW, grant, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

INACTIVE = "/policy/?disable_user_account_days_inactive=30"


@pytest.fixture(autouse=True)
def _policy(settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "6", "password_expires_days": "90"}


def test_the_form_begins_with_the_values_of_today(site: Client) -> None:
    content = site.get("/policy/").content.decode()

    assert 'name="lockout_failure_attempts" value="6"' in content
    assert 'name="lockout_duration" value="1800"' in content
    assert 'name="disable_user_account_days_inactive" value=""' in content
    assert "Stop today" not in content


def test_without_a_question_keystones_database_is_not_asked(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0, using="keystone"):
        site.get("/policy/?unknown=1")


def test_the_answer_is_a_sentence_with_the_numbers(site: Client) -> None:
    grant(make_user("root", last_active_at=(NOW - timedelta(days=40)).date()))
    make_user("ann", last_active_at=(NOW - timedelta(days=20)).date())
    text = shown(site.get(INACTIVE))

    assert "Today 1 account would stop, an administrator." in text
    assert "Within 30 days, today included, 2 accounts would stop, among them 1 admin" in text
    assert "disable_user_account_days_inactive off → becomes 30" in text
    assert "lockout_failure_attempts 6, as now" in text


def test_the_names_lead_to_their_accounts(site: Client) -> None:
    root = make_user("root", created_at=NOW - timedelta(days=40))
    nova = make_user("nova", last_active_at=(NOW - timedelta(days=20)).date())
    grant(root)
    grant(nova, "service")
    response = site.get(INACTIVE)
    text = shown(response)

    assert f'href="/accounts/{root.id}/"' in response.content.decode()
    assert "Inactive today never created on 13 Oct 2026" in text
    assert "Inactive 2 Dec 2026 in 10 days 2 Nov 2026 20 days ago" in text
    assert "1 of these accounts never signed in: it is judged by the day of creation." in text


def test_an_account_that_would_be_locked_says_until_when(site: Client) -> None:
    grant(make_user("root", failed_auth_count=3, failed_auth_at=NOW - timedelta(minutes=10)))

    assert "Locked today locked until 14:22:11 UTC" in shown(
        site.get("/policy/?lockout_failure_attempts=3")
    )


def test_what_is_locked_today_and_inactive_later_says_both(site: Client) -> None:
    last = NOW.date()
    grant(make_user("root", failed_auth_count=3, failed_auth_at=NOW, last_active_at=last))

    assert "Locked ✗ Inactive today locked until 14:32:11 UTC inactive on 22 Dec 2026" in shown(
        site.get(f"{INACTIVE}&lockout_failure_attempts=3")
    )


def test_the_values_stay_in_the_form(site: Client) -> None:
    assert 'name="disable_user_account_days_inactive" value="30"' in (
        site.get(INACTIVE).content.decode()
    )


def test_values_of_today_change_nothing(site: Client) -> None:
    make_user(failed_auth_count=6, failed_auth_at=NOW)

    assert "These are the values of today: nothing would change." in shown(
        site.get("/policy/?lockout_failure_attempts=6")
    )


def test_expiry_says_that_it_stops_nobody_today(site: Client) -> None:
    make_user()
    text = shown(site.get("/policy/?password_expires_days=20"))

    assert "No account would stop today." in text
    assert "password_expires_days stops nobody today" in text
    assert "1 password in use is older than 20 days: against PCI DSS 8.3.9" in text
    assert "A password that is set today would expire on 12 Dec 2026." in text


@pytest.mark.parametrize("text", ["0", "-3", "ten", "1000001"])
def test_a_value_that_no_option_has_is_refused_by_name(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries, text: str
) -> None:
    with django_assert_num_queries(0, using="keystone"):
        response = site.get(f"/policy/?lockout_failure_attempts={text}&lockout_duration=60")

    assert response.status_code == 400
    assert f"lockout_failure_attempts : '{text}' is no whole number" in shown(response)
    assert f'name="lockout_failure_attempts" value="{text}"' in response.content.decode()
    assert 'name="lockout_duration" value="60"' in response.content.decode()


def test_a_lock_without_a_duration_is_not_called_off(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "6", "lockout_duration": "off"}
    text = shown(site.get("/policy/?lockout_failure_attempts=5"))

    assert "lockout_duration now until somebody unlocks" in text
    assert "Without lockout_duration a lock holds until somebody unlocks the account" in text


def test_what_is_typed_is_shown_as_text(site: Client) -> None:
    response = site.get("/policy/", {"lockout_duration": '"><b>'})

    assert response.status_code == 400
    assert "<b>" not in response.content.decode()


def test_what_pci_dss_demands_is_one_link(site: Client) -> None:
    assert (
        '"?lockout_failure_attempts=6&amp;lockout_duration=1800&amp;'
        'disable_user_account_days_inactive=90&amp;password_expires_days=90#what-if"'
    ) in site.get("/policy/").content.decode()


def test_an_operator_of_a_domain_sees_that_domain_alone(fake_keystone: FakeKeystone) -> None:
    grant(make_user("root", created_at=NOW - timedelta(days=99)))
    grant(make_user("shopkeeper", domain_id="shops", created_at=NOW - timedelta(days=99)))
    person = fake_keystone.person(roles={"default": {"admin"}})
    text = shown(signed_in(person).get(INACTIVE))

    assert "Today 1 account would stop" in text
    assert "shopkeeper" not in text


# --- Rules that are off -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("locked", "Keystone locks nobody: set lockout_failure_attempts to 1 to 10."),
        ("near_lockout", "Keystone locks nobody: set lockout_failure_attempts to 1 to 10."),
        ("inactive", "set disable_user_account_days_inactive to 1 to 90."),
        ("inactive_soon", "set disable_user_account_days_inactive to 1 to 90."),
        ("expired", "Passwords never expire: set password_expires_days to 1 to 90."),
        ("no_expiry", "Passwords never expire: set password_expires_days to 1 to 90."),
        ("must_change", "set change_password_upon_first_use to true."),
    ],
)
def test_an_empty_list_whose_rule_is_off_says_what_to_set(
    site: Client, settings: Settings, state: str, words: str
) -> None:
    settings.POLICY_OVERRIDES = {"lockout_duration": "1800"}
    text = shown(site.get(f"/accounts/?state={state}"))

    assert "No account is in this state: the rule is off." in text
    assert words in text
    assert "of keystone.conf, the demand PCI DSS 8." in text
    assert "Keystone enforces nothing: no rule is on" in text


@pytest.mark.parametrize("state", ["disabled", "exempt", "not_covered", "no_password"])
def test_a_state_without_a_rule_says_no_such_thing(
    site: Client, settings: Settings, state: str
) -> None:
    settings.POLICY_OVERRIDES = {"lockout_duration": "1800"}

    assert "the rule is off" not in shown(site.get(f"/accounts/?state={state}"))


def test_with_everything_off_the_account_page_says_so(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_duration": "1800"}

    assert "Keystone enforces nothing: no rule is on. What to set" in shown(
        site.get(f"/accounts/{make_user().id}/")
    )
