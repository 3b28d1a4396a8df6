"""The second factor and EC2 credentials on the page of an account."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from pciops.keystone import options
from tests.factories import make_user
from tests.web.test_account_page import html, text

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

TWO: dict[str, object] = {options.MFA_RULES: [["password", "totp"]]}


@pytest.mark.parametrize(
    ("credentials", "methods", "terms"),
    [
        ((), None, ["Can't sign in: a TOTP code", "Second factor not enrolled", "credential"]),
        (("totp",), None, ["Second factor Not known", "PCIOPS_KEYSTONE_CONF"]),
        (("totp",), "password,totp", ["Second factor Effective", "password + totp"]),
        (("totp",), "password", ["Second factor Not effective", "has not loaded the rest"]),
        (("totp", "ec2"), None, ["EC2 credentials 1", "without a second factor"]),
    ],
)
def test_the_second_factor_is_shown(
    site: Client,
    settings: Settings,
    tmp_path: Path,
    credentials: tuple[str, ...],
    methods: str | None,
    terms: list[str],
) -> None:
    if methods:
        (tmp_path / "keystone.conf").write_text(f"[auth]\nmethods = {methods}\n")
        settings.KEYSTONE_CONF = [str(tmp_path / "keystone.conf")]
    page = text(site, make_user(options=TWO, credentials=credentials))

    assert [term for term in terms if term not in page] == []


def test_an_account_without_rules_or_keys_says_so(site: Client) -> None:
    page = text(site, make_user())

    assert "Second factor None" in page
    assert "EC2 credentials none" in page


def test_a_rule_is_escaped(site: Client) -> None:
    user = make_user(options={options.MFA_RULES: [["<script>", "password"]]})

    assert "<script>," not in html(site, user)
    assert "&lt;script&gt;" in html(site, user)
