"""`manage.py accounts`: the lists without a browser."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from pciops.accounts import exports
from pciops.accounts.management.commands import accounts
from tests.factories import grant, make_locked_user, make_user

pytestmark = pytest.mark.django_db(databases=["keystone"])


@pytest.fixture
def _users() -> None:
    """One locked account, and one that is not, in different domains."""
    make_locked_user("ann", domain_id="d1", domain_name="Example", email="ann@example.test")
    make_user("bob", domain_id="d2", domain_name="Other")


def run(*words: str) -> tuple[str, str]:
    """What the command writes to standard output and to standard error."""
    out, err = io.StringIO(newline=""), io.StringIO()
    call_command("accounts", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.mark.usefixtures("_users")
def test_a_table_is_for_people() -> None:
    out, err = run()
    lines = out.splitlines()

    assert lines[0].split() == list(accounts.TABLE)
    assert [line.split()[:2] for line in lines[1:]] == [["ann", "Example"], ["bob", "Other"]]
    assert err == "2 accounts\n"


@pytest.mark.usefixtures("_users")
def test_one_account_is_one_account() -> None:
    assert run("--state", "locked")[1] == "1 account\n"


@pytest.mark.usefixtures("_users")
def test_json_is_the_api_s() -> None:
    out, err = run("--format", "json")
    found = json.loads(out)["accounts"]

    assert [(row["name"], row["states"]) for row in found] == [("ann", ["locked"]), ("bob", [])]
    assert err == ""


@pytest.mark.usefixtures("_users")
def test_csv_has_a_column_for_every_key_of_the_api() -> None:
    out, _ = run("--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out, newline="")))
    keys = json.loads(run("--format", "json")[0])["accounts"][0]

    assert list(rows[0]) == list(keys)
    assert [row["name"] for row in rows] == ["ann", "bob"]


def test_a_name_like_a_formula_is_defused_in_csv() -> None:
    make_user('=HYPERLINK("http://evil.test")')
    out, _ = run("--format", "csv")

    assert list(csv.reader(io.StringIO(out, newline="")))[1][1].startswith("'=HYPERLINK")


def test_a_name_cannot_reach_the_terminal() -> None:
    make_user("\x1b[2Jann")

    assert "\x1b" not in run()[0]


@pytest.mark.usefixtures("_users")
@pytest.mark.parametrize("domain", ["d2", "Other"])
def test_a_domain_is_given_by_name_or_id(domain: str) -> None:
    out, _ = run("--domain", domain, "--format", "json")

    assert [row["name"] for row in json.loads(out)["accounts"]] == ["bob"]


@pytest.mark.usefixtures("_users")
def test_an_unknown_domain_is_wrong_usage_and_names_those_that_there_are() -> None:
    with pytest.raises(CommandError, match="'Nowhere'; there are Example, Other") as raised:
        run("--domain", "Nowhere")

    assert raised.value.returncode == 2


@pytest.mark.usefixtures("_users")
def test_an_unknown_state_is_wrong_usage() -> None:
    with pytest.raises(CommandError, match="invalid choice: 'broken'"):
        run("--state", "broken")


@pytest.mark.usefixtures("_users")
@pytest.mark.parametrize("text", ["ann", "@EXAMPLE"])
def test_a_search_narrows_the_list(text: str) -> None:
    out, _ = run("--search", text, "--format", "json")

    assert [row["name"] for row in json.loads(out)["accounts"]] == ["ann"]


@pytest.mark.usefixtures("_users")
def test_a_kind_narrows_the_list() -> None:
    grant(make_user("root"))

    found = json.loads(run("--kind", "administrator", "--format", "json")[0])["accounts"]

    assert [(row["name"], row["kinds"]) for row in found] == [("root", ["administrator"])]


def test_an_unknown_kind_is_wrong_usage() -> None:
    with pytest.raises(CommandError, match="invalid choice: 'robot'"):
        run("--kind", "robot")


def test_a_lock_that_has_run_out_is_not_listed_as_locked() -> None:
    make_locked_user("ann", at=timezone.now() - timedelta(minutes=31))

    assert json.loads(run("--state", "locked", "--format", "json")[0]) == {"accounts": []}


def test_a_list_of_several_batches_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "BATCH", 2)
    for number in range(5):
        make_user(f"user{number}")

    assert run()[1] == "5 accounts\n"


@pytest.mark.parametrize("kind", ["table", "csv", "json"])
@pytest.mark.parametrize("words", [(), ("--domain", "d1")], ids=["all", "domain"])
def test_a_database_that_is_down_is_one_sentence(words: tuple[str, ...], kind: str) -> None:
    with connections["keystone"].cursor() as cursor:
        for table in ("local_user", "project"):
            cursor.execute(f"ALTER TABLE {table} RENAME TO lost_{table}")

    with pytest.raises(CommandError, match="Keystone's database does not answer: ") as raised:
        run("--format", kind, *words)
    assert raised.value.returncode == 1
