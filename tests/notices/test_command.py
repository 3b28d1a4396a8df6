"""`manage.py send_notices`."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from pciops.accounts import loading
from pciops.notices.models import Notice
from tests.factories import PasswordRow, make_user
from tests.notices.letterbox import Letterbox

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def run(*words: str) -> str:
    """What the command writes on standard output."""
    out = io.StringIO()
    call_command("send_notices", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def make_expiring(name: str = "ann") -> None:
    """A user whose password expires in two days."""
    now = timezone.now()
    row = PasswordRow(created_at=now - timedelta(days=80), expires_at=now + timedelta(days=2))
    make_user(name, passwords=[row], email=f"{name}@example.test", last_active_at=now.date())


def test_it_plans_and_sends_and_says_so(letterbox: Letterbox) -> None:
    make_expiring()
    said = run()

    assert said.splitlines() == ["1 planned, 0 cancelled", "1 sent"]
    assert letterbox.reached == ["ann@example.test"]
    assert run().splitlines() == ["0 planned, 0 cancelled"]


def test_a_dry_run_lists_who_would_get_what_and_does_nothing(letterbox: Letterbox) -> None:
    make_expiring()
    [row] = json.loads(run("--dry-run", "--format", "json"))["notices"]

    assert (row["kind"], row["days"], row["address"]) == (
        "password_expiring",
        3,
        "ann@example.test",
    )
    assert Notice.objects.count() == 0
    assert letterbox.reached == []


@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_dry_run_has_the_formats_of_all_lists(form: str) -> None:
    make_expiring("=cmd")
    said = run("--dry-run", "--format", form)

    assert "password_expiring" in said
    assert ("'=cmd" in said) is (form == "csv")


def test_a_dry_run_does_not_list_what_is_planned_already(letterbox: Letterbox) -> None:
    make_expiring()
    run()

    assert "ann" not in run("--dry-run")


def test_a_dry_run_looks_at_another_instant() -> None:
    make_expiring()
    then = (timezone.now() - timedelta(days=30)).isoformat()

    assert "ann" not in run("--dry-run", "--now", then)


def test_a_sample_of_each_kind_goes_to_whom_one_names(letterbox: Letterbox) -> None:
    said = run("--to", "me@example.test")

    assert letterbox.reached == ["me@example.test"] * len(Notice.Kind)
    assert said.count("sent, 250 queued") == len(Notice.Kind)
    assert Notice.objects.count() == 0


def test_a_sample_that_is_refused_is_a_failure(letterbox: Letterbox) -> None:
    letterbox.answers["me@example.test"] = "550 no"
    with pytest.raises(CommandError, match="5 of 5 samples were not taken"):
        run("--to", "me@example.test")


def test_without_a_server_it_plans_and_fails_with_the_setting() -> None:
    make_expiring()
    with pytest.raises(CommandError, match="PCIOPS_EMAIL_URL is not set"):
        run()

    assert Notice.objects.get().status == "planned"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--now", "2026-11-22T14:00"], "--now goes with --dry-run alone"),
        (["--dry-run", "--now", "soon"], "is no time such as"),
        (["--dry-run", "--now", "2026-13-22T14:00"], "is no time such as"),
        (["--to", "me"], "is no mail address"),
    ],
)
def test_wrong_usage_is_told_with_exit_code_2(words: list[str], problem: str) -> None:
    with pytest.raises(CommandError, match=problem) as raised:
        run(*words)

    assert raised.value.returncode == 2


def test_keystones_database_down_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> Any:
        raise OperationalError(2003, "Can't connect")

    monkeypatch.setattr(loading, "user_rows", down)
    with pytest.raises(CommandError, match="Keystone's database does not answer: Can't connect"):
        run()
