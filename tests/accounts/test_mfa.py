"""Tests of whether a sign-in really requires a second factor."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.accounts import mfa
from pciops.keystone import options
from tests.factories import make_account

TOTP = ("password", "token", "totp")


@pytest.mark.parametrize(
    ("rules", "loaded", "effective", "words"),
    [
        (None, TOTP, False, "no rule is set"),
        ([], TOTP, False, "no rule is set"),
        ([["password", "totp"]], TOTP, True, "password + totp"),
        ([["password", "totp"]], ("password",), False, "password alone"),
        ([["password"]], TOTP, False, "one factor"),
        ([["password", "totp"], ["password"]], TOTP, False, "one factor"),
        ([["password", "token"]], TOTP, False, "one factor"),
        ([["password", "password"]], TOTP, False, "one factor"),
        ([["smartcard", "pin"]], TOTP, False, "no method of any rule"),
        ([["smartcard", "pin"], ["password", "totp"]], TOTP, True, "password + totp"),
        ([["password", "totp"]], None, True, "password + totp"),
        ("nonsense", TOTP, False, "no rule is set"),
        ([["password", 7]], TOTP, False, "no rule is set"),
        (["password", ["password", "totp"]], TOTP, True, "password + totp"),
    ],
)
def test_rules_are_evaluated_as_in_keystone(
    rules: object, loaded: tuple[str, ...] | None, effective: bool, words: str
) -> None:
    result = mfa.second_factor(make_account(options={options.MFA_RULES: rules}), loaded)

    assert result.effective is effective
    assert words in result.explanation


def test_rules_can_be_switched_off() -> None:
    account = make_account(
        options={options.MFA_RULES: [["password", "totp"]], options.MFA_ENABLED: False}
    )

    assert mfa.second_factor(account, TOTP).explanation == "its rules are switched off"


@pytest.mark.parametrize(
    ("text", "methods"),
    [
        ("[auth]\nmethods = password, totp\n", ("password", "totp")),
        ("[DEFAULT]\n", mfa.METHODS),
    ],
)
def test_methods_come_from_keystone_conf(
    text: str, methods: tuple[str, ...], tmp_path: Path, settings: Settings
) -> None:
    settings.KEYSTONE_CONF = []
    assert mfa.methods() is None
    (tmp_path / "keystone.conf").write_text(text)
    settings.KEYSTONE_CONF = [str(tmp_path / "keystone.conf")]

    assert mfa.methods() == methods
