"""Tests of the doctor's checks of Keystone's options by release."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.accounts import doctor
from pciops.lib.doctor import CheckResult

EVENT = "report_invalid_password_hash = event"
KEY = "invalid_password_hash_secret_key = s3cret"


def results(
    check: str, settings: Settings, folder: Path, *lines: str, release: int | None = None
) -> list[CheckResult]:
    """Return the results of a check with these lines in keystone.conf."""
    path = folder / "keystone.conf"
    path.write_text("\n".join(lines))
    settings.KEYSTONE_CONF = [str(path)]
    settings.KEYSTONE_RELEASE = release
    return list(getattr(doctor, check)())


@pytest.mark.parametrize(
    ("lines", "release", "level"),
    [
        ((EVENT,), 30, "problem"),
        ((EVENT,), 28, "problem"),
        ((EVENT,), None, "problem"),
        ((EVENT, "invalid_password_hash_secret_key ="), 30, "problem"),
        ((EVENT, KEY), 30, "ok"),
        ((EVENT, KEY), None, "ok"),
        ((KEY,), 30, "ok"),
        ((), None, "ok"),
        ((EVENT,), 27, "warning"),
        ((EVENT, KEY), 25, "warning"),
        ((), 25, "ok"),
    ],
)
def test_hashes_without_a_key_are_a_problem_since_release_28(
    settings: Settings, tmp_path: Path, lines: tuple[str, ...], release: int | None, level: str
) -> None:
    section = "[security_compliance]"
    [result] = results("wrong_passwords", settings, tmp_path, section, *lines, release=release)

    assert result.level == level
    assert "s3cret" not in result.sentence + result.remedy
    if level == "problem":
        assert "HTTP 500" in result.sentence
        assert "invalid_password_hash_secret_key = " in result.remedy


@pytest.mark.parametrize(
    ("lines", "release", "word"),
    [
        (("[auth]", "methods = password,totp"), 30, "ec2credential"),
        (
            (
                "[security_compliance]",
                "allow_insecure_application_credential_trust_escalation = true",
            ),
            30,
            "allow_insecure_application_credential_trust_escalation",
        ),
        (
            (
                "[security_compliance]",
                "allow_insecure_admin_trust_cross_project_credentials_access = true",
            ),
            28,
            "allow_insecure_admin_trust_cross_project_credentials_access",
        ),
    ],
)
def test_options_of_delegation_are_warnings(
    settings: Settings, tmp_path: Path, lines: tuple[str, ...], release: int, word: str
) -> None:
    [result] = results("delegation", settings, tmp_path, *lines, release=release)

    assert result.level == "warning"
    assert word in result.sentence
    assert word in result.remedy


@pytest.mark.parametrize("release", [None, 25, 29])
def test_the_ec2_method_is_not_missing_before_release_30(
    settings: Settings, tmp_path: Path, release: int | None
) -> None:
    lines = ("[auth]", "methods = password,totp")
    [result] = results("delegation", settings, tmp_path, *lines, release=release)

    assert result.level == "ok"
