"""The policy: `[security_compliance]` by oslo.config's rules, then our overrides."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_django import Settings

from pciops.accounts.apps import policy_is_configured
from pciops.accounts.policy import policy
from pciops.accounts.policy.policy import Policy
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
    )


def test_without_a_source_every_rule_is_off_as_in_keystone() -> None:
    assert policy.parse([], {}).policy == UNSET
    assert UNSET.lockout_duration == 1800


def test_of_several_files_the_later_one_wins(conf: Path, tmp_path: Path) -> None:
    later = write(tmp_path / "later.conf", "lockout_failure_attempts = 4")
    found = policy.parse([str(conf), later], {}).policy

    assert (found.lockout_failure_attempts, found.lockout_duration) == (4, 900)


def test_the_last_of_two_lines_wins(tmp_path: Path) -> None:
    path = write(tmp_path / "k.conf", "lockout_duration = 1", "lockout_duration = 2")

    assert policy.parse([path], {}).policy.lockout_duration == 2


def test_a_reference_to_another_option_is_followed(tmp_path: Path) -> None:
    path = write(
        tmp_path / "k.conf",
        "password_expires_days = 30",
        "disable_user_account_days_inactive = $password_expires_days",
    )

    assert policy.parse([path], {}).policy.disable_user_account_days_inactive == 30


def test_an_override_stands_above_the_files(conf: Path) -> None:
    found = policy.parse([str(conf)], {"lockout_duration": "60"}).policy

    assert (found.lockout_failure_attempts, found.lockout_duration) == (6, 60)


@pytest.mark.parametrize("off", ["off", "OFF"])
def test_off_switches_a_rule_off(conf: Path, off: str) -> None:
    found = policy.parse([str(conf)], {"lockout_failure_attempts": off}).policy

    assert found.lockout_failure_attempts is None


def test_a_lock_without_a_duration_has_no_end() -> None:
    assert policy.parse([], {"lockout_duration": "off"}).policy.lockout is None


def test_every_value_says_where_it_came_from(conf: Path) -> None:
    found = policy.parse([str(conf)], {"lockout_duration": "60"}).sources

    assert found["lockout_failure_attempts"] == str(conf)
    assert found["lockout_duration"] == "PCIOPS_POLICY_LOCKOUT_DURATION"


def test_a_value_of_nobodys_is_the_default() -> None:
    assert policy.parse([], {}).sources["lockout_duration"] == "default"


def test_variables_of_oslo_config_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_bad_value_names_its_file_and_option(tmp_path: Path, line: str, option: str) -> None:
    path = write(tmp_path / "k.conf", line)
    with pytest.raises(SettingError, match="^PCIOPS_KEYSTONE_CONF ") as raised:
        policy.parse([path], {})

    assert path in str(raised.value)
    assert f"{path}, line 2: {option} is wrong" in str(raised.value)


@pytest.mark.parametrize(
    ("content", "where"),
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
def test_a_file_that_is_no_conf_is_named_with_the_line_but_not_its_text(
    tmp_path: Path, content: bytes, where: str
) -> None:
    path = tmp_path / "k.conf"
    path.write_bytes(content)

    with pytest.raises(
        SettingError, match="^PCIOPS_KEYSTONE_CONF names a file that cannot be read"
    ) as raised:
        policy.parse([str(path)], {})

    assert f"{path}{where}" in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_the_line_of_a_bad_value_is_that_of_its_last_assignment(tmp_path: Path) -> None:
    path = tmp_path / "k.conf"
    path.write_text(
        "# lockout_duration = x\n[other]\nlockout_duration = y\n"
        "[security_compliance]\nlockout_duration = 60\n\nlockout_duration =\n  z\n"
        "password_expires_days = 60\n[last]\nlockout_duration = y\n",
        encoding="utf-8",
    )

    with pytest.raises(SettingError, match="line 7: lockout_duration is wrong"):
        policy.parse([str(path)], {})


def test_a_bad_value_is_looked_for_in_the_file_that_wins(conf: Path, tmp_path: Path) -> None:
    later = write(tmp_path / "later.conf", "lockout_duration = long")

    with pytest.raises(SettingError, match=f"names {later}, line 2: lockout_duration"):
        policy.parse([str(conf), later], {})


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="names .*/none.conf, which is no file"):
        policy.parse([str(tmp_path / "none.conf")], {})


def test_a_file_that_goes_while_it_is_read_does_not_switch_the_rules_off(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def going(path: Path) -> bool:
        path.unlink()
        return True

    monkeypatch.setattr(Path, "is_file", going)
    with pytest.raises(SettingError, match="^PCIOPS_KEYSTONE_CONF "):
        policy.parse([str(conf)], {})


def test_a_file_that_is_gone_since_the_start_is_named(conf: Path, settings: Settings) -> None:
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [str(conf)], {}
    policy.current()
    conf.unlink()

    with pytest.raises(SettingError, match="which is no file"):
        policy.current()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="which is no file"):
        policy.parse([str(tmp_path)], {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lockout_failure_attempts", "six"),
        ("lockout_failure_attempts", "0"),
        ("lockout_duration", "-1"),
        ("password_expires_days", "1.5"),
    ],
)
def test_a_bad_override_names_its_variable_and_gives_an_example(name: str, value: str) -> None:
    variable = f"PCIOPS_POLICY_{name.upper()}"
    with pytest.raises(SettingError, match=f"^{variable} is '{value}'") as raised:
        policy.parse([], {name: value})
    _, _, example = str(raised.value).rpartition(f"{variable}=")

    assert policy.parse([], {name: example}).sources[name] == variable


def test_an_unknown_override_names_those_that_there_are() -> None:
    with pytest.raises(SettingError, match="^PCIOPS_POLICY_LOCKOUT_ATTEMPTS ") as raised:
        policy.parse([], {"lockout_attempts": "6"})

    assert "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS" in str(raised.value)


def test_the_current_policy_is_that_of_the_settings(conf: Path, settings: Settings) -> None:
    settings.KEYSTONE_CONF = [str(conf)]
    settings.POLICY_OVERRIDES = {"lockout_duration": "60"}

    assert (policy.current().lockout_failure_attempts, policy.current().lockout_duration) == (6, 60)


def test_a_file_that_changed_is_read_again(conf: Path, settings: Settings) -> None:
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [str(conf)], {}
    before = policy.current().lockout_failure_attempts
    write(conf, "lockout_failure_attempts = 10")

    assert (before, policy.current().lockout_failure_attempts) == (6, 10)


def test_a_file_of_the_same_size_and_time_that_took_its_place_is_read(
    conf: Path, tmp_path: Path, settings: Settings
) -> None:
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [str(conf)], {}
    policy.current()
    was = conf.stat()
    new = tmp_path / "new.conf"
    new.write_text(conf.read_text(encoding="utf-8").replace("= 6\n", "= 7\n"), encoding="utf-8")
    os.utime(new, ns=(was.st_atime_ns, was.st_mtime_ns))
    new.replace(conf)

    assert policy.current().lockout_failure_attempts == 7


def test_a_file_that_did_not_change_is_read_once(
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
def test_the_policy_has_to_have_a_source(
    settings: Settings, files: list[str], overrides: dict[str, str], expected: list[str]
) -> None:
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = files, overrides

    assert [error.id for error in policy_is_configured()] == expected
