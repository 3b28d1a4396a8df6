"""`manage.py unlock`: an unlock with nothing but Keystone's database."""

from __future__ import annotations

import os
import pwd
import socket
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from pciops.actions.inputs import REASON_MAX
from pciops.audit.models import Event
from pciops.keystone.models import LocalUser
from tests.factories import make_locked_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def run(*words: str, reason: str = "called") -> None:
    """Run the command."""
    call_command("unlock", *words, "--reason", reason)


def count(name: str, domain_id: str = "default") -> int | None:
    """The failures of a user."""
    return LocalUser.objects.get(name=name, domain_id=domain_id).failed_auth_count


def test_an_account_is_unlocked_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    make_locked_user("ann")
    run("ann")

    assert count("ann") == 0
    assert capsys.readouterr().out.splitlines() == [
        "ann (Default) is unlocked; 3 failures cleared.",
        f"Trail: {Event.objects.get().id}",
    ]


def test_an_account_is_unlocked_by_its_id() -> None:
    run(make_locked_user("ann").id)

    assert count("ann") == 0


@pytest.mark.parametrize("domain", ["d2", "Other"])
def test_a_name_in_two_domains_needs_the_domain(domain: str) -> None:
    make_locked_user("ann", domain_id="d1", domain_name="Example")
    make_locked_user("ann", domain_id="d2", domain_name="Other")
    run("ann", "--domain", domain)

    assert (count("ann", "d1"), count("ann", "d2")) == (3, 0)


def test_a_name_in_two_domains_alone_is_wrong_usage() -> None:
    make_locked_user("ann", domain_id="d1", domain_name="Example")
    make_locked_user("ann", domain_id="d2", domain_name="Other")

    with pytest.raises(CommandError, match="'ann' exists in Example, Other; say which") as raised:
        run("ann")
    assert raised.value.returncode == 2
    assert (count("ann", "d1"), count("ann", "d2")) == (3, 3)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("bob",), "There is no account 'bob'."),
        (("an%",), "There is no account 'an%'."),
        (("ann", "--domain", "Other"), "There is no account 'ann' in the domain 'Other'."),
    ],
)
def test_an_unknown_account_is_a_failure(words: tuple[str, ...], sentence: str) -> None:
    make_locked_user("ann")

    with pytest.raises(CommandError) as raised:
        run(*words)
    assert (str(raised.value), raised.value.returncode) == (sentence, 1)


def test_an_id_of_another_domain_is_unknown() -> None:
    user = make_locked_user("ann")

    with pytest.raises(CommandError, match="There is no account"):
        run(user.id, "--domain", "Other")
    assert count("ann") == 3


@pytest.mark.parametrize("reason", ["", "  ", "\n", "x" * (REASON_MAX + 1), "\x1b[2J"], ids=len)
def test_a_reason_that_is_none_is_wrong_usage(reason: str) -> None:
    make_locked_user("ann")

    with pytest.raises(CommandError, match="^--reason: ") as raised:
        run("ann", reason=reason)
    assert raised.value.returncode == 2
    assert not Event.objects.exists()


def test_the_longest_reason_is_kept_whole() -> None:
    make_locked_user("ann")
    run("ann", reason="x" * REASON_MAX)

    assert Event.objects.get().reason == "x" * REASON_MAX


@pytest.mark.parametrize(
    ("locked", "would"),
    [(True, "would be unlocked. Cannot sign in: locked until"), (False, "would stay as it is. ")],
)
def test_a_dry_run_says_what_would_be_done(
    capsys: pytest.CaptureFixture[str], locked: bool, would: str
) -> None:
    make_locked_user("ann") if locked else make_user("ann")
    run("ann", "--dry-run")

    assert capsys.readouterr().out.startswith(f"ann (Default) {would}")


def test_a_dry_run_changes_nothing_and_leaves_no_trail() -> None:
    make_locked_user("ann")
    run("ann", "--dry-run")

    assert count("ann") == 3
    assert not Event.objects.exists()


def test_an_account_that_is_not_locked_is_a_failure_in_the_trail() -> None:
    make_locked_user("ann", at=timezone.now() - timedelta(hours=1))

    with pytest.raises(CommandError, match="The lock has run out by itself") as raised:
        run("ann")
    assert raised.value.returncode == 1
    assert Event.objects.get().outcome == Event.Outcome.FAILURE


def test_the_trail_says_that_it_was_the_command_line() -> None:
    make_locked_user("ann")
    run("ann")
    event = Event.objects.get()

    assert (event.via, event.initiator_type, event.identity) == ("command", "os", "host")
    assert event.initiator == f"{pwd.getpwuid(os.getuid()).pw_name} (on {socket.gethostname()})"


def test_how_the_identity_was_confirmed_may_be_said() -> None:
    make_locked_user("ann")
    run("ann", "--identity", "callback")

    assert Event.objects.get().identity == "callback"


NOBODY = pwd.getpwnam("nobody")


@pytest.mark.parametrize(
    ("uid", "sudo_uid", "expected"),
    [
        (0, str(NOBODY.pw_uid), "nobody"),
        (0, "", "root"),
        (0, "x; rm", "root"),
        (0, "-1", "root"),
        (NOBODY.pw_uid, "0", "nobody"),  # who is not root may write what they like there
    ],
    ids=["sudo", "root", "no number", "below zero", "forged"],
)
def test_under_sudo_the_trail_names_who_called_it(
    monkeypatch: pytest.MonkeyPatch, uid: int, sudo_uid: str, expected: str
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setenv("SUDO_UID", sudo_uid)
    make_locked_user("ann")
    run("ann")
    event = Event.objects.get()

    assert (event.initiator_name, event.initiator_id) == (
        expected,
        str(pwd.getpwnam(expected).pw_uid),
    )


@pytest.mark.parametrize("sudo_uid", ["4000000", "²", "99999999999999999999"])
def test_a_user_without_a_name_can_unlock_on_the_worst_day(
    monkeypatch: pytest.MonkeyPatch, sudo_uid: str
) -> None:
    """Directory services may be down as well, or the variable nonsense."""
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", sudo_uid)
    make_locked_user("ann")
    run("ann")

    assert count("ann") == 0


def test_a_container_user_without_any_name_can_unlock(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with `docker run --user 4000000`, where no variable names the user either."""
    monkeypatch.setattr(os, "getuid", lambda: 4000000)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_UID"):
        monkeypatch.delenv(name, raising=False)
    make_locked_user("ann")
    run("ann")

    assert Event.objects.get().initiator_id == "4000000"


def test_who_has_no_name_is_not_named_as_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4000000)
    monkeypatch.setenv("LOGNAME", "root")
    make_locked_user("ann")
    run("ann")

    assert Event.objects.get().initiator_name != "root"


def test_a_database_that_is_down_is_one_sentence() -> None:
    with connections["keystone"].cursor() as cursor:
        cursor.execute('ALTER TABLE "user" RENAME TO lost')

    with pytest.raises(CommandError, match="Keystone's database does not answer: ") as raised:
        run("ann")
    assert raised.value.returncode == 1
