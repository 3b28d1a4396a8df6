"""Tests of the file of settings, of credentials, and of the folder of pciops' own files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.lib import env, env_file, private
from pciops.lib.env import SettingError

VALUES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1).filter(
    lambda text: text[0] not in "'\""
)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that PCIOPS_ENV_FILE names, not written yet. Its variables end with the test."""
    path = tmp_path / "pciops.env"
    monkeypatch.setattr(os, "environ", {**os.environ, "PCIOPS_ENV_FILE": str(path)})
    return path


def parse(content: str) -> dict[str, str]:
    return env_file.parse(content, "PCIOPS_ENV_FILE", Path("/etc/pciops/pciops.env"))


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("PCIOPS_X=one two", "one two"),
        ("  PCIOPS_X=one  ", "one"),
        ("PCIOPS_X='one two'", "one two"),
        ('PCIOPS_X="a;b"', "a;b"),
        ("PCIOPS_X=mysql://u:p#w@h/d?a=b", "mysql://u:p#w@h/d?a=b"),
        ("PCIOPS_X=$HOME", "$HOME"),
        (r"PCIOPS_X=\bINC-[0-9]+\b", r"\bINC-[0-9]+\b"),
        ("PCIOPS_X=", ""),
        ("PCIOPS_X='", "'"),
    ],
)
def test_a_line_sets_a_variable(line: str, value: str) -> None:
    assert parse(f"# the cloud\n\n{line}\n") == {"PCIOPS_X": value}


@given(value=VALUES)
def test_a_value_without_quotes_is_itself(value: str) -> None:
    assert parse(f"PCIOPS_X={value}\n") == {"PCIOPS_X": value}


@pytest.mark.parametrize(
    "line", ["export PCIOPS_X=s3cret", "s3cret", "PCIOPS X=s3cret", "1X=s3cret"]
)
def test_any_other_line_is_an_error_that_keeps_the_secret(line: str) -> None:
    with pytest.raises(SettingError, match="^PCIOPS_ENV_FILE .* line 2 ") as raised:
        parse(f"PCIOPS_Y=1\n{line}\n")

    assert "s3cret" not in str(raised.value)


def test_the_environment_wins_over_the_file(file: Path) -> None:
    os.environ["PCIOPS_X"] = "of the environment"
    file.write_text("PCIOPS_X=of the file\nPCIOPS_Y=of the file\n")
    env_file.load("PCIOPS_ENV_FILE", "/nowhere")

    assert os.environ["PCIOPS_X"] == "of the environment"
    assert os.environ["PCIOPS_Y"] == "of the file"


def test_only_the_default_file_may_be_missing(file: Path) -> None:
    with pytest.raises(SettingError, match="^PCIOPS_ENV_FILE .* does not exist"):
        env_file.load("PCIOPS_ENV_FILE", "/nowhere")
    del os.environ["PCIOPS_ENV_FILE"]

    env_file.load("PCIOPS_ENV_FILE", "/nowhere")


def test_a_file_that_cannot_be_read_is_an_error(file: Path) -> None:
    file.mkdir()
    with pytest.raises(SettingError, match="^PCIOPS_ENV_FILE .* cannot be read"):
        env_file.load("PCIOPS_ENV_FILE", "/nowhere")


# --- Credentials --------------------------------------------------------------------------------
@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of systemd's credentials, with one."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "PCIOPS_X").write_text("of systemd\n")
    return tmp_path


@pytest.mark.usefixtures("credentials")
def test_a_secret_can_be_a_credential_of_systemd() -> None:
    assert env.secret("PCIOPS_X") == "of systemd"
    assert env.is_set("PCIOPS_X")
    assert not env.is_set("PCIOPS_Y")


@pytest.mark.parametrize("name", ["PCIOPS_X", "PCIOPS_X_FILE"])
def test_a_setting_wins_over_a_credential(
    credentials: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (credentials / "own").write_text("own")
    monkeypatch.setenv(name, str(credentials / "own") if name.endswith("_FILE") else "own")

    assert env.secret("PCIOPS_X") == "own"


def test_old_keys_can_be_a_credential(credentials: Path) -> None:
    (credentials / "PCIOPS_SECRET_KEY_FALLBACKS").write_text("one\ntwo\n")

    assert env.fallback_keys("PCIOPS_SECRET_KEY_FALLBACKS", credentials) == ["one", "two"]


# --- The folder of pciops' own files ------------------------------------------------------------
@pytest.mark.parametrize("closed", ["var", "var/pciops.sqlite3"])
def test_a_folder_of_another_user_is_an_error_that_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    """As after a command that root ran once. Root itself opens everything, so `access` says no."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "pciops.sqlite3").touch()
    monkeypatch.setenv("PCIOPS_VAR", str(tmp_path / "var"))
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path / closed)
    with pytest.raises(SettingError, match=r"^PCIOPS_VAR .* belongs to .* chown -R ") as raised:
        private.private_folder("PCIOPS_VAR", "/nowhere")

    assert str(tmp_path / closed) in str(raised.value)
