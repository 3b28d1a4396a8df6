"""A full run, and all that its processes logged: no password, token, hash, or code is in it.

The site and the consumer log as JSON, which has all that a line of text has; commands and the
worker log as text.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from pciops.demo.keystone import Keystone
from tests.live.test_keystone_policy import credentials_of
from tests.live.test_signin_steps import change, send_code, wrong_code
from tests.notices.smtp_server import SmtpServer, smtp_server_running
from tests.support.cloud import DATABASE_PASSWORD, Cloud, Person, code_of
from tests.support.mariadb import MariaDB
from tests.support.processes import running, wait_until
from tests.support.proxy import TcpProxy
from tests.support.rabbitmq import RabbitMQ
from tests.support.site import SETTINGS, Site, consuming

OURS = "password-of-our-database"
SECRET_SETTINGS = {
    "PCIOPS_ALERT_WEBHOOK_SECRET": "secret-of-the-webhook-0123456789",
    "PCIOPS_METRICS_TOKEN": "token-of-the-metrics-0123456789",
    "PCIOPS_SECRET_KEY": SETTINGS["PCIOPS_SECRET_KEY"],
}
TEXT = {"PCIOPS_LOG_FORMAT": "text"}
WRONG, NEW, MISPLACED = "Wrong-Horse-1", "New-Horse-9", "Misplaced-Horse-3"
INVALID = "gAAAAA" + "x" * 50
# Keystone's tokens (Fernet), and the forms in which it stores passwords.
TOKEN_OR_HASH = re.compile(r"gAAAA[\w-]{16}|\$2[aby]\$\d\d\$|\$scrypt\$|\$pbkdf2")
CALL = "POST /v3/auth/tokens: "
COMMANDS = """
from django.core.management import call_command
from django.utils import timezone
from pciops.accounts.tasks import census
from pciops.notices.tasks import *
try:
    call_command("doctor")
except SystemExit:
    pass  # there are problems
call_command("report", "--week", timezone.now().strftime("%G-W%V"), "--format", "json")
for task in (census, plan_by_date, plan_by_lock, send_due, write_digests, send_operator_mails):
    task.delay()
"""


@dataclass
class Run:
    """What must not be logged, and what each kind of process has logged."""

    secrets: dict[str, str] = field(default_factory=dict)  # what it is → itself
    logs: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def run(
    mariadb: MariaDB,
    rabbitmq: RabbitMQ,
    notifying: Keystone,
    tables: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """Do all that handles a secret, with logs of the lowest level."""
    folder = tmp_path_factory.mktemp("secrets")
    name = folder.name
    mariadb.create_database(name, password=OURS, tables=tables)
    cloud, run = Cloud(notifying, mariadb), Run()
    with ExitStack() as stack:
        api = stack.enter_context(TcpProxy(int(notifying.url.split(":")[2].split("/")[0])))
        database = stack.enter_context(TcpProxy(mariadb.port))
        mail = stack.enter_context(smtp_server_running())
        settings = {
            **SECRET_SETTINGS,
            "OS_AUTH_URL": f"http://127.0.0.1:{api.port}/v3",
            "PCIOPS_DATABASE_URL": mariadb.url(name, user=name, password=OURS),
            "PCIOPS_DIGEST_HOUR": "0",
            "PCIOPS_DIGEST_RECIPIENTS": "ops@cloud.example",
            "PCIOPS_EMAIL_URL": f"smtp://127.0.0.1:{mail.port}?tls=none",
            "PCIOPS_KEYSTONE_CONF": str(notifying.conf),
            "PCIOPS_KEYSTONE_DATABASE_URL": mariadb.url(
                "notifying", user="notifying", password=DATABASE_PASSWORD, port=database.port
            ),
            "PCIOPS_LOG_FORMAT": "json",
            "PCIOPS_LOG_LEVEL": "DEBUG",
            "PCIOPS_MAIL_FROM": "pciops@cloud.example",
            "PCIOPS_NOTIFICATIONS_QUEUE": name,
            "PCIOPS_NOTIFICATIONS_URL": rabbitmq.url,
            "PCIOPS_PROXIES": "1",
        }
        site = stack.enter_context(
            Site(folder=folder, settings=settings, keystone_api=api, keystone_database=database)
        )
        consumer = stack.enter_context(consuming(site.environment, folder / "consumer"))
        consumer.wait_for_output("connected to")
        run.secrets |= _in_a_browser(site, cloud)
        run.secrets |= _over_the_api(site, cloud)
        run.logs["commands"] = _in_commands(site, cloud)
        run.logs["worker"] = _in_a_worker(site, mail)
        hashes = "SELECT partial_hash FROM events_attempts WHERE partial_hash <> ''"
        wait_until(lambda: bool(mariadb.execute(hashes, database=name)), "an attempt is recorded")
        assert consumer.stop() == 0
        run.logs |= {"web": site.logs(), "consumer": consumer.output}
    partial = mariadb.execute(hashes, database=name)
    stored = cloud.sql("SELECT password_hash FROM password WHERE password_hash IS NOT NULL")
    run.secrets |= {f"partial hash {n}": str(row["partial_hash"]) for n, row in enumerate(partial)}
    run.secrets |= {f"hash {n}": str(row["password_hash"]) for n, row in enumerate(stored)}
    run.secrets |= SECRET_SETTINGS | _keys(folder)
    return run


def _in_a_browser(site: Site, cloud: Cloud) -> dict[str, str]:
    """Sign in with all that can be typed, act on accounts, and return what was typed."""
    operator, first = cloud.create_operator("alice"), cloud.create_operator("first")
    seed = cloud.require_totp(operator)
    cloud.must_change(first)
    site.visitor().sign_in(Person(id="", name=MISPLACED, password=WRONG))
    site.visitor().sign_in(operator, WRONG)
    newcomer = site.visitor()
    assert change(newcomer, newcomer.sign_in(first), first.password, NEW).url == f"{site.url}/"
    visitor, wrong = site.visitor(), wrong_code(seed)
    page = send_code(visitor, visitor.sign_in(operator), wrong)
    right = code_of(seed)
    assert send_code(visitor, page, right).url == f"{site.url}/"
    locked = cloud.create_locked("bob")
    assert visitor.unlock(locked).ok
    assert visitor.act(locked, "disable").ok
    assert visitor.act(locked, "enable", identity="callback").ok
    session = visitor.session
    visitor.sign_out()
    return {
        "password": operator.password,
        "wrong password": WRONG,
        "new password": NEW,
        "password in the field of the name": MISPLACED,
        "wrong code": wrong,
        "code": right,
        "seed of the codes": seed,
        "session": session,
        "password of Keystone's administrator": cloud.admin.password,
        "password of our database": OURS,
        "password of Keystone's database": DATABASE_PASSWORD,
    }


def _over_the_api(site: Site, cloud: Cloud) -> dict[str, str]:
    """Call the API with a token that Keystone accepts, and with one that it does not."""
    token, locked = cloud.token(cloud.create_operator("script")), cloud.create_locked("eve")
    url = f"{site.url}/api/v1/accounts"
    for given, status in ((token, 200), (INVALID, 401)):
        headers = {"X-Auth-Token": given}
        act = requests.post(
            f"{url}/{locked.id}/disable", json={"reason": "INC-4711"}, headers=headers, timeout=60
        )
        assert act.status_code == status, act.text
        assert requests.get(url, headers=headers, timeout=60).status_code == status
    return {"token": token, "token that is invalid": INVALID}


def _in_commands(site: Site, cloud: Cloud) -> str:
    """Run commands with the right and a wrong password, and return all that they wrote."""
    operator, person = cloud.create_operator("ops"), cloud.create_user("carl")
    act = ("act", "disable", person.id, "--reason", "INC-4711")
    credentials = {**credentials_of(operator), **TEXT}
    runs = [
        site.manage(*act, **credentials),
        site.manage("shell", "-c", COMMANDS, **credentials),
        site.manage(*act, **{**credentials, "OS_PASSWORD": WRONG}),
    ]
    for result, done in zip(runs, (True, True, False), strict=True):
        assert (result.code == 0) is done, result.stderr
    return "".join(result.stdout + result.stderr for result in runs)


def _in_a_worker(site: Site, mail: SmtpServer) -> str:
    """Let a worker do the tasks that the commands have asked for, and return its log."""
    command = (
        *(sys.executable, "-m", "celery", "--quiet", "-A", "pciops", "worker", "--pool", "solo"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )
    with running(command, env={**site.environment, **TEXT}, log=site.folder / "worker") as worker:
        wait_until(lambda: bool(mail.mails), "an email arrives", worker.process, worker.log)
        assert worker.stop() == 0
    return worker.output


def _keys(folder: Path) -> dict[str, str]:
    """Return the lines of the private evidence key."""
    lines = (folder / "evidence_key").read_text(encoding="utf-8").splitlines()
    return {f"line {n} of the evidence key": line for n, line in enumerate(lines) if len(line) > 30}


def _found(secrets: Mapping[str, str], text: str) -> list[str]:
    return [
        name
        for name, secret in secrets.items()
        if re.search(rf"(?<![\w+/]){re.escape(secret)}(?![\w+/])", text)
    ]


def test_every_kind_of_process_has_logged(run: Run) -> None:
    assert all(len(log.splitlines()) > 3 for log in run.logs.values())
    assert CALL + "201" in run.logs["web"]
    assert CALL + "401" in run.logs["web"]
    assert CALL + "201" in run.logs["commands"]
    assert "census taken" in run.logs["worker"]


def test_no_secret_is_logged(run: Run) -> None:
    assert len(run.secrets) > 20
    assert {process: _found(run.secrets, log) for process, log in run.logs.items()} == {
        process: [] for process in run.logs
    }


def test_nothing_in_the_form_of_a_token_or_a_hash_is_logged(run: Run) -> None:
    assert {process: TOKEN_OR_HASH.findall(log) for process, log in run.logs.items()} == {
        process: [] for process in run.logs
    }


def test_a_line_has_the_id_of_the_request_and_a_call_that_of_keystone(run: Run) -> None:
    lines = [line for log in run.logs.values() for line in log.splitlines()]
    calls = [json.loads(line) for line in run.logs["web"].splitlines()]
    calls = [call for call in calls if call["logger"] == "pciops.keystone.session"]

    assert all(line.count("req-") >= 2 for line in lines if CALL in line)
    assert len(calls) > 10
    assert all(call["keystone_request_id"].startswith("req-") for call in calls)
    assert all(call["request_id"].startswith("req-") for call in calls)


def test_each_process_logs_in_its_format(run: Run) -> None:
    lines = {process: log.splitlines() for process, log in run.logs.items()}

    assert all(line.startswith('{"time": ') for line in lines["web"] + lines["consumer"])
    assert not any(line.startswith('{"time": ') for line in lines["commands"] + lines["worker"])
