"""Tests of the settings: invalid ones stop the start with one sentence that names them."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pciops.accounts.policy import policy
from pciops.lib.env import SettingError

ROOT = Path(__file__).resolve().parent.parent
APP_LOAD_ERROR = 4  # the exit code with which gunicorn starts no other worker

GOOD = {  # all that a start requires
    "OS_AUTH_URL": "https://keystone.example:5000/v3",
    "PCIOPS_KEYSTONE_DATABASE_URL": "mysql://pciops:s3cret@db.example/keystone",
    "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS": "6",
    "PCIOPS_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
}
NO_FILE = {"PCIOPS_ENV_FILE": os.devnull}
LIMITED = "SET SESSION /*M!100100 max_statement_time=15 */ /*!80000 max_execution_time=15000 */"
WITHOUT_KEY = {name: value for name, value in GOOD.items() if name != "PCIOPS_SECRET_KEY"}


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the repository with these variables and no others."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-W", "error", *words],
        cwd=ROOT,
        env={**kept, **NO_FILE, "PCIOPS_VAR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def manage(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of manage.py."""
    return run(folder, "manage.py", *words, **environment)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return a function that evaluates the settings module with these variables and no others."""

    def load(**environment: str) -> dict[str, Any]:
        for name in [name for name in os.environ if name.startswith(("PCIOPS_", "OS_"))]:
            monkeypatch.delenv(name)
        for name, value in {**NO_FILE, "PCIOPS_VAR": str(tmp_path), **environment}.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "pciops" / "settings.py"))

    return load


# --- Invalid settings ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PCIOPS_HTTPS", "maybe"),
        ("PCIOPS_PROXIES", "x"),
        ("PCIOPS_PROXIES", "-1"),
        ("PCIOPS_PROXIES", "10"),
        ("PCIOPS_IDLE_MINUTES", "60"),
        ("PCIOPS_IDLE_MINUTES", "0"),
        ("PCIOPS_IDLE_MINUTES", "1.5"),
        ("PCIOPS_KEYSTONE_TIMEOUT", "0"),
        ("PCIOPS_KEYSTONE_RELEASE", "newest"),
        ("PCIOPS_DIGEST_HOUR", "24"),
        ("PCIOPS_DIGEST_RECIPIENTS", "ops@cloud.example,nobody"),
        ("PCIOPS_DIGEST_RECIPIENTS", "Ops <ops@cloud.example>"),
        ("PCIOPS_TIME_ZONE", "Europe/Atlantis"),
        ("PCIOPS_TIME_ZONE", "../etc/passwd"),
        ("PCIOPS_SITE_URL", "pciops.cloud.example"),
        ("PCIOPS_LOG_LEVEL", "loud"),
        ("PCIOPS_ADMIN_ROLES", ","),
        ("PCIOPS_MANAGEMENT_ROLES", ","),
        ("PCIOPS_EVENT_DAYS", "364"),
        ("PCIOPS_HELPDESK_ROLES", ","),
        ("PCIOPS_READER_ROLES", ","),
        ("PCIOPS_DATABASE_URL", "oracle://pciops:s3cret@db.example/pciops"),
        ("PCIOPS_DATABASE_URL", "pciops.sqlite3"),
        ("PCIOPS_DATABASE_URL", "mysql://pciops:s3cret@db.example"),
        ("PCIOPS_DATABASE_URL", "mysql://pciops:s3cret@db.example:port/pciops"),
        ("PCIOPS_KEYSTONE_DATABASE_URL", "postgresql://pciops:s3cret@db.example/keystone"),
        ("PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL", "s3cret"),
        ("PCIOPS_BROKER_URL", "rabbit.example"),
        ("PCIOPS_BROKER_URL", "redis://:s3cret@rabbit.example"),
        ("PCIOPS_BROKER_URL", "amqp://pciops:s3cret@rabbit.example:port/pciops"),
        ("OS_AUTH_URL", "keystone"),
        ("OS_AUTH_URL", "keystone.example:5000"),
        ("OS_AUTH_URL", "ftp://keystone.example"),
        ("OS_AUTH_URL", "https://keystone.example:many/v3"),
        ("OS_AUTH_URL", "https://[::1/v3"),
        ("PCIOPS_SECRET_KEY_FILE", "/no/such"),
        ("PCIOPS_EMAIL_URL", "mail.example"),
        ("PCIOPS_EMAIL_URL", "imap://pciops:s3cret@mail.example"),
        ("PCIOPS_EMAIL_URL", "smtp://pciops:s3cret@mail.example:port"),
        ("PCIOPS_EMAIL_URL", "smtp://pciops:s3cret@mail.example?tls=maybe"),
        ("PCIOPS_EMAIL_URL", "smtp://pciops:s3cret@mail.example?tls=none"),
        ("PCIOPS_EMAIL_URL", "smtp://pciops:s3cret@mail.example?ssl"),
        ("PCIOPS_MAIL_FROM", "pciops"),
        ("PCIOPS_MAIL_REPLY_TO", "help desk"),
        ("PCIOPS_NOTICE_DAYS", "0"),
        ("PCIOPS_NOTICE_DAYS", "7,-1"),
        ("PCIOPS_NOTICE_DAYS", "7,7"),
        ("PCIOPS_NOTICE_DAYS", "7,soon"),
        ("PCIOPS_NOTICE_DAYS", "366"),
        ("PCIOPS_INACTIVITY_NOTICE_DAYS", "1,1"),
        ("PCIOPS_NOTICE_KINDS", "locked,birthday"),
        ("PCIOPS_NOTICE_RATE", "0"),
        ("PCIOPS_PASSWORD_CHANGE_URL", "cloud.example"),
    ],
)
def test_invalid_setting_is_an_error_with_an_example(load: Any, name: str, value: str) -> None:
    base = WITHOUT_KEY if name == "PCIOPS_SECRET_KEY_FILE" else GOOD
    with pytest.raises(SettingError, match=f"^{name} .*Example: {name}=.") as raised:
        load(**{**base, name: value})

    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS", "0"),
        ("PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS", "many"),
        ("PCIOPS_POLICY_LOCKOUT_DURATION", "-5"),
        ("PCIOPS_POLICY_NONSENSE", "1"),
        ("PCIOPS_KEYSTONE_CONF", "/no/such"),
    ],
)
def test_invalid_policy_is_an_error_with_an_example(load: Any, name: str, value: str) -> None:
    settings = load(**{**GOOD, name: value})
    with pytest.raises(SettingError, match=f"^{name} .*Example: {name}=."):
        policy.parse(settings["KEYSTONE_CONF"], settings["POLICY_OVERRIDES"])


@pytest.mark.parametrize(
    ("words", "name", "value", "code"),
    [
        (["manage.py", "check"], "PCIOPS_HTTPS", "maybe", 2),
        (["manage.py", "check"], "PCIOPS_NOTICE_DOMAINS", "/no/such", 2),
        (["manage.py", "check"], "PCIOPS_NOTICE_TEMPLATES", "/no/such", 2),
        (["-c", "import pciops.wsgi"], "PCIOPS_HTTPS", "maybe", APP_LOAD_ERROR),
        (["-c", "import pciops.wsgi"], "PCIOPS_KEYSTONE_CONF", "/no/such", APP_LOAD_ERROR),
        (["-m", "celery", "-A", "pciops", "worker"], "PCIOPS_HTTPS", "maybe", 1),
        (["-m", "celery", "-A", "pciops", "worker"], "PCIOPS_KEYSTONE_CONF", "/no/such", 1),
    ],
)
def test_invalid_setting_stops_commands_server_and_worker_with_one_sentence(
    tmp_path: Path, words: list[str], name: str, value: str, code: int
) -> None:
    done = run(tmp_path, *words, **{**GOOD, name: value})

    assert done.returncode == code
    assert done.stderr.startswith(f"pciops: {name} ")
    assert done.stderr.count("\n") == 1


def test_mail_server_requires_a_sender(load: Any) -> None:
    with pytest.raises(SettingError, match="^PCIOPS_MAIL_FROM .*PCIOPS_EMAIL_URL"):
        load(**GOOD, PCIOPS_EMAIL_URL="smtp://mail.example")


@pytest.mark.parametrize("name", ["PCIOPS_SECRET_KEY", "PCIOPS_DATABASE_URL"])
def test_secret_that_is_set_twice_is_an_error(load: Any, name: str) -> None:
    with pytest.raises(SettingError, match=f"{name}_FILE and {name} are both set"):
        load(**{**GOOD, name: GOOD["PCIOPS_SECRET_KEY"], f"{name}_FILE": "/etc/pciops/secret"})


@pytest.mark.parametrize("content", ["", "\n"])
def test_empty_secret_file_is_an_error(load: Any, tmp_path: Path, content: str) -> None:
    path = tmp_path / "secret"
    path.write_text(content)

    with pytest.raises(SettingError, match="PCIOPS_SECRET_KEY_FILE names an empty file"):
        load(**WITHOUT_KEY, PCIOPS_SECRET_KEY_FILE=str(path))


# --- Missing settings ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("missing", "check"),
    [
        ("PCIOPS_KEYSTONE_DATABASE_URL", "pciops.E001"),
        ("OS_AUTH_URL", "pciops.E002"),
        ("PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS", "pciops.E003"),
    ],
)
def test_missing_setting_is_named_with_an_example(tmp_path: Path, missing: str, check: str) -> None:
    done = manage(tmp_path, "check", **{k: v for k, v in GOOD.items() if k != missing})
    errors = [line for line in done.stderr.splitlines() if "pciops.E" in line]

    assert done.returncode == 1
    assert [check in line for line in errors] == [True]
    assert f"{missing}=" in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["manage.py", "check"], 1),
        (["-c", "import pciops.wsgi"], APP_LOAD_ERROR),
        (["-m", "celery", "-A", "pciops", "worker"], 1),
    ],
    ids=["command", "server", "worker"],
)
def test_nothing_starts_without_settings(tmp_path: Path, words: list[str], code: int) -> None:
    (tmp_path / "static").mkdir()  # WhiteNoise warns if it is missing
    done = run(tmp_path, *words)

    assert done.returncode == code
    assert all(check in done.stderr for check in ("pciops.E001", "pciops.E002", "pciops.E003"))
    assert "Traceback" not in done.stderr


def test_misspelt_setting_is_a_warning(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", **GOOD, PCIOPS_PROXY="1")

    assert "PCIOPS_PROXY" in done.stderr
    assert "PCIOPS_PROXIES" in done.stderr


# --- Valid settings -----------------------------------------------------------------------------
def test_messages_are_files_without_a_broker(load: Any, tmp_path: Path) -> None:
    settings = load(**GOOD)

    assert settings["CELERY_BROKER_URL"].startswith("filesystem://")
    assert str(tmp_path) in str(settings["CELERY_BROKER_TRANSPORT_OPTIONS"])


def test_messages_go_to_the_broker_with_its_name_checked(load: Any, tmp_path: Path) -> None:
    url = "amqps://pciops:s3cret@rabbit.example/pciops"
    (tmp_path / "url").write_text(url)
    settings = load(**GOOD, PCIOPS_BROKER_URL_FILE=str(tmp_path / "url"))

    assert settings["CELERY_BROKER_URL"] == url
    assert settings["CELERY_BROKER_TRANSPORT_OPTIONS"] == {}
    assert "server_hostname" in settings["CELERY_BROKER_USE_SSL"]


@pytest.mark.parametrize(
    "words",
    [
        ["manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        ["-c", "import pciops.celery"],
    ],
)
def test_required_settings_are_enough(tmp_path: Path, words: list[str]) -> None:
    over_tls = {"PCIOPS_KEYSTONE_DATABASE_URL": "mysql://p@db.example/keystone?ssl_ca=/ca.pem"}
    done = run(tmp_path, *words, **{**GOOD, **over_tls}, PCIOPS_HTTPS="yes")

    assert (done.returncode, done.stderr) == (0, "")


def test_server_starts_once_the_static_files_are_collected(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()  # WhiteNoise warns if it is missing
    before = run(tmp_path, "-c", "import pciops.wsgi", **GOOD)
    collected = manage(tmp_path, "collectstatic", "--noinput", **GOOD)
    after = run(tmp_path, "-c", "import pciops.wsgi", **GOOD)

    assert (before.returncode, "pciops collectstatic" in before.stderr) == (APP_LOAD_ERROR, True)
    assert collected.returncode == 0, collected.stderr
    assert (tmp_path / "static" / "staticfiles.json").is_file()
    assert (after.returncode, "collectstatic" in after.stderr) == (0, False), after.stderr


@pytest.mark.parametrize(
    ("environment", "name", "value"),
    [
        ({}, "HTTPS", True),
        ({}, "SESSION_COOKIE_NAME", "__Host-pciops-session"),
        ({}, "SESSION_COOKIE_SECURE", True),
        ({}, "CSRF_COOKIE_NAME", "__Host-pciops-csrf"),
        ({}, "CSRF_COOKIE_SECURE", True),
        ({}, "SECURE_HSTS_SECONDS", 31536000),
        ({"PCIOPS_HTTPS": "no"}, "SESSION_COOKIE_NAME", "pciops-session"),
        ({"PCIOPS_HTTPS": "NO"}, "SESSION_COOKIE_SECURE", False),
        ({"PCIOPS_HTTPS": "off"}, "SECURE_HSTS_SECONDS", 0),
        ({}, "SESSION_COOKIE_AGE", 900),
        ({"PCIOPS_IDLE_MINUTES": "5"}, "SESSION_COOKIE_AGE", 300),
        ({"PCIOPS_IDLE_MINUTES": ""}, "SESSION_COOKIE_AGE", 900),
        ({"OS_AUTH_URL": "http://[::1]:5000/v3/"}, "OS_AUTH_URL", "http://[::1]:5000/v3"),
        (
            {"PCIOPS_ALLOWED_HOSTS": " a.example , b.example,"},
            "ALLOWED_HOSTS",
            ["a.example", "b.example"],
        ),
        ({"PCIOPS_ADMIN_ROLES": "admin, security"}, "ADMIN_ROLES", ["admin", "security"]),
        (
            {"PCIOPS_PROXIES": "1"},
            "SECURE_PROXY_SSL_HEADER",
            ("HTTP_X_FORWARDED_PROTO", "https"),
        ),
    ],
)
def test_variables_become_settings(
    load: Any, environment: dict[str, str], name: str, value: object
) -> None:
    assert load(**{**GOOD, **environment})[name] == value


@pytest.mark.parametrize(
    ("environment", "alias", "key", "value"),
    [
        ({}, "default", "ENGINE", "django.db.backends.sqlite3"),
        (
            {"PCIOPS_DATABASE_URL": "postgres://u:p@h/pciops"},
            "default",
            "ENGINE",
            "django.db.backends.postgresql",
        ),
        (
            {"PCIOPS_KEYSTONE_DATABASE_URL": "mysql+pymysql://u:p%40ss@h/keystone"},
            "keystone",
            "PASSWORD",
            "p@ss",
        ),
        (
            {"PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL": "mysql://unlock:p@h/keystone"},
            "keystone_unlock",
            "USER",
            "unlock",
        ),
        ({}, "keystone_unlock", "USER", "pciops"),
    ],
)
def test_variables_become_databases(
    load: Any, environment: dict[str, str], alias: str, key: str, value: str
) -> None:
    assert load(**{**GOOD, **environment})["DATABASES"][alias][key] == value


@pytest.mark.parametrize(
    ("url", "alias", "option", "value"),
    [
        ("", "default", "transaction_mode", "IMMEDIATE"),
        ("mariadb://u:p@h/keystone?ssl_ca=/ca.pem", "keystone", "ssl_verify_identity", True),
        ("", "keystone_unlock", "init_command", LIMITED),
        ("sqlite:////var/keystone.db", "keystone", "init_command", "PRAGMA query_only = ON"),
    ],
)
def test_databases_have_options_for_safety(
    load: Any, url: str, alias: str, option: str, value: object
) -> None:
    environment = {**GOOD, **({"PCIOPS_KEYSTONE_DATABASE_URL": url} if url else {})}

    assert load(**environment)["DATABASES"][alias]["OPTIONS"].get(option) == value


def test_session_for_keystones_mysql_is_read_only(load: Any) -> None:
    command = load(**GOOD)["DATABASES"]["keystone"]["OPTIONS"]["init_command"]

    assert all(word in command for word in ("tx_read_only=1", "transaction_read_only=1"))


def test_missing_keystone_database_file_is_not_created(tmp_path: Path) -> None:
    path = tmp_path / "keystone?#%41.db"
    url = {"PCIOPS_KEYSTONE_DATABASE_URL": f"sqlite:///{path}"}
    done = manage(tmp_path, "accounts", **{**GOOD, **url})

    assert done.returncode == 1
    assert list(tmp_path.glob("keystone*")) == []


def test_missing_secret_key_is_generated_once_and_readable_only_by_its_owner(
    load: Any, tmp_path: Path
) -> None:
    first = load(**WITHOUT_KEY)["SECRET_KEY"]

    assert len(first) >= 50
    assert load(**WITHOUT_KEY)["SECRET_KEY"] == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_secret_can_come_from_a_file(load: Any, tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("mysql://pciops:from-a-file@db.example/keystone\n")
    environment = {k: v for k, v in GOOD.items() if k != "PCIOPS_KEYSTONE_DATABASE_URL"}
    settings = load(**environment, PCIOPS_KEYSTONE_DATABASE_URL_FILE=str(path))

    assert settings["DATABASES"]["keystone"]["PASSWORD"] == "from-a-file"
