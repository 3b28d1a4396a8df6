"""The page of the policy: how many rules pass, what to set, the probes, and who disagrees."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.accounts.policy.compliance import SUGGESTED_REGEX
from tests.accounts.conf import HIDDEN, write
from tests.accounts.conf import conf as conf
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

GOOD = {
    "lockout_failure_attempts": "10",
    "disable_user_account_days_inactive": "90",
    "password_expires_days": "90",
    "unique_last_password_count": "4",
    "password_regex": SUGGESTED_REGEX,
    "change_password_upon_first_use": "yes",
}


def page(site: Client) -> str:
    """The text of the page."""
    return shown(site.get("/policy/"))


def test_a_policy_that_passes_says_so(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = GOOD
    text = page(site)

    assert "6 of 6 rules pass." in text
    assert "Fails" not in text
    assert "set this in keystone.conf" not in text


def test_one_failure_says_what_to_set(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {**GOOD, "password_expires_days": "91"}
    text = page(site)

    assert "5 of 6 rules pass. To pass the rest, set this in keystone.conf" in text
    assert "[security_compliance] password_expires_days = 90" in text
    assert "✗ Fails That is too late: set password_expires_days to at most 90." in text


def test_with_everything_off_keystone_enforces_nothing(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_duration": "1800"}
    text = page(site)

    assert "0 of 6 rules pass: Keystone enforces nothing. To pass them, set this" in text
    assert "lockout_failure_attempts = 10 change_password_upon_first_use = true" in text


def test_a_weak_rule_that_is_on_is_not_nothing(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "20"}

    assert "0 of 6 rules pass. To pass them" in page(site)


def test_the_probes_are_shown(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {**GOOD, "password_regex": "^.{9,}$"}
    text = page(site)

    assert "✓ 7 letters and digits: refused" in text
    assert "✗ 11 letters and digits: accepted, such as abcdefgh123" in text


def test_every_value_has_its_source(site: Client, settings: Settings, conf: Path) -> None:
    settings.KEYSTONE_CONF = [str(conf)]
    settings.POLICY_OVERRIDES = {"lockout_duration": "900"}
    text = page(site)

    assert f"lockout_failure_attempts {conf} lockout_duration PCIOPS_POLICY_LOCKOUT_DURA" in text
    assert f"minimum_password_age 1 {conf}" in text


def test_of_the_secret_the_page_says_that_it_is_set(
    site: Client, settings: Settings, conf: Path
) -> None:
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [str(conf)], {}
    text = page(site)

    assert "invalid_password_hash_secret_key set, not shown" in text
    assert HIDDEN not in text


def test_files_that_agree_are_not_mentioned(site: Client) -> None:
    assert "The files disagree." not in page(site)


def test_files_that_disagree_are_a_warning(
    site: Client, settings: Settings, tmp_path: Path
) -> None:
    one = write(tmp_path / "a.conf", "password_expires_days = 90")
    other = write(tmp_path / "b.conf", "password_expires_days = 30")
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [one, other], {}
    text = page(site)

    assert "⚠ The files disagree. All Keystone nodes should have the same values" in text
    assert f"password_expires_days : 90 in {one} , 30 in {other}" in text


def test_what_stands_in_the_file_is_shown_as_text(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"password_regex": "<b>(", "password_regex_description": "<i>x"}
    content = site.get("/policy/").content.decode()

    assert "<b>(" not in content
    assert "<i>x" not in content
    assert "&lt;b&gt;(" in content


def test_option_names_are_monospaced_in_sentences(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_duration": "1800"}

    assert "set <code>lockout_failure_attempts</code> to 1 to 10" in (
        site.get("/policy/").content.decode()
    )


def test_the_page_asks_keystones_database_nothing(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0, using="keystone"):
        assert site.get("/policy/").status_code == 200


def test_an_administrator_of_a_domain_may_see_it(fake_keystone: FakeKeystone) -> None:
    person = fake_keystone.person(roles={"default": {"admin"}})

    assert "rules pass" in page(signed_in(person))


def test_every_page_leads_to_it(site: Client) -> None:
    assert '<a href="/policy/">Policy</a>' in site.get("/accounts/").content.decode()
    assert '<a href="/policy/" aria-current="true">' in site.get("/policy/").content.decode()


def test_a_policy_that_cannot_be_read_is_a_page_that_says_so(
    site: Client, settings: Settings, tmp_path: Path
) -> None:
    path = write(tmp_path / "k.conf", "lockout_duration = long")
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [path], {}
    response = site.get("/policy/")

    assert response.status_code == 503
    assert f"{path}, line 2: lockout_duration is wrong" in shown(response)
