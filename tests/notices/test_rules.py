"""Which notices go out in which domain."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.lib.env import SettingError
from pciops.notices import rules
from pciops.notices.models import Notice
from pciops.notices.rules import Rules
from tests.factories import make_account

Kind = Notice.Kind


def of_customers(settings: Settings, folder: Path, text: str) -> Rules:
    """The rules of the domain `customers` by this file."""
    path = folder / "domains.toml"
    path.write_text(text)
    settings.NOTICE_DOMAINS = str(path)
    return rules.current().of(make_account(domain_id="c1", domain_name="customers"))


def test_without_a_file_the_settings_count_for_all() -> None:
    usual = rules.current().of(make_account())

    assert usual.steps == {
        Kind.PASSWORD_EXPIRING: (14, 7, 3, 1),
        Kind.PASSWORD_EXPIRED: (0,),
        Kind.INACTIVITY: (7, 1),
        Kind.LOCKED: (0,),
        Kind.UNLOCKED: (0,),
    }


def test_a_kind_that_the_settings_leave_out_is_off(settings: Settings) -> None:
    settings.NOTICE_KINDS = ("locked",)

    assert list(rules.current().usual.steps) == [Kind.LOCKED]
    assert not rules.current().on(Kind.INACTIVITY)


def test_a_domain_has_days_of_its_own_the_greatest_first(
    settings: Settings, tmp_path: Path
) -> None:
    found = of_customers(settings, tmp_path, "[customers]\npassword_expiring = [1, 30]")

    assert found.steps_of(Kind.PASSWORD_EXPIRING) == (30, 1)
    assert found.steps_of(Kind.INACTIVITY) == (7, 1)
    assert rules.current().furthest(Kind.PASSWORD_EXPIRING) == 30


def test_a_domain_switches_a_kind_off(settings: Settings, tmp_path: Path) -> None:
    assert not of_customers(settings, tmp_path, "[customers]\nlocked = false").steps_of(Kind.LOCKED)


def test_a_domain_switches_on_what_is_off_elsewhere(settings: Settings, tmp_path: Path) -> None:
    settings.NOTICE_KINDS = ()
    found = of_customers(settings, tmp_path, "[customers]\ninactivity = true")

    assert found.steps == {Kind.INACTIVITY: (7, 1)}


def test_a_domain_has_a_reply_to_of_its_own(settings: Settings, tmp_path: Path) -> None:
    settings.MAIL_REPLY_TO = "help@cloud.example"
    found = of_customers(settings, tmp_path, '[customers]\nreply_to = "desk@customers.example"')

    assert found.reply_to == "desk@customers.example"
    assert rules.current().usual.reply_to == "help@cloud.example"


def test_the_id_of_a_domain_comes_before_its_name(settings: Settings, tmp_path: Path) -> None:
    text = "[customers]\nlocked = false\n[c1]\nunlocked = false"
    found = of_customers(settings, tmp_path, text)

    assert Kind.LOCKED in found.steps
    assert Kind.UNLOCKED not in found.steps


def test_a_file_that_changes_is_read_again(settings: Settings, tmp_path: Path) -> None:
    of_customers(settings, tmp_path, "[customers]\nlocked = false")
    found = of_customers(settings, tmp_path, "[customers]\nlocked = true\n")

    assert Kind.LOCKED in found.steps


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[customers", "which is no TOML"),
        ("customers = 1", "customers is no table"),
        ("[customers]\nbirthday = true", "birthday is neither reply_to, contacts nor"),
        ("[customers]\nlocked = [1]", "locked is neither true nor false"),
        ("[customers]\nlocked = 1", "locked is neither true nor false"),
        ("[customers]\ninactivity = []", "inactivity is no list of days"),
        ("[customers]\ninactivity = [0]", "inactivity is no list of days"),
        ("[customers]\ninactivity = [-1]", "inactivity is no list of days"),
        ("[customers]\ninactivity = [3, 3]", "inactivity is no list of days"),
        ("[customers]\ninactivity = [true]", "inactivity is no list of days"),
        ("[customers]\ninactivity = 3", "inactivity is no list of days"),
        ("[customers]\nreply_to = 'desk'", "reply_to is no mail address"),
        ("[customers]\nreply_to = 3", "reply_to is no mail address"),
    ],
)
def test_what_makes_no_sense_names_the_setting_and_the_place(
    settings: Settings, tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(SettingError, match="PCIOPS_NOTICE_DOMAINS names ") as raised:
        of_customers(settings, tmp_path, text)

    assert problem in str(raised.value)
