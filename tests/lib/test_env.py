"""Environment variables become typed values, and a bad one names itself."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.lib import env
from pciops.lib.env import SettingError

ENGINES = {
    "mysql": "mysql://pciops:secret@db.example:3306/keystone",
    "sqlite": "sqlite:////var/lib/keystone/keystone.db",
}
# What can stand in an environment variable and survives the white space around it being removed.
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda text: text.strip() == text
)


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PCIOPS_X", value)

    assert env.text("PCIOPS_X", "default") == "default"


def test_white_space_around_a_value_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_X", " value\n")

    assert env.text("PCIOPS_X") == "value"


def test_words_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_X", " a, b,,c ,")

    assert env.words("PCIOPS_X") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("yes", True), ("TRUE", True), ("1", True), ("on", True)]
    + [("no", False), ("False", False), ("0", False), ("off", False), ("", True)],
)
def test_a_flag_is_yes_or_no(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("PCIOPS_X", value)

    assert env.flag("PCIOPS_X", default=True) is expected


@pytest.mark.parametrize(("value", "expected"), [("", 5), ("1", 1), ("9", 9)])
def test_an_integer_may_be_at_its_bounds(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: int
) -> None:
    monkeypatch.setenv("PCIOPS_X", value)

    assert env.integer("PCIOPS_X", 5, minimum=1, maximum=9) == expected


@pytest.mark.parametrize(
    "value",
    ["https://k.example:5000/v3/", "https://k.example:5000/v3", " https://k.example:5000/v3 "],
)
def test_an_address_loses_the_slash_at_its_end(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OS_AUTH_URL", value)

    assert env.http_url("OS_AUTH_URL", example="") == "https://k.example:5000/v3"


def test_a_choice_is_taken_in_lower_case_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_LOG_LEVEL", "debug")

    assert env.choice("PCIOPS_LOG_LEVEL", "INFO", env.LOG_LEVELS) == "DEBUG"


READERS: dict[str, Callable[[], object]] = {
    "words": lambda: env.words("PCIOPS_X", "admin"),
    "flag": lambda: env.flag("PCIOPS_X", default=True),
    "integer": lambda: env.integer("PCIOPS_X", 5, minimum=1, maximum=9),
    "http_url": lambda: env.http_url("PCIOPS_X", example="https://keystone.example:5000/v3"),
    "choice": lambda: env.choice("PCIOPS_X", "INFO", env.LOG_LEVELS),
    "database": lambda: env.database("PCIOPS_X", engines=ENGINES),
}


@pytest.mark.parametrize(
    ("reader", "value", "example"),
    [
        ("words", ", ,", "admin"),
        ("flag", "maybe", "yes"),
        ("integer", "0", "5"),
        ("integer", "10", "5"),
        ("integer", "five", "5"),
        ("integer", "5.0", "5"),
        ("integer", "9" * 5000, "5"),
        ("http_url", "keystone.example", "https://keystone.example:5000/v3"),
        ("http_url", "ftp://keystone.example", "https://keystone.example:5000/v3"),
        ("http_url", "http://", "https://keystone.example:5000/v3"),
        ("http_url", "http://[::1", "https://keystone.example:5000/v3"),
        ("http_url", "http://k.example:port", "https://keystone.example:5000/v3"),
        ("http_url", "http://k.example:70000", "https://keystone.example:5000/v3"),
        ("http_url", "http://k.example:0", "https://keystone.example:5000/v3"),
        ("choice", "LOUD", "INFO"),
        ("database", "keystone.db", ENGINES["mysql"]),
        ("database", "oracle://u:p@h/keystone", ENGINES["mysql"]),
        ("database", "mysql://u:p@h:port/keystone", ENGINES["mysql"]),
        ("database", "mysql://u:p@[h/keystone", ENGINES["mysql"]),
        ("database", "mysql://u:p@h/", ENGINES["mysql"]),
    ],
)
def test_a_bad_value_names_its_variable_and_gives_an_example(
    monkeypatch: pytest.MonkeyPatch, reader: str, value: str, example: str
) -> None:
    monkeypatch.setenv("PCIOPS_X", value)
    with pytest.raises(SettingError) as raised:
        READERS[reader]()

    assert str(raised.value).startswith("PCIOPS_X ")
    assert str(raised.value).endswith(f"Example: PCIOPS_X={example}")


@pytest.mark.parametrize("reader", ["flag", "integer", "choice"])
def test_the_example_of_an_error_is_a_value_that_works(
    monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    monkeypatch.setenv("PCIOPS_X", "nonsense")
    with pytest.raises(SettingError) as raised:
        READERS[reader]()
    monkeypatch.setenv("PCIOPS_X", str(raised.value).rpartition("=")[2])

    assert READERS[reader]() in {True, 5, "INFO"}


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("top secret\n", encoding="utf-8")
    monkeypatch.setenv("PCIOPS_X_FILE", str(tmp_path / "secret"))

    assert env.secret("PCIOPS_X") == "top secret"


def test_a_secret_may_stand_in_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_X", "top secret")

    assert env.secret("PCIOPS_X") == "top secret"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "names an empty file"),
        (b" \n", "names an empty file"),
        (b"\xff\xfe\xff", "cannot be read (not text)"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_file_without_a_secret_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("PCIOPS_X_FILE", str(path))

    with pytest.raises(SettingError, match="^PCIOPS_X_FILE ") as raised:
        env.secret("PCIOPS_X")
    assert problem in str(raised.value)


def test_a_folder_is_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PCIOPS_X_FILE", str(tmp_path))

    with pytest.raises(SettingError, match="Is a directory"):
        env.secret("PCIOPS_X")


def test_a_secret_in_two_places_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PCIOPS_X", "hunter2")
    monkeypatch.setenv("PCIOPS_X_FILE", "/run/secrets/x")
    with pytest.raises(SettingError, match="PCIOPS_X_FILE and PCIOPS_X are both set") as raised:
        env.secret("PCIOPS_X")

    assert "hunter2" not in str(raised.value)


def test_without_a_database_address_there_is_no_database() -> None:
    assert env.database("PCIOPS_UNSET", engines=ENGINES) is None


@pytest.mark.parametrize(
    ("address", "engine", "name"),
    [
        ("mysql://u:p@h:3306/keystone", "django.db.backends.mysql", "keystone"),
        ("mysql+pymysql://u:p@h/keystone?charset=utf8", "django.db.backends.mysql", "keystone"),
        ("mariadb+pymysql://u:p@h/keystone", "django.db.backends.mysql", "keystone"),
        ("sqlite:////var/lib/k.db", "django.db.backends.sqlite3", "/var/lib/k.db"),
        ("sqlite+pysqlite:////var/lib/k.db", "django.db.backends.sqlite3", "/var/lib/k.db"),
    ],
)
def test_a_database_address_may_be_spelled_as_in_keystone_conf(
    monkeypatch: pytest.MonkeyPatch, address: str, engine: str, name: str
) -> None:
    monkeypatch.setenv("PCIOPS_X", address)
    config = env.database("PCIOPS_X", engines=ENGINES)

    assert config is not None
    assert (config["ENGINE"], config["NAME"]) == (engine, name)


def test_options_of_a_database_address_reach_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_X", "mysql+pymysql://u:p@h/keystone?charset=utf8mb4&ssl_ca=/ca.pem")
    config = env.database("PCIOPS_X", engines=ENGINES)

    assert config is not None
    assert config["OPTIONS"] == {"charset": "utf8mb4", "ssl_ca": "/ca.pem"}


def test_a_database_address_may_stand_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text("mysql://u:p@h/keystone\n", encoding="utf-8")
    monkeypatch.setenv("PCIOPS_X_FILE", str(tmp_path / "url"))
    config = env.database("PCIOPS_X", engines=ENGINES)

    assert config is not None
    assert config["HOST"] == "h"


@given(password=WORDS)
@settings(deadline=None)
def test_any_password_fits_into_an_address_when_percent_encoded(password: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        address = f"mysql+pymysql://pciops:{quote(password, safe='')}@h:3306/keystone"
        monkeypatch.setenv("PCIOPS_X", address)
        config = env.database("PCIOPS_X", engines=ENGINES)

    assert config is not None
    assert config["PASSWORD"] == password


@given(password=st.text("#?/@:[]%\\ab", min_size=1, max_size=12))
@settings(deadline=None)
def test_an_address_that_is_not_encoded_right_is_an_error_or_a_config(password: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PCIOPS_X", f"mysql://u:{password}@h/keystone")
        try:
            found: Any = env.database("PCIOPS_X", engines=ENGINES)
        except SettingError as error:
            found = str(error)

    assert isinstance(found, str | dict)


@pytest.mark.parametrize(
    "address",
    [
        "oracle://u:hunter2@h/keystone",
        "mysql://u:hunter2@h:port/keystone",
        "mysql://u:hunter2@[h/keystone",
        "mysql://u:hunter2@h",
        "u:hunter2@h/keystone",
    ],
)
def test_an_error_never_repeats_the_password(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("PCIOPS_X", address)
    with pytest.raises(SettingError) as raised:
        env.database("PCIOPS_X", engines=ENGINES)
    shown = "".join(traceback.format_exception(raised.value))

    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "address",
    ["", "udp://log.example", "tcp://[::1]:601", "tls://log.example:6514/", "unix:///dev/log"],
)
def test_a_syslog_receiver_has_an_address(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("PCIOPS_X", address)

    assert env.syslog("PCIOPS_X") == address


@pytest.mark.parametrize(
    "address",
    [
        *("log.example", "http://log.example", "udp://", "udp://h:port", "udp://h:0"),
        *("tcp://h/path", "unix://dev/log", "unix:///", "udp://[h"),
    ],
)
def test_what_is_no_address_of_a_syslog_receiver_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("PCIOPS_X", address)

    with pytest.raises(SettingError, match="PCIOPS_X is .*, not the address of a syslog"):
        env.syslog("PCIOPS_X")


def test_variables_of_a_prefix_are_read_by_the_rest_of_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PCIOPS_Y_LOCKOUT_DURATION", " 60 ")
    monkeypatch.setenv("PCIOPS_Y_EMPTY", " ")

    assert env.prefixed("PCIOPS_Y_") == {"lockout_duration": "60"}


# --- Mail ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", env.MailServer(host="mail.example", port=587)),
        ("smtp://mail.example?tls=ssl", env.MailServer(host="mail.example", port=465, tls="ssl")),
        ("smtp://127.0.0.1?tls=none", env.MailServer(host="127.0.0.1", port=25, tls="none")),
        (
            "smtp://u%40x:p%2Fw@mail.example:2525",
            env.MailServer(host="mail.example", port=2525, user="u@x", password="p/w"),
        ),
        ("file:///var/mails", env.MailServer(folder="/var/mails")),
    ],
)
def test_a_mail_server_comes_out_as(
    monkeypatch: pytest.MonkeyPatch, url: str, expected: env.MailServer
) -> None:
    monkeypatch.setenv("PCIOPS_X", url)

    assert env.mail_server("PCIOPS_X") == expected


def test_a_mail_server_does_not_show_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_X", "smtp://pciops:s3cret@mail.example")

    assert repr(env.mail_server("PCIOPS_X")) == "mail.example:587 (starttls)"


@pytest.mark.parametrize(
    ("value", "expected"), [("", (7, 1)), ("3", (3,)), ("1, 30,7", (30, 7, 1))]
)
def test_days_come_out_the_greatest_first(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: tuple[int, ...]
) -> None:
    monkeypatch.setenv("PCIOPS_X", value)

    assert env.days("PCIOPS_X", "7,1") == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("", ("a", "b")), ("b", ("b",)), ("b,a", ("a", "b")), ("none", ())]
)
def test_some_of_a_list_keep_its_order(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PCIOPS_X", value)

    assert env.some_of("PCIOPS_X", ("a", "b")) == expected


def test_addresses_are_taken_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_X", "ops@Cloud.example, ann@cloud.example,ops@cloud.example")

    assert env.addresses("PCIOPS_X") == ("ops@cloud.example", "ann@cloud.example")
    assert env.addresses("PCIOPS_Y") == ()


@pytest.mark.parametrize("value", ["Ops <ops@cloud.example>", "ops", "a@x.example;b@x.example"])
def test_what_is_no_address_names_the_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PCIOPS_X", value)
    with pytest.raises(SettingError, match="PCIOPS_X has "):
        env.addresses("PCIOPS_X")


def test_a_time_zone_is_one_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.zone("PCIOPS_X", "UTC").key == "UTC"
    monkeypatch.setenv("PCIOPS_X", "Europe/Berlin")
    assert env.zone("PCIOPS_X", "UTC").key == "Europe/Berlin"
    for value in ("Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "Europe"):
        monkeypatch.setenv("PCIOPS_X", value)
        with pytest.raises(SettingError, match="PCIOPS_X is .*, no time zone"):
            env.zone("PCIOPS_X", "UTC")
