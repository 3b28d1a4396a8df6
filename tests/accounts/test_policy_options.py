"""Every option of the policy: types, sources, the secret, and files that disagree."""

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
def test_an_override_has_the_type_of_its_option(name: str, text: str, expected: object) -> None:
    found = policy.parse([], {name: text})

    assert found.values[name] == expected
    assert found.sources[name] == f"PCIOPS_POLICY_{name.upper()}"


@pytest.mark.parametrize(
    ("name", "value"),
    [("change_password_upon_first_use", "maybe"), ("report_invalid_password_hash", "log")],
)
def test_the_example_for_a_bad_override_works(name: str, value: str) -> None:
    with pytest.raises(SettingError) as raised:
        policy.parse([], {name: value})
    example = str(raised.value).rpartition("=")[2]

    assert policy.parse([], {name: example}).values[name]


@pytest.mark.parametrize(
    "name", ["password_regex", "unique_last_password_count", "minimum_password_age"]
)
def test_an_empty_line_is_a_rule_that_is_off(tmp_path: Path, name: str) -> None:
    found = policy.parse([write(tmp_path / "k.conf", f"{name} =")], {})

    assert found.values[name] == getattr(UNSET, name)


def test_every_option_has_a_source_and_a_value(conf: Path) -> None:
    found = policy.parse([str(conf)], {})

    assert set(found.sources) == set(found.values)
    assert set(found.sources.values()) == {str(conf)}


def test_of_several_files_each_value_names_its_own(conf: Path, tmp_path: Path) -> None:
    later = write(tmp_path / "later.conf", "lockout_duration = 60")
    sources = policy.parse([str(conf), later], {}).sources

    assert sources["lockout_duration"] == later
    assert sources["password_expires_days"] == str(conf)


def test_an_override_helps_where_the_file_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path / "k.conf", "password_regex = ^[$_!]", "lockout_duration = long")
    overrides = {"password_regex": "^[$_!]", "lockout_duration": "60"}
    found = policy.parse([path], overrides).policy

    assert (found.password_regex, found.lockout_duration) == ("^[$_!]", 60)


def test_a_dollar_sign_that_is_taken_for_a_reference_is_explained(tmp_path: Path) -> None:
    path = write(tmp_path / "k.conf", "password_regex = ^[$_!]")

    with pytest.raises(SettingError, match=r"line 2: password_regex is wrong: .* written \$\$"):
        policy.parse([path], {})


@pytest.mark.parametrize("text", ["one\x0ctwo", "one\x85two", "one\u2028two", "one\x0btwo"])
def test_a_line_ends_where_oslo_config_ends_it(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "k.conf", f"password_regex_description = {text}")

    assert policy.parse([path], {}).policy.password_regex_description == text


def test_a_section_in_capitals_counts(tmp_path: Path) -> None:
    path = tmp_path / "k.conf"
    path.write_text("[SECURITY_COMPLIANCE]\nlockout_duration = 60\n", encoding="utf-8")
    found = policy.parse([str(path)], {})

    assert (found.policy.lockout_duration, found.sources["lockout_duration"]) == (60, str(path))


# --- The secret ---------------------------------------------------------------------------------
def test_of_the_secret_nothing_is_kept(conf: Path) -> None:
    assert HIDDEN not in repr(policy.parse([str(conf)], {}))


def test_a_secret_that_makes_no_sense_is_not_repeated(tmp_path: Path) -> None:
    path = write(tmp_path / "k.conf", "invalid_password_hash_secret_key = $s3cret")

    assert policy.parse([path], {}).policy.invalid_password_hash_secret_key_set


def test_an_empty_secret_is_none(conf: Path, tmp_path: Path) -> None:
    later = write(tmp_path / "later.conf", "invalid_password_hash_secret_key =")

    assert not policy.parse([str(conf), later], {}).policy.invalid_password_hash_secret_key_set


def test_the_secret_itself_is_refused_as_an_override() -> None:
    with pytest.raises(SettingError, match="SECRET_KEY_SET is what pciops reads") as raised:
        policy.parse([], {"invalid_password_hash_secret_key": HIDDEN})

    assert HIDDEN not in str(raised.value)


# --- Nodes that disagree ------------------------------------------------------------------------
def test_values_that_two_files_set_differently_are_told(conf: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "b.conf", "lockout_failure_attempts = 4", "lockout_duration = 900")

    assert policy.parse([str(conf), other], {}).disagreements == {
        "lockout_failure_attempts": ((str(conf), 6), (other, 4))
    }


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
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
    ids=["alike", "one", "off", "reference", "nonsense", "dollar", "dollars", "secret"],
)
def test_files_disagree_where_both_set_a_value(
    tmp_path: Path, one: str, other: str, expected: dict[str, tuple[object, ...]]
) -> None:
    paths = [write(tmp_path / "a.conf", one), write(tmp_path / "b.conf", other)]
    found = policy.parse(paths, {}).disagreements

    assert found == {
        name: tuple(zip(paths, values, strict=True)) for name, values in expected.items()
    }
