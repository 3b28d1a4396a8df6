"""The settings: what makes no sense stops the start, with one sentence that names it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APP_LOAD_ERROR = 4  # gunicorn's word for "do not start another worker"

# What a start needs, and nothing else of the environment of the tests.
GOOD = {
    "OS_AUTH_URL": "https://keystone.example:5000/v3",
    "PCIOPS_KEYSTONE_DATABASE_URL": "mysql://pciops:s3cret@db.example/keystone",
    "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS": "6",
    "PCIOPS_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
}


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the product as an operator would, with these variables and no others."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    command = [sys.executable, "-W", "error", *words]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**kept, "PCIOPS_VAR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def manage(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of manage.py."""
    return run(folder, "manage.py", *words, **environment)


def setting(folder: Path, name: str, **environment: str) -> str:
    """What a setting comes out as."""
    done = run(folder, "-c", f"import pciops.settings as s; print(s.{name})", **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- What makes no sense ------------------------------------------------------------------------
BAD = [
    ("PCIOPS_HTTPS", "maybe"),
    ("PCIOPS_PROXIES", "x"),
    ("PCIOPS_PROXIES", "-1"),
    ("PCIOPS_PROXIES", "10"),
    ("PCIOPS_IDLE_MINUTES", "60"),
    ("PCIOPS_IDLE_MINUTES", "0"),
    ("PCIOPS_IDLE_MINUTES", "1.5"),
    ("PCIOPS_KEYSTONE_TIMEOUT", "0"),
    ("PCIOPS_DIGEST_HOUR", "24"),
    ("PCIOPS_DIGEST_RECIPIENTS", "ops@cloud.example,nobody"),
    ("PCIOPS_DIGEST_RECIPIENTS", "Ops <ops@cloud.example>"),
    ("PCIOPS_TIME_ZONE", "Europe/Atlantis"),
    ("PCIOPS_TIME_ZONE", "../etc/passwd"),
    ("PCIOPS_SITE_URL", "pciops.cloud.example"),
    ("PCIOPS_LOG_LEVEL", "loud"),
    ("PCIOPS_ADMIN_ROLES", ","),
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
    ("PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS", "0"),
    ("PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS", "many"),
    ("PCIOPS_POLICY_LOCKOUT_DURATION", "-5"),
    ("PCIOPS_POLICY_NONSENSE", "1"),
    ("PCIOPS_KEYSTONE_CONF", "/no/such"),
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
    ("PCIOPS_NOTICE_DOMAINS", "/no/such"),
    ("PCIOPS_NOTICE_TEMPLATES", "/no/such"),
    ("PCIOPS_PASSWORD_CHANGE_URL", "cloud.example"),
]
WITHOUT_KEY = {name: value for name, value in GOOD.items() if name != "PCIOPS_SECRET_KEY"}


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_setting_that_makes_no_sense_stops_a_command(
    tmp_path: Path, name: str, value: str
) -> None:
    base = WITHOUT_KEY if name == "PCIOPS_SECRET_KEY_FILE" else GOOD
    done = manage(tmp_path, "check", **{**base, name: value})

    assert done.returncode == 2
    assert done.stderr.startswith(f"pciops: {name} ")
    assert f"Example: {name}=" in done.stderr
    assert done.stderr.count("\n") == 1  # one sentence, no traceback
    assert "s3cret" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PCIOPS_HTTPS", "maybe"),
        ("PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS", "0"),
        ("PCIOPS_KEYSTONE_CONF", "/no/such"),
    ],
)
def test_a_setting_that_makes_no_sense_stops_the_server(
    tmp_path: Path, name: str, value: str
) -> None:
    done = run(tmp_path, "-c", "import pciops.wsgi", **{**GOOD, name: value})

    assert done.returncode == APP_LOAD_ERROR
    assert done.stderr.startswith(f"pciops: {name} ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"), [("PCIOPS_HTTPS", "maybe"), ("PCIOPS_KEYSTONE_CONF", "/no/such")]
)
def test_a_setting_that_makes_no_sense_stops_the_worker(
    tmp_path: Path, name: str, value: str
) -> None:
    done = run(tmp_path, "-m", "celery", "-A", "pciops", "worker", **{**GOOD, name: value})

    assert done.returncode == 1
    assert done.stderr.startswith(f"pciops: {name} ")
    assert done.stderr.count("\n") == 1


def test_a_mail_server_needs_a_sender(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", **GOOD, PCIOPS_EMAIL_URL="smtp://mail.example")

    assert done.returncode == 2
    assert done.stderr.startswith("pciops: PCIOPS_MAIL_FROM is not set, and PCIOPS_EMAIL_URL is")


@pytest.mark.parametrize("name", ["PCIOPS_SECRET_KEY", "PCIOPS_DATABASE_URL"])
def test_a_secret_that_is_set_twice_stops_the_start(tmp_path: Path, name: str) -> None:
    both = {name: GOOD["PCIOPS_SECRET_KEY"], f"{name}_FILE": "/etc/pciops/secret"}
    done = manage(tmp_path, "check", **{**GOOD, **both})

    assert done.returncode == 2
    assert f"{name}_FILE and {name} are both set; keep one" in done.stderr


@pytest.mark.parametrize(
    ("content", "problem"), [("", "names an empty file"), ("\n", "names an empty file")]
)
def test_a_secret_file_that_is_empty_stops_the_start(
    tmp_path: Path, content: str, problem: str
) -> None:
    path = tmp_path / "secret"
    path.write_text(content)
    done = manage(tmp_path, "check", **WITHOUT_KEY, PCIOPS_SECRET_KEY_FILE=str(path))

    assert done.returncode == 2
    assert f"PCIOPS_SECRET_KEY_FILE {problem}" in done.stderr


# --- What is missing ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("missing", "check"),
    [
        ("PCIOPS_KEYSTONE_DATABASE_URL", "pciops.E001"),
        ("OS_AUTH_URL", "pciops.E002"),
        ("PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS", "pciops.E003"),
    ],
)
def test_a_setting_that_is_missing_is_named_with_an_example(
    tmp_path: Path, missing: str, check: str
) -> None:
    done = manage(tmp_path, "check", **{k: v for k, v in GOOD.items() if k != missing})
    errors = [line for line in done.stderr.splitlines() if "pciops.E" in line]

    assert done.returncode == 1
    assert [check in line for line in errors] == [True]
    assert f"{missing}=" in done.stderr


def test_the_worker_does_not_start_with_nothing_set(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", "celery", "-A", "pciops", "worker")

    assert done.returncode == 1
    assert "pciops.E001" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_set_at_all_names_everything_that_is_missing(tmp_path: Path) -> None:
    done = manage(tmp_path, "check")

    assert done.returncode == 1
    assert "pciops.E001" in done.stderr
    assert "pciops.E002" in done.stderr
    assert "pciops.E003" in done.stderr


def test_the_server_does_not_start_with_nothing_set(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()  # WhiteNoise warns where nothing was collected
    done = run(tmp_path, "-c", "import pciops.wsgi")

    assert done.returncode == APP_LOAD_ERROR
    assert "pciops.E001" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_is_misspelt_is_told(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", **GOOD, PCIOPS_PROXY="1")

    assert "PCIOPS_PROXY is no setting of pciops." in done.stderr
    assert "Did you mean PCIOPS_PROXIES?" in done.stderr


# --- What is right ------------------------------------------------------------------------------
def test_messages_are_files_where_no_broker_is_set(tmp_path: Path) -> None:
    assert setting(tmp_path, "CELERY_BROKER_URL", **GOOD).startswith("filesystem://")
    assert str(tmp_path) in setting(tmp_path, "CELERY_BROKER_TRANSPORT_OPTIONS", **GOOD)


def test_messages_go_to_the_rabbitmq_that_is_set(tmp_path: Path) -> None:
    url = "amqps://pciops:s3cret@rabbit.example/pciops"
    (tmp_path / "url").write_text(url)
    broker = {"PCIOPS_BROKER_URL_FILE": str(tmp_path / "url")}

    assert setting(tmp_path, "CELERY_BROKER_URL", **GOOD, **broker) == url
    assert setting(tmp_path, "CELERY_BROKER_TRANSPORT_OPTIONS", **GOOD, **broker) == "{}"
    assert "server_hostname" in setting(tmp_path, "CELERY_BROKER_USE_SSL", **GOOD, **broker)


def test_what_a_start_needs_is_enough(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", "--fail-level", "WARNING", **GOOD)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_server_starts(tmp_path: Path) -> None:
    manage(tmp_path, "collectstatic", "--noinput", **GOOD)
    done = run(tmp_path, "-c", "import pciops.wsgi", **GOOD)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_server_does_not_start_without_its_static_files(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()  # WhiteNoise warns where there is none
    done = run(tmp_path, "-c", "import pciops.wsgi", **GOOD)

    assert done.returncode == APP_LOAD_ERROR
    assert "manage.py collectstatic" in done.stderr


def test_production_passes_djangos_own_checks_for_it(tmp_path: Path) -> None:
    done = manage(
        tmp_path, "check", "--deploy", "--fail-level", "WARNING", **GOOD, PCIOPS_HTTPS="yes"
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_every_change_of_the_models_has_its_migration(tmp_path: Path) -> None:
    done = manage(tmp_path, "makemigrations", "--check", "--dry-run", **GOOD)

    assert done.returncode == 0, done.stdout


def test_the_models_are_migrated_from_nothing(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'ours.sqlite3'}"
    done = manage(tmp_path, "migrate", **GOOD, PCIOPS_DATABASE_URL=database)

    assert done.returncode == 0, done.stderr


def test_the_static_files_are_collected(tmp_path: Path) -> None:
    done = manage(tmp_path, "collectstatic", "--noinput", **GOOD)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "static" / "staticfiles.json").is_file()


@pytest.mark.parametrize(
    ("environment", "name", "value"),
    [
        ({}, "HTTPS", "True"),
        ({}, "SESSION_COOKIE_NAME", "__Host-pciops-session"),
        ({}, "SESSION_COOKIE_SECURE", "True"),
        ({}, "CSRF_COOKIE_NAME", "__Host-pciops-csrf"),
        ({}, "CSRF_COOKIE_SECURE", "True"),
        ({}, "SECURE_HSTS_SECONDS", "31536000"),
        ({"PCIOPS_HTTPS": "no"}, "SESSION_COOKIE_NAME", "pciops-session"),
        ({"PCIOPS_HTTPS": "NO"}, "SESSION_COOKIE_SECURE", "False"),
        ({"PCIOPS_HTTPS": "off"}, "SECURE_HSTS_SECONDS", "0"),
        ({}, "SESSION_COOKIE_AGE", "900"),
        ({"PCIOPS_IDLE_MINUTES": "5"}, "SESSION_COOKIE_AGE", "300"),
        ({"PCIOPS_IDLE_MINUTES": ""}, "SESSION_COOKIE_AGE", "900"),
        ({"OS_AUTH_URL": "http://[::1]:5000/v3/"}, "OS_AUTH_URL", "http://[::1]:5000/v3"),
        ({"PCIOPS_ALLOWED_HOSTS": " a.example , b.example,"}, "ALLOWED_HOSTS[1]", "b.example"),
        ({"PCIOPS_ADMIN_ROLES": "admin, security"}, "ADMIN_ROLES", "['admin', 'security']"),
        ({"PCIOPS_PROXIES": "1"}, "SECURE_PROXY_SSL_HEADER[1]", "https"),
        ({}, "DATABASES['default']['ENGINE']", "django.db.backends.sqlite3"),
        ({}, "DATABASES['default']['OPTIONS']['transaction_mode']", "IMMEDIATE"),
        (
            {"PCIOPS_DATABASE_URL": "postgres://u:p@h/pciops"},
            "DATABASES['default']['ENGINE']",
            "django.db.backends.postgresql",
        ),
        (
            {"PCIOPS_KEYSTONE_DATABASE_URL": "mysql+pymysql://u:p%40ss@h/keystone"},
            "DATABASES['keystone']['PASSWORD']",
            "p@ss",
        ),
        (
            {"PCIOPS_KEYSTONE_DATABASE_URL": "mariadb://u:p@h/keystone?ssl_ca=/ca.pem"},
            "DATABASES['keystone']['OPTIONS']['ssl_verify_identity']",
            "True",
        ),
        (
            {"PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL": "mysql://unlock:p@h/keystone"},
            "DATABASES['keystone_unlock']['USER']",
            "unlock",
        ),
        ({}, "DATABASES['keystone_unlock']['USER']", "pciops"),
        ({}, "DATABASES['keystone_unlock']['OPTIONS'].get('init_command')", "None"),
    ],
)
def test_a_setting_comes_out_as(
    tmp_path: Path, environment: dict[str, str], name: str, value: str
) -> None:
    assert setting(tmp_path, name, **{**GOOD, **environment}) == value


def test_keystones_session_on_mysql_only_reads(tmp_path: Path) -> None:
    command = setting(tmp_path, "DATABASES['keystone']['OPTIONS']['init_command']", **GOOD)

    assert "tx_read_only=1" in command
    assert "transaction_read_only=1" in command


def test_keystones_session_on_sqlite_only_reads(tmp_path: Path) -> None:
    url = {"PCIOPS_KEYSTONE_DATABASE_URL": "sqlite:////var/lib/keystone/keystone.db"}
    name = "DATABASES['keystone']['OPTIONS']['init_command']"

    assert setting(tmp_path, name, **{**GOOD, **url}) == "PRAGMA query_only = ON"


def test_a_keystone_database_file_that_is_missing_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "keystone?#%41.db"
    url = {"PCIOPS_KEYSTONE_DATABASE_URL": f"sqlite:///{path}"}
    done = manage(tmp_path, "accounts", **{**GOOD, **url})

    assert done.returncode == 1
    assert list(tmp_path.glob("keystone*")) == []


def test_a_secret_key_is_made_once_where_none_is_set(tmp_path: Path) -> None:
    first = setting(tmp_path, "SECRET_KEY", **WITHOUT_KEY)

    assert len(first) >= 50
    assert setting(tmp_path, "SECRET_KEY", **WITHOUT_KEY) == first


def test_a_secret_key_that_was_made_is_its_owners_alone(tmp_path: Path) -> None:
    setting(tmp_path, "SECRET_KEY", **WITHOUT_KEY)

    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("mysql://pciops:from-a-file@db.example/keystone\n")
    environment = {k: v for k, v in GOOD.items() if k != "PCIOPS_KEYSTONE_DATABASE_URL"}
    environment["PCIOPS_KEYSTONE_DATABASE_URL_FILE"] = str(path)

    assert setting(tmp_path, "DATABASES['keystone']['PASSWORD']", **environment) == "from-a-file"
