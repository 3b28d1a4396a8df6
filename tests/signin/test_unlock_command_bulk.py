"""`manage.py unlock` with several accounts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from pciops.audit.models import Event
from pciops.keystone.models import LocalUser
from tests.factories import make_locked_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def run(*words: str) -> None:
    """Run the command."""
    call_command("unlock", *words, "--reason", "called")


def locked() -> list[str]:
    """Who still has failures."""
    rows = LocalUser.objects.filter(failed_auth_count__gt=0).order_by("name")
    return list(rows.values_list("name", flat=True))


def test_several_accounts_are_unlocked(capsys: pytest.CaptureFixture[str]) -> None:
    make_locked_user("ann")
    ben = make_locked_user("ben")
    make_locked_user("cat")
    run("ann", ben.id)
    out = capsys.readouterr().out.splitlines()

    assert locked() == ["cat"]
    assert [line for line in out if not line.startswith("Trail: ")] == [
        "ann (Default) is unlocked; 3 failures cleared.",
        "ben (Default) is unlocked; 3 failures cleared.",
        "2 of 2 accounts unlocked.",
    ]
    assert Event.objects.count() == 2


def test_an_account_that_is_named_twice_is_unlocked_once() -> None:
    user = make_locked_user("ann")
    run("ann", user.id)

    assert Event.objects.get().outcome == Event.Outcome.SUCCESS


def test_an_unknown_name_among_others_changes_nothing() -> None:
    make_locked_user("ann")

    with pytest.raises(CommandError, match="There is no account 'bob'"):
        run("ann", "bob")
    assert locked() == ["ann"]


def test_a_conflict_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    make_locked_user("ann", at=timezone.now() - timedelta(hours=1))
    make_locked_user("ben")

    with pytest.raises(CommandError, match=r"^1 not unlocked\.$") as raised:
        run("ann", "ben")
    said = capsys.readouterr()
    assert raised.value.returncode == 1
    assert said.err == "ann (Default): The lock has run out by itself. Nothing was changed.\n"
    assert said.out.splitlines()[-1] == "1 of 2 accounts unlocked."
    assert locked() == ["ann"]


def test_a_trail_that_takes_no_row_ends_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(event: Event, **options: object) -> None:
        raise OperationalError("the trail's disk is full")

    make_locked_user("ann")
    make_locked_user("ben")
    monkeypatch.setattr(Event, "save", fill)

    with pytest.raises(CommandError, match=r"^2 not unlocked\.$"):
        run("ann", "ben")
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("ann (Default): pciops' own database does not answer.")
    assert second == "ben (Default): not tried."
    assert locked() == ["ann", "ben"]


def test_a_dry_run_says_it_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    make_locked_user("ann")
    make_locked_user("ben")
    run("ann", "ben", "--dry-run")

    assert capsys.readouterr().out.count("would be unlocked") == 2
    assert locked() == ["ann", "ben"]
