"""Tests of the command `accounts`."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from pciops.accounts import exports
from pciops.accounts.management.commands import accounts
from tests.factories import grant, make_locked_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def _users() -> None:
    """A locked account and another one, in different domains."""
    make_locked_user("ann", domain_id="d1", domain_name="Example", email="ann@example.test")
    make_user("bob", domain_id="d2", domain_name="Other")


def run(*words: str) -> tuple[str, str]:
    """Return standard output and standard error of the command."""
    out, err = io.StringIO(newline=""), io.StringIO()
    call_command("accounts", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def rows(*words: str) -> list[dict[str, Any]]:
    """Return the accounts that the command prints as JSON."""
    accounts: list[dict[str, Any]] = json.loads(run("--format", "json", *words)[0])["accounts"]
    return accounts


@pytest.mark.usefixtures("_users")
def test_command_prints_a_table() -> None:
    out, err = run()
    lines = out.splitlines()

    assert lines[0].split() == list(accounts.TABLE)
    assert [line.split()[:2] for line in lines[1:]] == [["ann", "Example"], ["bob", "Other"]]
    assert err == "2 accounts\n"


@pytest.mark.usefixtures("_users")
def test_command_prints_json() -> None:
    assert run("--state", "locked")[1] == "1 account\n"
    assert run("--format", "json")[1] == ""
    assert [(row["name"], row["states"]) for row in rows()] == [("ann", ["locked"]), ("bob", [])]


@pytest.mark.usefixtures("_users")
def test_csv_has_the_keys_of_json() -> None:
    out, _ = run("--format", "csv")
    read = list(csv.DictReader(io.StringIO(out, newline="")))

    assert list(read[0]) == list(rows()[0])
    assert [row["name"] for row in read] == ["ann", "bob"]


def test_csv_defuses_formulas() -> None:
    make_user('=HYPERLINK("http://evil.test")')
    out, _ = run("--format", "csv")

    assert list(csv.reader(io.StringIO(out, newline="")))[1][1].startswith("'=HYPERLINK")


def test_table_contains_no_escape_sequences() -> None:
    make_user("\x1b[2Jann")

    assert "\x1b" not in run()[0]


@pytest.mark.usefixtures("_users")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--domain", "d2"), ["bob"]),
        (("--domain", "Other"), ["bob"]),
        (("--search", "ann"), ["ann"]),
        (("--search", "@EXAMPLE"), ["ann"]),
        (("--kind", "administrator"), ["root"]),
    ],
)
def test_options_filter_the_list(words: tuple[str, ...], expected: list[str]) -> None:
    grant(make_user("root"))

    assert [row["name"] for row in rows(*words)] == expected


@pytest.mark.usefixtures("_users")
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--domain", "Nowhere"), "'Nowhere' is unknown. Choose from Example, Other"),
        (("--state", "broken"), "invalid choice: 'broken'"),
        (("--kind", "robot"), "invalid choice: 'robot'"),
    ],
)
def test_unknown_filter_is_wrong_usage(words: tuple[str, ...], error: str) -> None:
    with pytest.raises(CommandError, match=error) as raised:
        run(*words)

    assert raised.value.returncode == 2 or "invalid choice" in error


def test_lapsed_lock_is_not_listed_as_locked() -> None:
    make_locked_user("ann", at=timezone.now() - timedelta(minutes=31))

    assert rows("--state", "locked") == []


def test_list_of_several_batches_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "BATCH", 2)
    for number in range(5):
        make_user(f"user{number}")

    assert run()[1] == "5 accounts\n"


@pytest.mark.parametrize("kind", ["table", "csv", "json"])
@pytest.mark.parametrize("words", [(), ("--domain", "d1")], ids=["all", "domain"])
def test_database_outage_is_one_sentence(words: tuple[str, ...], kind: str) -> None:
    with connections["keystone"].cursor() as cursor:
        for table in ("local_user", "project"):
            cursor.execute(f"ALTER TABLE {table} RENAME TO lost_{table}")

    with pytest.raises(CommandError, match="Keystone's database does not answer: ") as raised:
        run("--format", kind, *words)
    assert raised.value.returncode == 1
