"""Tests of the policy: `[security_compliance]` by oslo.config's rules, then overrides."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.accounts.apps import policy_is_configured
from pciops.accounts.policy import policy
from pciops.accounts.policy.policy import AUTH_METHODS, Policy
from pciops.lib.env import SettingError
from tests.accounts.conf import UNSET, write
from tests.accounts.conf import conf as conf


def test_every_option_is_read_from_the_file(conf: Path) -> None:
    assert policy.parse([str(conf)], {}).policy == Policy(
        lockout_failure_attempts=6,
        lockout_duration=900,
        disable_user_account_days_inactive=90,
        password_expires_days=60,
        unique_last_password_count=5,
        minimum_password_age=1,
        password_regex="^(?=.*[a-z])(?=.*%.*$).{7,}$",
        password_regex_description="Seven characters",
        change_password_upon_first_use=True,
        report_invalid_password_hash=("event",),
        invalid_password_hash_secret_key_set=True,
        invalid_password_hash_function="sha512",
        invalid_password_hash_max_chars=5,
        allow_insecure_admin_trust_cross_project_credentials_access=True,
        allow_insecure_application_credential_trust_escalation=True,
        auth_methods=(*AUTH_METHODS, "ec2credential"),
    )


def test_every_rule_is_off_without_a_source() -> None:
    assert policy.parse([], {}).policy == UNSET
    assert UNSET.lockout_duration == 1800


def test_last_file_and_last_line_win(conf: Path, tmp_path: Path) -> None:
    later = write(
        tmp_path / "later.conf", "lockout_failure_attempts = 5", "lockout_failure_attempts = 4"
    )
    result = policy.parse([str(conf), later], {}).policy

    assert (result.lockout_failure_attempts, result.lockout_duration) == (4, 900)


def test_reference_to_another_option_is_followed(tmp_path: Path) -> None:
    path = write(
        tmp_path / "k.conf",
        "password_expires_days = 30",
        "disable_user_account_days_inactive = $password_expires_days",
    )

    assert policy.parse([path], {}).policy.disable_user_account_days_inactive == 30


def test_override_beats_the_files_and_every_value_has_a_source(conf: Path) -> None:
    sourced = policy.parse([str(conf)], {"lockout_duration": "60"})

    assert sourced.policy.lockout_failure_attempts == 6
    assert sourced.policy.lockout_duration == 60
    assert sourced.sources["lockout_failure_attempts"] == str(conf)
    assert sourced.sources["lockout_duration"] == "PCIOPS_POLICY_LOCKOUT_DURATION"
    assert policy.parse([], {}).sources["lockout_duration"] == "default"


@pytest.mark.parametrize("off", ["off", "OFF"])
def test_off_switches_a_rule_off(conf: Path, off: str) -> None:
    overrides = {"lockout_failure_attempts": off, "lockout_duration": off}
    result = policy.parse([str(conf)], overrides).policy

    assert (result.lockout_failure_attempts, result.lockout) == (None, None)


def test_variables_of_oslo_config_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_SECURITY_COMPLIANCE__LOCKOUT_FAILURE_ATTEMPTS", "5")

    assert policy.parse([], {}).policy == UNSET


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("lockout_failure_attempts = six", "lockout_failure_attempts"),
        ("lockout_failure_attempts = 0", "lockout_failure_attempts"),
        ("lockout_duration = -1", "lockout_duration"),
        ("lockout_duration = 1.5", "lockout_duration"),
        ("lockout_duration = 99999999999", "lockout_duration"),
        ("disable_user_account_days_inactive = 0", "disable_user_account_days_inactive"),
        ("disable_user_account_days_inactive = 36501", "disable_user_account_days_inactive"),
        ("password_expires_days = $nonsense", "password_expires_days"),
        ("unique_last_password_count = -1", "unique_last_password_count"),
        ("change_password_upon_first_use = maybe", "change_password_upon_first_use"),
        ("report_invalid_password_hash = event,log", "report_invalid_password_hash"),
        ("invalid_password_hash_max_chars = 0", "invalid_password_hash_max_chars"),
    ],
)
def test_invalid_value_is_an_error_with_file_and_option(
    tmp_path: Path, line: str, option: str
) -> None:
    path = write(tmp_path / "k.conf", line)
    with pytest.raises(SettingError, match="^PCIOPS_KEYSTONE_CONF ") as raised:
        policy.parse([path], {})

    assert path in str(raised.value)
    assert f"{path}, line 2, where {option} is wrong" in str(raised.value)


@pytest.mark.parametrize(
    ("content", "location"),
    [
        (b"[security_compliance\n", ", line 1: Invalid section"),
        (b"s3cret\n", ", line 1: No ':' or '=' found"),
        (b"s3cret = 1\n", ", line 1: no section has begun yet"),
        (b"\xff\xfe", ": not text in UTF-8"),
        (b"[security_compliance]\n\ns3cret\n", ", line 3: No ':' or '=' found"),
        (b"[a]\n= s3cret\n", ", line 2: Key cannot be empty"),
    ],
    ids=["section", "no section", "no section with value", "no text", "no value", "no key"],
)
def test_invalid_file_is_an_error_with_the_line_number_only(
    tmp_path: Path, content: bytes, location: str
) -> None:
    path = tmp_path / "k.conf"
    path.write_bytes(content)

    with pytest.raises(
        SettingError, match="^PCIOPS_KEYSTONE_CONF names a file that cannot be read"
    ) as raised:
        policy.parse([str(path)], {})

    assert f"{path}{location}" in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_error_has_the_line_of_the_last_assignment(tmp_path: Path) -> None:
    path = tmp_path / "k.conf"
    path.write_text(
        "# lockout_duration = x\n[other]\nlockout_duration = y\n"
        "[security_compliance]\nlockout_duration = 60\n\nlockout_duration =\n  z\n"
        "password_expires_days = 60\n[last]\nlockout_duration = y\n",
        encoding="utf-8",
    )

    with pytest.raises(SettingError, match="line 7, where lockout_duration is wrong"):
        policy.parse([str(path)], {})


def test_error_has_the_file_that_wins(conf: Path, tmp_path: Path) -> None:
    later = write(tmp_path / "later.conf", "lockout_duration = long")

    with pytest.raises(SettingError, match=f"names {later}, line 2, where lockout_duration"):
        policy.parse([str(conf), later], {})


@pytest.mark.parametrize("name", ["none.conf", ""], ids=["missing", "folder"])
def test_missing_file_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match=f"names .*{name}, which does not exist"):
        policy.parse([str(tmp_path / name)], {})


def test_file_deleted_while_it_is_read_is_an_error(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def going(path: Path) -> bool:
        path.unlink()
        return True

    monkeypatch.setattr(Path, "is_file", going)
    with pytest.raises(SettingError, match="^PCIOPS_KEYSTONE_CONF "):
        policy.parse([str(conf)], {})


def test_file_deleted_after_the_start_is_an_error(conf: Path, settings: Settings) -> None:
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [str(conf)], {}
    policy.current()
    conf.unlink()

    with pytest.raises(SettingError, match="which does not exist"):
        policy.current()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lockout_failure_attempts", "six"),
        ("lockout_failure_attempts", "0"),
        ("lockout_duration", "-1"),
        ("password_expires_days", "1.5"),
        ("change_password_upon_first_use", "maybe"),
        ("report_invalid_password_hash", "log"),
    ],
)
def test_invalid_override_is_an_error_with_a_valid_example(name: str, value: str) -> None:
    variable = f"PCIOPS_POLICY_{name.upper()}"
    with pytest.raises(SettingError, match=f"^{variable} is '{value}'") as raised:
        policy.parse([], {name: value})
    _, _, example = str(raised.value).rpartition(f"{variable}=")

    assert policy.parse([], {name: example}).sources[name] == variable


def test_unknown_override_is_an_error_with_the_valid_ones() -> None:
    with pytest.raises(SettingError, match="^PCIOPS_POLICY_LOCKOUT_ATTEMPTS ") as raised:
        policy.parse([], {"lockout_attempts": "6"})

    assert "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS" in str(raised.value)


def test_current_policy_comes_from_the_settings(conf: Path, settings: Settings) -> None:
    settings.KEYSTONE_CONF = [str(conf)]
    settings.POLICY_OVERRIDES = {"lockout_duration": "60"}

    assert (policy.current().lockout_failure_attempts, policy.current().lockout_duration) == (6, 60)


def test_changed_file_is_read_again(conf: Path, settings: Settings) -> None:
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [str(conf)], {}
    before = policy.current().lockout_failure_attempts
    write(conf, "lockout_failure_attempts = 10")

    assert (before, policy.current().lockout_failure_attempts) == (6, 10)


def test_replaced_file_of_the_same_size_and_time_is_read_again(
    conf: Path, tmp_path: Path, settings: Settings
) -> None:
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [str(conf)], {}
    policy.current()
    before = conf.stat()
    new = tmp_path / "new.conf"
    new.write_text(conf.read_text(encoding="utf-8").replace("= 6\n", "= 7\n"), encoding="utf-8")
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(conf)

    assert policy.current().lockout_failure_attempts == 7


def test_unchanged_file_is_read_once(
    conf: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [str(conf)], {}
    first = policy.current()
    monkeypatch.setattr(policy, "parse", lambda *args: pytest.fail("read again"))

    assert policy.current() is first


@pytest.mark.parametrize(
    ("files", "overrides", "expected"),
    [
        ([], {}, ["pciops.E003"]),
        (["/etc/keystone/keystone.conf"], {}, []),
        ([], {"lockout_failure_attempts": "6"}, []),
    ],
    ids=["neither", "file", "override"],
)
def test_policy_requires_a_source(
    settings: Settings, files: list[str], overrides: dict[str, str], expected: list[str]
) -> None:
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = files, overrides

    assert [error.id for error in policy_is_configured()] == expected
