"""The command `unlock`: unlocks that need only Keystone's database."""

from __future__ import annotations

import os
import pwd
import re
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from pciops.actions.inputs import REASON_MAX
from pciops.audit import services
from pciops.audit.models import Event
from pciops.keystone.models import LocalUser
from tests.actions.acts import down
from tests.factories import make_locked_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def run(*words: str, reason: str = "called") -> None:
    """Run the command."""
    call_command("unlock", *words, "--reason", reason)


def refused(*words: str, code: int = 1, reason: str = "called") -> str:
    """Return the error that the command ends with."""
    with pytest.raises(CommandError) as raised:
        run(*words, reason=reason)
    assert raised.value.returncode == code
    return str(raised.value)


def locked() -> list[tuple[str, str]]:
    """Return domain and name of the accounts that still have failures."""
    rows = LocalUser.objects.filter(failed_auth_count__gt=0).order_by("domain_id", "name")
    return list(rows.values_list("domain_id", "name"))


# --- The accounts -------------------------------------------------------------------------------
def test_account_is_unlocked_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    make_locked_user("ann")
    run("ann")

    assert locked() == []
    assert capsys.readouterr().out.splitlines() == [
        "ann (Default) is unlocked. 3 failed attempts cleared.",
        f"Audit log: {Event.objects.get().id}",
    ]


def test_account_is_unlocked_by_its_id() -> None:
    run(make_locked_user("ann").id)

    assert locked() == []


@pytest.mark.parametrize("domain", ["d2", "Other"])
def test_name_in_two_domains_needs_the_domain(domain: str) -> None:
    make_locked_user("ann", domain_id="d1", domain_name="Example")
    make_locked_user("ann", domain_id="d2", domain_name="Other")

    assert "'ann' exists in Example, Other" in refused("ann", code=2)
    assert locked() == [("d1", "ann"), ("d2", "ann")]
    run("ann", "--domain", domain)
    assert locked() == [("d1", "ann")]


@pytest.mark.parametrize(
    ("words", "account"),
    [
        (("bob",), "'bob'"),
        (("an%",), "'an%'"),
        (("ann", "--domain", "Other"), "'ann' in the domain 'Other'"),
        (("{id}", "--domain", "Other"), "in the domain 'Other'"),
        (("ann", "bob"), "'bob'"),
    ],
)
def test_unknown_account_changes_nothing(words: tuple[str, ...], account: str) -> None:
    user = make_locked_user("ann")
    sentence = refused(*(word.format(id=user.id) for word in words))

    assert sentence.startswith("There is no account")
    assert account in sentence
    assert locked() == [("default", "ann")]


def test_several_accounts_are_unlocked_each_once(capsys: pytest.CaptureFixture[str]) -> None:
    make_locked_user("ann")
    ben = make_locked_user("ben")
    make_locked_user("cat")
    run("ann", ben.id, "ben")
    out = capsys.readouterr().out.splitlines()

    assert locked() == [("default", "cat")]
    assert [line for line in out if not line.startswith("Audit log: ")] == [
        "ann (Default) is unlocked. 3 failed attempts cleared.",
        "ben (Default) is unlocked. 3 failed attempts cleared.",
        "2 of 2 accounts unlocked.",
    ]
    assert list(Event.objects.values_list("outcome", flat=True)) == ["success"] * 2


# --- Not done -----------------------------------------------------------------------------------
def test_account_that_is_not_locked_is_a_failure() -> None:
    make_locked_user("ann", at=timezone.now() - timedelta(hours=1))

    assert "already ended" in refused("ann")
    assert Event.objects.get().outcome == Event.Outcome.FAILURE


def test_conflict_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    make_locked_user("ann", at=timezone.now() - timedelta(hours=1))
    make_locked_user("ben")

    assert refused("ann", "ben") == "1 not unlocked."
    output = capsys.readouterr()
    assert output.err.startswith("ann (Default): The lock has already ended")
    assert output.out.splitlines()[-1] == "1 of 2 accounts unlocked."
    assert locked() == [("default", "ann")]


def test_audit_log_that_takes_no_row_ends_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_locked_user("ann")
    make_locked_user("ben")
    monkeypatch.setattr(Event, "save", down)

    assert refused("ann", "ben") == "2 not unlocked."
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("ann (Default): pciops' own database does not answer.")
    assert second == "ben (Default): not attempted."
    assert len(locked()) == 2


def test_outage_of_keystones_database_is_one_sentence() -> None:
    with connections["keystone"].cursor() as cursor:
        cursor.execute('ALTER TABLE "user" RENAME TO lost')

    assert refused("ann").startswith("Keystone's database does not answer: ")


@pytest.mark.parametrize(
    ("make", "would"),
    [(make_locked_user, "would be unlocked"), (make_user, "would not change")],
)
def test_dry_run_changes_nothing(
    capsys: pytest.CaptureFixture[str], make: Callable[[str], object], would: str
) -> None:
    make("ann")
    make("ben")
    before = locked()
    run("ann", "ben", "--dry-run")

    assert capsys.readouterr().out.count(would) == 2
    assert locked() == before
    assert not Event.objects.exists()


# --- Reason and identity ------------------------------------------------------------------------
@pytest.mark.parametrize("reason", ["", "  ", "\n", "x" * (REASON_MAX + 1), "\x1b[2J"], ids=len)
def test_reason_that_is_not_text_is_wrong_usage(reason: str) -> None:
    make_locked_user("ann")

    assert refused("ann", reason=reason, code=2).startswith("--reason: ")
    assert not Event.objects.exists()


def test_reason_without_a_ticket_is_wrong_usage(settings: Settings) -> None:
    settings.TICKET_PATTERN = re.compile("INC-[0-9]+")
    make_locked_user("ann")

    assert refused("ann", code=2).startswith("--reason: Enter the ticket")
    assert not Event.objects.exists()


def test_longest_reason_is_kept() -> None:
    make_locked_user("ann")
    run("ann", reason="x" * REASON_MAX)

    assert Event.objects.get().reason == "x" * REASON_MAX


def test_audit_log_names_the_user_of_the_host() -> None:
    make_locked_user("ann")
    run("ann")
    event = Event.objects.get()

    assert (event.via, event.initiator_type, event.identity) == ("command", "os", "host")
    assert event.initiator == f"{pwd.getpwuid(os.getuid()).pw_name} (on {socket.gethostname()})"


def test_confirmation_of_the_identity_can_be_given() -> None:
    make_locked_user("ann")
    run("ann", "--identity", "callback")

    assert Event.objects.get().identity == "callback"


NOBODY = pwd.getpwnam("nobody")


NO_LOGIN = str(2**32 - 1)


@pytest.fixture
def login_uid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The kernel's file with the login uid; there was no login."""
    path = tmp_path / "loginuid"
    path.write_text(NO_LOGIN, encoding="ascii")
    monkeypatch.setattr(services, "LOGIN_UID", path)
    return path


@pytest.mark.parametrize(
    ("login", "uid", "sudo_uid", "expected", "agent"),
    [
        (str(NOBODY.pw_uid), 0, "", "nobody", "as root"),
        (str(NOBODY.pw_uid), 0, "0", "nobody", "as root"),
        (str(NOBODY.pw_uid), NOBODY.pw_uid, "", "nobody", ""),
        ("0", 0, str(NOBODY.pw_uid), "root", ""),
        (NO_LOGIN, 0, str(NOBODY.pw_uid), "root", f"SUDO_UID {NOBODY.pw_uid}, not proven"),
        (NO_LOGIN, 0, "x; rm", "root", ""),
        (NO_LOGIN, 0, "²", "root", ""),
        ("", 0, "9" * 20, "root", ""),
        ("no number", NOBODY.pw_uid, "", "nobody", ""),
    ],
    ids=[
        "sudo",
        "sudo with a forged variable",
        "no sudo",
        "root forges a variable",
        "no login and a forged variable",
        "not a number",
        "another digit",
        "too long",
        "an odd kernel",
    ],
)
def test_audit_log_names_the_user_who_logged_in(
    monkeypatch: pytest.MonkeyPatch,
    login_uid: Path,
    login: str,
    uid: int,
    sudo_uid: str,
    expected: str,
    agent: str,
) -> None:
    login_uid.write_text(login, encoding="ascii")
    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setenv("SUDO_UID", sudo_uid)
    make_locked_user("ann")
    run("ann")
    event = Event.objects.get()

    assert (event.initiator_name, event.initiator_id) == (
        expected,
        str(pwd.getpwnam(expected).pw_uid),
    )
    assert event.initiator_agent == agent


@pytest.mark.parametrize("login", ["4000000", str(2**31)])
def test_unlock_works_for_a_user_without_a_name(login_uid: Path, login: str) -> None:
    """Directory services may be down as well."""
    login_uid.write_text(login, encoding="ascii")
    make_locked_user("ann")
    run("ann")

    assert locked() == []


@pytest.mark.parametrize("logname", ["", "root"])
@pytest.mark.usefixtures("login_uid")
def test_container_user_without_a_name_is_known_by_the_number(
    monkeypatch: pytest.MonkeyPatch, logname: str
) -> None:
    """As with `docker run --user 4000000`: a variable must not name another user."""
    monkeypatch.setattr(os, "getuid", lambda: 4000000)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_UID"):
        monkeypatch.delenv(name, raising=False)
    if logname:
        monkeypatch.setenv("LOGNAME", logname)
    make_locked_user("ann")
    run("ann")
    event = Event.objects.get()

    assert event.initiator_id == "4000000"
    assert event.initiator_name != "root"
