"""Tests of typed environment variables: invalid values are errors that name the variable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from pciops.lib import env
from pciops.lib.apps import variables_are_known
from pciops.lib.env import SettingError

# Possible values of environment variables, without white space around them.
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda text: text.strip() == text
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", "default"), ("  ", "default"), ("\n", "default"), (" value\n", "value")],
)
def test_text_has_no_white_space_around_it(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: str
) -> None:
    monkeypatch.setenv("PCIOPS_X", value)

    assert env.text("PCIOPS_X", "default") == expected


def test_words_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_X", " a, b,,c ,")

    assert env.words("PCIOPS_X") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("yes", True), ("TRUE", True), ("1", True), ("on", True)]
    + [("no", False), ("False", False), ("0", False), ("off", False), ("", True)],
)
def test_flag_is_yes_or_no(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("PCIOPS_X", value)

    assert env.flag("PCIOPS_X", default=True) is expected


@pytest.mark.parametrize(("value", "expected"), [("", 5), ("1", 1), ("9", 9)])
def test_integer_can_be_at_its_bounds(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: int
) -> None:
    monkeypatch.setenv("PCIOPS_X", value)

    assert env.integer("PCIOPS_X", 5, minimum=1, maximum=9) == expected


@pytest.mark.parametrize(
    "value",
    ["https://k.example:5000/v3/", "https://k.example:5000/v3", " https://k.example:5000/v3 "],
)
def test_url_loses_the_slash_at_its_end(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OS_AUTH_URL", value)

    assert env.http_url("OS_AUTH_URL", example="") == "https://k.example:5000/v3"


def test_choice_can_be_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_LOG_LEVEL", "debug")

    assert env.choice("PCIOPS_LOG_LEVEL", "INFO", env.LOG_LEVELS) == "DEBUG"


BAD_URLS = (
    *("keystone.example", "ftp://keystone.example", "http://", "http://[::1"),
    *("http://k.example:port", "http://k.example:70000", "http://k.example:0"),
)
BAD_SYSLOGS = (
    *("log.example", "http://log.example", "udp://", "udp://h:port", "udp://h:0"),
    *("tcp://h/path", "unix://dev/log", "unix:///", "udp://[h"),
)
BAD_ZONES = ("Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "Europe")
READERS: dict[str, Callable[[], object]] = {
    "words": lambda: env.words("PCIOPS_X", "admin"),
    "flag": lambda: env.flag("PCIOPS_X", default=True),
    "integer": lambda: env.integer("PCIOPS_X", 5, minimum=1, maximum=9),
    "http_url": lambda: env.http_url("PCIOPS_X", example="https://keystone.example:5000/v3"),
    "choice": lambda: env.choice("PCIOPS_X", "INFO", env.LOG_LEVELS),
    "brokers": lambda: env.brokers("PCIOPS_X"),
    "syslog": lambda: env.syslog("PCIOPS_X"),
    "addresses": lambda: env.addresses("PCIOPS_X"),
    "zone": lambda: env.zone("PCIOPS_X", "UTC"),
}
BROKER = "amqp://pciops:secret@rabbit.example:5672/pciops"


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
        *(("http_url", value, "https://keystone.example:5000/v3") for value in BAD_URLS),
        ("choice", "LOUD", "INFO"),
        ("brokers", "one", BROKER),
        ("brokers", "amqp://k:s3cret@one;two", BROKER),
        ("brokers", "redis://one", BROKER),
        *(("syslog", value, "udp://log.example") for value in BAD_SYSLOGS),
        *(("zone", value, "Europe/Berlin") for value in BAD_ZONES),
        ("addresses", "Ops <ops@cloud.example>", "ops@cloud.example"),
        ("addresses", "ops", "ops@cloud.example"),
        ("addresses", "a@x.example;b@x.example", "ops@cloud.example"),
    ],
)
def test_invalid_value_is_an_error_with_variable_and_example(
    monkeypatch: pytest.MonkeyPatch, reader: str, value: str, example: str
) -> None:
    monkeypatch.setenv("PCIOPS_X", value)
    with pytest.raises(SettingError) as raised:
        READERS[reader]()

    assert str(raised.value).startswith("PCIOPS_X ")
    assert str(raised.value).endswith(f"Example: PCIOPS_X={example}")
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("reader", ["flag", "integer", "choice"])
def test_example_of_an_error_is_valid(monkeypatch: pytest.MonkeyPatch, reader: str) -> None:
    monkeypatch.setenv("PCIOPS_X", "nonsense")
    with pytest.raises(SettingError) as raised:
        READERS[reader]()
    monkeypatch.setenv("PCIOPS_X", str(raised.value).rpartition("=")[2])

    assert READERS[reader]() in {True, 5, "INFO"}


@pytest.mark.parametrize("name", ["PCIOPS_X", "PCIOPS_X_FILE"])
def test_secret_comes_from_its_variable_or_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "secret"
    path.write_text("top secret\n", encoding="utf-8")
    monkeypatch.setenv(name, str(path) if name.endswith("_FILE") else "top secret")

    assert env.secret("PCIOPS_X") == "top secret"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "names an empty file"),
        (b" \n", "names an empty file"),
        (b"\xff\xfe\xff", "cannot be read (not text)"),
        (None, "cannot be read (No such file or directory)"),
        ("folder", "cannot be read (Is a directory)"),
    ],
)
def test_file_without_a_secret_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | str | None, problem: str
) -> None:
    path = tmp_path / "secret"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        path.mkdir()
    monkeypatch.setenv("PCIOPS_X_FILE", str(path))

    with pytest.raises(SettingError, match="^PCIOPS_X_FILE ") as raised:
        env.secret("PCIOPS_X")
    assert problem in str(raised.value)


def test_secret_in_two_places_is_an_error_without_the_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PCIOPS_X", "hunter2")
    monkeypatch.setenv("PCIOPS_X_FILE", "/run/secrets/x")
    with pytest.raises(SettingError, match="PCIOPS_X_FILE and PCIOPS_X are both set") as raised:
        env.secret("PCIOPS_X")

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    ["", "udp://log.example", "tcp://[::1]:601", "tls://log.example:6514/", "unix:///dev/log"],
)
def test_syslog_url_is_valid(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("PCIOPS_X", address)

    assert env.syslog("PCIOPS_X") == address


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        ("amqp://k:s3cret@one/", ["amqp://k:s3cret@one/"]),
        (
            "rabbit://k:s3cret@one:5672/; amqps://k:s3cret@two/cloud;",
            ["amqp://k:s3cret@one:5672/", "amqps://k:s3cret@two/cloud"],
        ),
    ],
)
def test_nodes_of_a_rabbitmq_are_separated_by_semicolons(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: list[str]
) -> None:
    monkeypatch.setenv("PCIOPS_X", value)

    assert env.brokers("PCIOPS_X") == expected


def test_variables_with_a_prefix_are_read_by_the_rest_of_their_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PCIOPS_Y_LOCKOUT_DURATION", " 60 ")
    monkeypatch.setenv("PCIOPS_Y_EMPTY", " ")

    assert env.prefixed("PCIOPS_Y_") == {"lockout_duration": "60"}


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
def test_mail_server_is_parsed(
    monkeypatch: pytest.MonkeyPatch, url: str, expected: env.MailServer
) -> None:
    monkeypatch.setenv("PCIOPS_X", url)

    assert env.mail_server("PCIOPS_X") == expected


def test_text_of_a_mail_server_does_not_contain_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PCIOPS_X", "smtp://pciops:s3cret@mail.example")

    assert repr(env.mail_server("PCIOPS_X")) == "mail.example:587 (starttls)"


@pytest.mark.parametrize(
    ("value", "expected"), [("", (7, 1)), ("3", (3,)), ("1, 30,7", (30, 7, 1))]
)
def test_days_are_sorted_from_the_greatest(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: tuple[int, ...]
) -> None:
    monkeypatch.setenv("PCIOPS_X", value)

    assert env.days("PCIOPS_X", "7,1") == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("", ("a", "b")), ("b", ("b",)), ("b,a", ("a", "b")), ("none", ())]
)
def test_some_of_the_choices_keep_their_order(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PCIOPS_X", value)

    assert env.some_of("PCIOPS_X", ("a", "b")) == expected


def test_email_addresses_are_unique(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_X", "ops@Cloud.example, ann@cloud.example,ops@cloud.example")

    assert env.addresses("PCIOPS_X") == ("ops@cloud.example", "ann@cloud.example")
    assert env.addresses("PCIOPS_Y") == ()


def test_time_zone_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.zone("PCIOPS_X", "UTC").key == "UTC"
    monkeypatch.setenv("PCIOPS_X", "Europe/Berlin")

    assert env.zone("PCIOPS_X", "UTC").key == "Europe/Berlin"


# --- Unknown variables --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PCIOPS_CLOUD_NAMES", "Did you mean PCIOPS_CLOUD_NAME?"),
        ("PCIOPS_QQQQQQQQQQQQQQQQQQQQ", "docs/settings.md lists the settings."),
        ("PCIOPS_CLOUD_NAME", None),
        ("PCIOPS_SECRET_KEY_FILE", None),
        ("PCIOPS_KEYSTONE_DATABASE_URL_FILE", None),
        ("PCIOPS_POLICY_LOCKOUT_DURATION", None),
        ("OS_NONSENSE", None),
    ],
)
def test_unknown_variable_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str | None
) -> None:
    monkeypatch.setenv(name, "x")
    warnings = [warning for warning in variables_are_known() if name in warning.msg]

    assert [(warning.id, warning.hint) for warning in warnings] == (
        [("pciops.W001", hint)] if hint else []
    )
