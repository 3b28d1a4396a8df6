"""Files like keystone.conf for tests of the policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from pciops.accounts.policy.policy import Policy

UNSET = Policy()
HIDDEN = "Tr0ub4dor"  # a secret that must not appear anywhere


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A keystone.conf with every rule on."""
    path = tmp_path / "keystone.conf"
    path.write_text(
        "[DEFAULT]\nlog_dir = /var/log/keystone\n"
        "[security_compliance]\n"
        "lockout_failure_attempts = 6\n"
        "lockout_duration = 900\n"
        "disable_user_account_days_inactive = 90\n"
        "password_expires_days = 60\n"
        "unique_last_password_count = 5\n"
        "minimum_password_age = 1\n"
        "password_regex = ^(?=.*[a-z])(?=.*%.*$).{7,}$\n"
        "password_regex_description = Seven characters\n"
        "change_password_upon_first_use = true\n"
        "report_invalid_password_hash = event\n"
        f"invalid_password_hash_secret_key = {HIDDEN}\n"
        "invalid_password_hash_function = sha512\n"
        "invalid_password_hash_max_chars = 5\n"
        "allow_insecure_admin_trust_cross_project_credentials_access = true\n"
        "allow_insecure_application_credential_trust_escalation = true\n",
        encoding="utf-8",
    )
    return path


def write(path: Path, *lines: str) -> str:
    """Write a file with these lines in `[security_compliance]`; return its path."""
    path.write_text("\n".join(["[security_compliance]", *lines, ""]), encoding="utf-8")
    return str(path)
