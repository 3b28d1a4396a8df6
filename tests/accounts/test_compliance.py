"""Tests of the policy compared with PCI DSS, and of the probes of password_regex."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pciops.accounts.policy.compliance import (
    EXAMPLES,
    SUGGESTED_REGEX,
    PolicyFinding,
    findings,
    probe,
)
from pciops.accounts.policy.policy import NAMES, Policy

GOOD = Policy(
    lockout_failure_attempts=10,
    lockout_duration=1800,
    disable_user_account_days_inactive=90,
    password_expires_days=90,
    unique_last_password_count=4,
    password_regex=SUGGESTED_REGEX,
    change_password_upon_first_use=True,
)
OFF = Policy()


def finding(requirement: str, **facts: Any) -> PolicyFinding:
    """Return the finding about a requirement in the good policy with these changes."""
    every = findings(replace(GOOD, **facts))
    return next(finding for finding in every if finding.requirement == requirement)


def test_good_policy_passes_every_requirement() -> None:
    every = findings(GOOD)

    assert [finding.requirement for finding in every] == [
        "8.2.6",
        "8.3.4",
        "8.3.5",
        "8.3.6",
        "8.3.7",
        "8.3.9",
    ]
    assert all(finding.passed and not finding.remedy for finding in every)


def test_policy_that_is_off_passes_no_requirement() -> None:
    every = findings(OFF)

    assert not any(finding.passed for finding in every)
    assert {finding.value for finding in every} == {"off"}


def test_remedies_pass_every_requirement() -> None:
    lines = [line.split(" = ", 1) for finding in findings(OFF) for line in finding.remedy]
    values: dict[str, Any] = {name: int(v) if v.isdigit() else v for name, v in lines}
    values["change_password_upon_first_use"] = True

    assert all(finding.passed for finding in findings(Policy(**values)))


def test_findings_name_existing_options() -> None:
    assert {option for finding in findings(OFF) for option in finding.options} <= set(NAMES)


@pytest.mark.parametrize(
    ("requirement", "facts", "passed", "value"),
    [
        ("8.3.4", {"lockout_failure_attempts": 1}, True, "1 attempt, then locked for 30 min"),
        ("8.3.4", {"lockout_failure_attempts": 10}, True, "10 attempts, then locked for 30 min"),
        ("8.3.4", {"lockout_failure_attempts": 11}, False, "11 attempts, then locked for 30 min"),
        ("8.3.4", {"lockout_failure_attempts": None}, False, "off"),
        ("8.3.4", {"lockout_duration": 1799}, False, "10 attempts, then locked for 29 min"),
        (
            "8.3.4",
            {"lockout_duration": None},
            True,
            "10 attempts, then locked until an operator unlocks the account",
        ),
        ("8.2.6", {"disable_user_account_days_inactive": 1}, True, "1 day"),
        ("8.2.6", {"disable_user_account_days_inactive": 90}, True, "90 days"),
        ("8.2.6", {"disable_user_account_days_inactive": 91}, False, "91 days"),
        ("8.2.6", {"disable_user_account_days_inactive": None}, False, "off"),
        ("8.3.9", {"password_expires_days": 1}, True, "1 day"),
        ("8.3.9", {"password_expires_days": 90}, True, "90 days"),
        ("8.3.9", {"password_expires_days": 91}, False, "91 days"),
        ("8.3.9", {"password_expires_days": None}, False, "off"),
        ("8.3.7", {"unique_last_password_count": 4}, True, "the last 4 are refused"),
        ("8.3.7", {"unique_last_password_count": 3}, False, "the last 3 are refused"),
        ("8.3.7", {"unique_last_password_count": 0}, False, "off"),
        ("8.3.5", {"change_password_upon_first_use": True}, True, "on"),
        ("8.3.5", {"change_password_upon_first_use": False}, False, "off"),
        ("8.3.6", {"password_regex": None}, False, "off"),
    ],
)
def test_requirements_at_their_bounds(
    requirement: str, facts: dict[str, Any], passed: bool, value: str
) -> None:
    result = finding(requirement, **facts)

    assert (result.passed, result.value) == (passed, value)
    assert bool(result.remedy) is not passed
    assert passed or any(option in result.reason for option in result.options)


@pytest.mark.parametrize("days", [None, 365])
def test_a_second_factor_for_all_access_passes_without_expiry(days: int | None) -> None:
    result = finding("8.3.9", password_expires_days=days, mfa_for_all_access=True)

    assert result.passed
    assert "PCIOPS_MFA_FOR_ALL_ACCESS" in result.reason


def test_password_age_names_the_faq_and_nist() -> None:
    note = finding("8.3.9").note

    assert all(term in note for term in ("FAQ 1590", "800-63B-4"))


def test_lockout_with_two_problems_names_both() -> None:
    result = finding("8.3.4", lockout_failure_attempts=20, lockout_duration=60)

    assert "lockout_failure_attempts to 1 to 10" in result.reason
    assert "lockout_duration to at least 1800" in result.reason
    assert len(result.remedy) == 2


# --- The probes ---------------------------------------------------------------------------------
@pytest.mark.parametrize(("kind", "wanted", "examples"), EXAMPLES)
def test_examples_match_their_kind(kind: str, wanted: bool, examples: tuple[str, ...]) -> None:
    number = int(kind.split(maxsplit=1)[0])

    for example in examples:
        assert len(example) >= number if wanted else len(example) == number
        assert any(sign.isalpha() for sign in example) is ("without a letter" not in kind)
        assert any(sign.isdigit() for sign in example) is ("without a digit" not in kind)


@pytest.mark.parametrize(
    ("regex", "wrong"),
    [
        (SUGGESTED_REGEX, []),
        (r"^(?=.*\d)(?=.*[a-zA-Z]).{7,}$", ["7", "11"]),  # Keystone's own sample
        (r"^(?=.*\d)(?=.*[a-zA-Z])(?=.*\W).{8,}$", ["11"]),
        (r"^(?=.*\d)(?=.*[a-zA-Z])[a-zA-Z0-9]{8,}$", ["11"]),
        (r"^(?=.*\d)(?=.*[a-zA-Z])(?=.*\W).{16,}$", []),
        (r"^(?=.*\d).{12,}$", ["14 digits"]),
        (r"^.{7}$", ["7", "12 or more"]),
        (r"^(?=.*[a-zA-Z]).{12,}$", ["14 letters"]),
        (r"^.{12,}$", ["14 letters", "14 digits"]),
        (r".{12}|", ["7", "11", "14 letters", "14 digits"]),
        (r"^nothing$", ["12 or more"]),
        (r"(?=.*\d)(?=.*[a-zA-Z]).{12}", []),  # re.match needs only the start
        (r"\d(?=.*[a-zA-Z]).{11}", ["12 or more"]),  # … which it needs
    ],
)
def test_regex_is_probed_with_examples(regex: str, wrong: list[str]) -> None:
    failed = [probe.kind for probe in probe(regex) if not probe.passed]
    result = finding("8.3.6", password_regex=regex)

    assert len(failed) == len(wrong)
    assert all(kind.startswith(start) for kind, start in zip(failed, wrong, strict=True))
    assert result.passed is not bool(wrong)
    assert all(kind in result.reason for kind in failed)


def test_probe_has_the_accepted_example() -> None:
    first = probe(r"^(?=.*\W).{7,}$")[0]

    assert (first.accepted, first.passed) == ("Abc-123", False)


@pytest.mark.parametrize("regex", ["(", "[", "x{99999999999999999999}", "(" * 5000])
def test_invalid_regex_fails_with_the_reason(regex: str) -> None:
    result = finding("8.3.6", password_regex=regex)

    assert not result.passed
    assert "password_regex is not a regular expression (" in result.reason
    assert result.probes == ()


def test_backtracking_regex_is_fast() -> None:
    assert probe(r"^(([a-zA-Z0-9])+)+!$")[0].passed
