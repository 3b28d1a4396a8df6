"""Tests of the policy's options: types, sources, the secret, and files that disagree."""

from __future__ import annotations

from pathlib import Path

import pytest

from pciops.accounts.policy import policy
from pciops.lib.env import SettingError
from tests.accounts.conf import HIDDEN, UNSET, write
from tests.accounts.conf import conf as conf


# --- Every option -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("unique_last_password_count", "4", 4),
        ("unique_last_password_count", "off", 0),
        ("minimum_password_age", "off", 0),
        ("password_regex", "^.{12,}$", "^.{12,}$"),
        ("password_regex", "off", None),
        ("change_password_upon_first_use", "yes", True),
        ("change_password_upon_first_use", "off", False),
        ("report_invalid_password_hash", "event", ("event",)),
        ("report_invalid_password_hash", "off", ()),
        ("invalid_password_hash_secret_key_set", "yes", True),
        ("invalid_password_hash_function", "off", "sha256"),
        ("invalid_password_hash_max_chars", "5", 5),
    ],
)
def test_override_has_the_type_of_its_option(name: str, text: str, expected: object) -> None:
    result = policy.parse([], {name: text})

    assert result.values[name] == expected
    assert result.sources[name] == f"PCIOPS_POLICY_{name.upper()}"


@pytest.mark.parametrize(
    "name", ["password_regex", "unique_last_password_count", "minimum_password_age"]
)
def test_empty_value_switches_a_rule_off(tmp_path: Path, name: str) -> None:
    result = policy.parse([write(tmp_path / "k.conf", f"{name} =")], {})

    assert result.values[name] == getattr(UNSET, name)


def test_source_of_a_value_is_its_file(conf: Path, tmp_path: Path) -> None:
    later = write(tmp_path / "later.conf", "lockout_duration = 60")
    alone, both = policy.parse([str(conf)], {}), policy.parse([str(conf), later], {})

    assert set(alone.sources) == set(alone.values)
    assert set(alone.sources.values()) == {str(conf)}
    assert both.sources["lockout_duration"] == later
    assert both.sources["password_expires_days"] == str(conf)


def test_override_replaces_an_invalid_value(tmp_path: Path) -> None:
    path = write(tmp_path / "k.conf", "password_regex = ^[$_!]", "lockout_duration = long")
    overrides = {"password_regex": "^[$_!]", "lockout_duration": "60"}
    result = policy.parse([path], overrides).policy

    assert (result.password_regex, result.lockout_duration) == ("^[$_!]", 60)


def test_error_explains_a_dollar_sign(tmp_path: Path) -> None:
    path = write(tmp_path / "k.conf", "password_regex = ^[$_!]")

    with pytest.raises(SettingError, match=r"line 2, where password_regex is wrong: .* as \$\$"):
        policy.parse([path], {})


@pytest.mark.parametrize("text", ["one\x0ctwo", "one\x85two", "one\u2028two", "one\x0btwo"])
def test_lines_end_as_in_oslo_config(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "k.conf", f"password_regex_description = {text}")

    assert policy.parse([path], {}).policy.password_regex_description == text


def test_section_name_is_not_case_sensitive(tmp_path: Path) -> None:
    path = tmp_path / "k.conf"
    path.write_text("[SECURITY_COMPLIANCE]\nlockout_duration = 60\n", encoding="utf-8")
    result = policy.parse([str(path)], {})

    assert (result.policy.lockout_duration, result.sources["lockout_duration"]) == (60, str(path))


# --- The secret ---------------------------------------------------------------------------------
def test_secret_is_not_kept(conf: Path) -> None:
    assert HIDDEN not in repr(policy.parse([str(conf)], {}))


def test_invalid_secret_is_not_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "k.conf", "invalid_password_hash_secret_key = $s3cret")

    assert policy.parse([path], {}).policy.invalid_password_hash_secret_key_set


def test_empty_secret_is_not_set(conf: Path, tmp_path: Path) -> None:
    later = write(tmp_path / "later.conf", "invalid_password_hash_secret_key =")

    assert not policy.parse([str(conf), later], {}).policy.invalid_password_hash_secret_key_set


def test_secret_is_not_a_valid_override() -> None:
    with pytest.raises(SettingError, match="SECRET_KEY_SET replaces") as raised:
        policy.parse([], {"invalid_password_hash_secret_key": HIDDEN})

    assert HIDDEN not in str(raised.value)


# --- Files that disagree ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (
            "lockout_failure_attempts = 6",
            "lockout_failure_attempts = 4",
            {"lockout_failure_attempts": (6, 4)},
        ),
        ("change_password_upon_first_use = true", "change_password_upon_first_use = yes", {}),
        ("password_expires_days = 90", "", {}),
        ("password_regex =", "password_regex = x", {"password_regex": (None, "x")}),
        (
            "password_expires_days = $lockout_duration",
            "password_expires_days = 5",
            {"password_expires_days": ("$lockout_duration", 5)},
        ),
        (
            "password_expires_days = soon",
            "password_expires_days = 5",
            {"password_expires_days": ("soon", 5)},
        ),
        ("password_regex = .$$", "password_regex = .$", {}),
        ("password_regex = a$$", "password_regex = b$", {"password_regex": ("a$", "b$")}),
        (
            "invalid_password_hash_secret_key = a",
            "invalid_password_hash_secret_key = b",
            {"invalid_password_hash_secret_key_set": (True, True)},
        ),
    ],
    ids=["differ", "equal", "one", "off", "reference", "nonsense", "dollar", "dollars", "secret"],
)
def test_files_disagree_if_both_set_a_value(
    tmp_path: Path, one: str, other: str, expected: dict[str, tuple[object, ...]]
) -> None:
    paths = [write(tmp_path / "a.conf", one), write(tmp_path / "b.conf", other)]
    result = policy.parse(paths, {}).disagreements

    assert result == {
        name: tuple(zip(paths, values, strict=True)) for name, values in expected.items()
    }


def test_operators_of_a_domain_do_not_see_paths() -> None:
    sourced = policy.SourcedPolicy(
        policy=policy.current(),
        sources={"lockout_duration": "/etc/keystone/a.conf", "password_regex": "default"},
        disagreements={"lockout_duration": [("/etc/keystone/a.conf", 1), ("/srv/b.conf", 2)]},
    ).without_paths()

    assert "/" not in str(sourced.sources) + str(sourced.disagreements)
    assert sourced.sources["password_regex"] == "default"
