"""Tests of whether a sign-in really requires a second factor, and whether it can be given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pciops.accounts.policy.policy import AUTH_METHODS, Policy, parse
from pciops.accounts.second_factor import second_factor
from pciops.accounts.states import SECOND_FACTOR_NOT_ENROLLED
from pciops.accounts.verdict import as_dict, judge
from pciops.keystone import options
from tests.factories import NOW, make_account

LOADED = ("password", "token", "totp", "application_credential", "external")
POLICY = Policy(auth_methods=LOADED, keystone_release=30)
TWO = ["password", "totp"]
PROGRAMS = ["application_credential"]


def judged(rules: object, policy: Policy = POLICY, **facts: Any) -> tuple[str, str, bool]:
    """Return verdict and explanation, and whether the second factor blocks the sign-in."""
    facts.setdefault("totp_enrolled", True)
    mfa = {options.MFA_RULES: rules, **facts.pop("options", {})}
    account = make_account(options=mfa, **facts)
    result = second_factor(account, policy)
    blocked = SECOND_FACTOR_NOT_ENROLLED.holds(account, policy, NOW)
    return result.verdict.value, result.explanation, blocked


@pytest.mark.parametrize(
    ("rules", "verdict", "words"),
    [
        (None, "none", "it has no rule"),
        ([], "none", "it has no rule"),
        ("nonsense", "none", "it has no rule"),
        ([["password", 7]], "none", "it has no rule"),
        ([TWO], "effective", "password + totp"),
        (["password", TWO], "effective", "password + totp"),
        ([["totp", "password", "token"]], "effective", "totp + password"),
        ([["totp", "external"]], "effective", "totp + external"),
        ([["password"]], "weak", "one type"),
        ([["totp"]], "weak", "one type"),
        ([["totp", "totp"]], "weak", "one type"),
        ([TWO, ["password"]], "weak", "one type"),
        ([["password", "token"]], "weak", "one type"),
        ([["password", "application_credential"]], "weak", "one type"),
        ([["password", "external"]], "weak", "one type"),
        ([["external", "application_credential"]], "weak", "one type"),
        ([["password", "x509"]], "weak", "has not loaded the rest"),
        ([TWO, PROGRAMS], "effective", "password + totp"),
        ([PROGRAMS], "programs_only", "application_credential"),
        ([PROGRAMS, ["password"]], "weak", "password"),
        ([["smartcard", "pin"]], "none", "no method of any rule"),
        ([["smartcard", "pin"], TWO], "effective", "password + totp"),
    ],
)
def test_rules_of_people_are_judged_by_types_of_factors(
    rules: object, verdict: str, words: str
) -> None:
    found, explanation, blocked = judged(rules)

    assert found == verdict
    assert words in explanation
    assert not blocked


@pytest.mark.parametrize(
    ("rules", "verdict", "blocked"),
    [
        ([TWO], "not_enrolled", True),
        ([["totp"]], "not_enrolled", True),
        ([TWO, PROGRAMS], "not_enrolled", True),
        ([TWO, ["totp", "external"]], "not_enrolled", True),
        ([TWO, ["password"]], "weak", False),
        ([["password", "x509"]], "weak", False),
        ([PROGRAMS], "programs_only", False),
        ([["smartcard"]], "none", False),
        ([["smartcard"], TWO], "not_enrolled", True),
        ([], "none", False),
    ],
)
def test_totp_without_a_credential_blocks_unless_another_rule_admits(
    rules: object, verdict: str, blocked: bool
) -> None:
    found, _, is_blocked = judged(rules, totp_enrolled=False)

    assert (found, is_blocked) == (verdict, blocked)


@pytest.mark.parametrize(
    ("release", "enrolled", "verdict", "blocked"),
    [
        (27, True, "weak", False),
        (27, False, "weak", False),
        (28, True, "effective", False),
        (28, False, "not_enrolled", True),
        (None, True, "unknown", False),
        (None, False, "not_enrolled", True),
    ],
)
def test_a_rule_of_unloaded_methods_admits_everybody_before_release_28(
    release: int | None, enrolled: bool, verdict: str, blocked: bool
) -> None:
    policy = Policy(auth_methods=LOADED, keystone_release=release)
    found, explanation, is_blocked = judged([["smartcard"], TWO], policy, totp_enrolled=enrolled)

    assert (found, is_blocked) == (verdict, blocked)
    assert ("28" in explanation) is (release != 28 and enrolled or release == 27)


@pytest.mark.parametrize("off", [False, None, 0])
def test_rules_can_be_switched_off(off: object) -> None:
    found, explanation, blocked = judged(
        [TWO], totp_enrolled=False, options={options.MFA_ENABLED: off}
    )

    assert (found, explanation, blocked) == ("none", "its rules are turned off", False)


def test_without_keystone_conf_a_second_factor_is_not_claimed() -> None:
    assert judged([TWO], Policy(keystone_release=30))[0] == "unknown"
    assert judged([["password"]], Policy(keystone_release=30))[0] == "weak"


def test_the_type_of_a_foreign_method_is_not_known() -> None:
    policy = Policy(auth_methods=(*LOADED, "smartcard"), keystone_release=30)

    assert judged([["password", "smartcard"]], policy)[0] == "unknown"
    assert judged([["password", "smartcard"], ["password"]], policy)[0] == "weak"


def test_ldap_and_federated_users_have_it_elsewhere() -> None:
    assert judged([TWO], totp_enrolled=False, covered=False) == (
        "elsewhere",
        "it is set where the account is managed",
        False,
    )


def test_an_explanation_is_short_whatever_the_rules_are() -> None:
    assert len(judged([["password", "x" * 100_000]])[1]) <= 400


def test_the_verdict_says_what_a_sign_in_takes() -> None:
    def sentence(rules: object, *, enrolled: bool) -> str:
        account = make_account(options={options.MFA_RULES: rules}, totp_enrolled=enrolled)
        return judge(account, POLICY, NOW).sentence

    assert "password and a second factor" in sentence([TWO], enrolled=True)
    assert sentence([TWO], enrolled=False).startswith("Can't sign in: a TOTP code")
    assert sentence([PROGRAMS], enrolled=True).startswith("Can't sign in with a password")


def test_api_and_files_have_the_verdict() -> None:
    account = make_account(options={options.MFA_RULES: [TWO]}, totp_enrolled=True)
    fields = as_dict(judge(account, POLICY, NOW))

    assert fields["second_factor"] == "effective"
    assert fields["second_factor_explanation"] == "password + totp"


@pytest.mark.parametrize(
    ("text", "release", "methods"),
    [
        ("[auth]\nmethods = password, totp\n", None, ("password", "totp")),
        ("[DEFAULT]\n", 25, AUTH_METHODS),
        ("[DEFAULT]\n", 30, (*AUTH_METHODS, "ec2credential")),
    ],
)
def test_methods_come_from_keystone_conf(
    text: str, release: int | None, methods: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "keystone.conf").write_text(text)
    sourced = parse([str(tmp_path / "keystone.conf")], {}, keystone_release=release)

    assert sourced.policy.auth_methods == methods
    assert parse([], {}).policy.auth_methods is None
