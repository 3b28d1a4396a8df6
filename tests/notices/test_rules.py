"""The rules of domains, and the contacts in the same file."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from pciops.accounts.selectors import Domain
from pciops.lib.env import SettingError
from pciops.notices import rules
from pciops.notices.models import NoticeKind
from pciops.notices.rules import DomainRules
from tests.factories import make_account

CUSTOMERS = Domain(id="c1", name="customers")
SHOPS = Domain(id="s1", name="shops")


@pytest.fixture
def file(settings: Settings, tmp_path: Path) -> Path:
    """The file of the setting."""
    path = tmp_path / "domains.toml"
    settings.NOTICE_DOMAINS = str(path)
    return path


def customers(file: Path, text: str) -> DomainRules:
    """Return the rules of the domain `customers` by this file."""
    file.write_text(text)
    return rules.current().of(make_account(domain_id="c1", domain_name="customers"))


def test_without_a_file_the_settings_hold_for_all_domains() -> None:
    assert rules.current().of(make_account()).steps == {
        NoticeKind.PASSWORD_EXPIRING: (14, 7, 3, 1),
        NoticeKind.PASSWORD_EXPIRED: (0,),
        NoticeKind.INACTIVITY: (7, 1),
        NoticeKind.LOCKED: (0,),
        NoticeKind.UNLOCKED: (0,),
    }
    assert rules.current().contacts([CUSTOMERS]) == {}


def test_a_kind_that_the_settings_leave_out_is_off(settings: Settings) -> None:
    settings.NOTICE_KINDS = ("locked",)

    assert list(rules.current().default.steps) == [NoticeKind.LOCKED]
    assert not rules.current().on(NoticeKind.INACTIVITY)


def test_a_domain_has_a_language_and_a_time_zone_of_its_own(file: Path, settings: Settings) -> None:
    settings.NOTICE_LANGUAGE = "de"
    settings.SITE_ZONE = ZoneInfo("Europe/Berlin")
    found = customers(file, '[customers]\nlanguage = "en"\ntime_zone = "Asia/Tokyo"')
    default = rules.current().default

    assert (found.language, found.time_zone) == ("en", ZoneInfo("Asia/Tokyo"))
    assert (default.language, default.time_zone) == ("de", ZoneInfo("Europe/Berlin"))


def test_a_domain_has_days_of_its_own_the_greatest_first(file: Path) -> None:
    found = customers(file, "[customers]\npassword_expiring = [1, 30]")

    assert found.steps_of(NoticeKind.PASSWORD_EXPIRING) == (30, 1)
    assert found.steps_of(NoticeKind.INACTIVITY) == (7, 1)
    assert rules.current().furthest(NoticeKind.PASSWORD_EXPIRING) == 30


def test_a_domain_switches_kinds_on_and_off(file: Path, settings: Settings) -> None:
    settings.NOTICE_KINDS = ("locked",)
    found = customers(file, "[customers]\ninactivity = true\nlocked = false")

    assert found.steps == {NoticeKind.INACTIVITY: (7, 1)}


def test_a_domain_has_a_reply_to_of_its_own(file: Path, settings: Settings) -> None:
    settings.MAIL_REPLY_TO = "help@cloud.example"
    found = customers(file, '[customers]\nreply_to = "desk@customers.example"')

    assert found.reply_to == "desk@customers.example"
    assert rules.current().default.reply_to == "help@cloud.example"


def test_the_id_of_a_domain_comes_before_its_name(file: Path) -> None:
    text = '[customers]\nlocked = false\ncontacts = ["a@x.example"]\n[c1]\nunlocked = false'
    found = customers(file, text)

    assert NoticeKind.LOCKED in found.steps
    assert NoticeKind.UNLOCKED not in found.steps
    assert rules.current().contacts([CUSTOMERS]) == {}


def test_a_file_that_changes_is_read_again(file: Path) -> None:
    customers(file, "[customers]\nlocked = false")
    found = customers(file, '[customers]\nlocked = true\ncontacts = ["bob@x.example"]\n')

    assert NoticeKind.LOCKED in found.steps
    assert rules.current().contacts([CUSTOMERS]) == {CUSTOMERS: ("bob@x.example",)}


def test_contacts_are_returned_once_each(file: Path) -> None:
    file.write_text('[customers]\ncontacts = ["a@x.example", " b@X.example", "a@x.example"]')

    assert rules.current().contacts([CUSTOMERS, SHOPS]) == {
        CUSTOMERS: ("a@x.example", "b@x.example")
    }


def test_unknown_domains_are_those_that_keystone_does_not_have(file: Path) -> None:
    file.write_text("[shops]\n[c1]\n[shop]\n")

    assert rules.current().unknown([CUSTOMERS, SHOPS]) == ["shop"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[customers", "which is not TOML"),
        ("customers = 1", "customers is not a table"),
        (
            "[customers]\nbirthday = true",
            "birthday is not one of reply_to, language, time_zone, contacts,",
        ),
        ("[customers]\nlocked = [1]", "locked is neither true nor false"),
        ("[customers]\nlocked = 1", "locked is neither true nor false"),
        *(
            (f"[customers]\ninactivity = {days}", "inactivity is not a list of days")
            for days in ("[]", "[0]", "[-1]", "[3, 3]", "[true]", "3")
        ),
        ("[customers]\nreply_to = 'desk'", "reply_to is not an email address"),
        ("[customers]\nreply_to = 3", "reply_to is not an email address"),
        ("[customers]\nlanguage = 'xx'", "[customers] language is not one of en, de"),
        ("[customers]\nlanguage = 1", "language is not one of"),
        ("[customers]\ntime_zone = 'Berlin'", "[customers] time_zone is not a time zone"),
        ("[customers]\ntime_zone = 1", "time_zone is not a time zone"),
        *(
            (f"[customers]\ncontacts = {contacts}", "[customers] contacts is not a list of")
            for contacts in (
                *('"a@x.example"', "[1]", '["nobody"]', '["Ann <a@x.example>"]'),
                *('["a@x, b@x"]', "true"),
            )
        ),
    ],
)
def test_an_invalid_file_names_the_setting_and_the_place(
    file: Path, text: str, problem: str
) -> None:
    with pytest.raises(SettingError, match="PCIOPS_NOTICE_DOMAINS names ") as raised:
        customers(file, text)

    assert problem in str(raised.value)
