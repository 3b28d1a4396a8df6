"""Who is to hear of a domain."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.accounts.selectors import Domain
from pciops.lib.env import SettingError
from pciops.notices import domain_file

CUSTOMERS = Domain(id="c1", name="customers")
SHOPS = Domain(id="s1", name="shops")


@pytest.fixture
def file(settings: Settings, tmp_path: Path) -> Path:
    """The file that the setting names."""
    path = tmp_path / "domains.toml"
    settings.NOTICE_DOMAINS = str(path)
    return path


def test_without_a_file_nobody_hears_of_a_domain() -> None:
    assert domain_file.contacts([CUSTOMERS]) == {}


def test_a_domain_has_its_contacts_each_once(file: Path) -> None:
    file.write_text('[customers]\ncontacts = ["a@x.example", " b@X.example", "a@x.example"]')

    assert domain_file.contacts([CUSTOMERS, SHOPS]) == {CUSTOMERS: ("a@x.example", "b@x.example")}


def test_the_id_of_a_domain_comes_before_its_name(file: Path) -> None:
    file.write_text('[customers]\ncontacts = ["a@x.example"]\n[c1]\nlocked = false')

    assert domain_file.contacts([CUSTOMERS]) == {}


def test_a_file_that_changes_is_read_again(file: Path) -> None:
    file.write_text('[shops]\ncontacts = ["a@x.example"]')
    domain_file.contacts([SHOPS])
    file.write_text('[shops]\ncontacts = ["bob@x.example"]')

    assert domain_file.contacts([SHOPS]) == {SHOPS: ("bob@x.example",)}


def test_what_keystone_does_not_have_is_named(file: Path) -> None:
    file.write_text("[shops]\n[c1]\n[shop]\n")

    assert domain_file.unknown([CUSTOMERS, SHOPS]) == ["shop"]


@pytest.mark.parametrize(
    "value", ['"a@x.example"', "[1]", '["nobody"]', '["Ann <a@x.example>"]', '["a@x, b@x"]', "true"]
)
def test_contacts_that_are_no_addresses_name_the_setting_and_the_place(
    file: Path, value: str
) -> None:
    file.write_text(f"[shops]\ncontacts = {value}")
    with pytest.raises(SettingError, match="PCIOPS_NOTICE_DOMAINS names ") as raised:
        domain_file.tables()

    assert "[shops] contacts is no list of mail addresses" in str(raised.value)
