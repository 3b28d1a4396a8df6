"""Tests of the counts of leftovers in Keystone's tables, as values, command, task and check."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from pytest_django import Settings

from pciops.accounts import doctor, housekeeping, tasks
from pciops.accounts.leftovers import BY_NAME, LEFTOVERS, Limits, NotCountedError
from pciops.accounts.models import LeftoverCount
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.models import ApplicationCredential, RevocationEvent, Trust, TrustRole
from tests.factories import (
    NOW,
    PasswordRow,
    make_credential,
    make_federated_user,
    make_ldap_user,
    make_user,
    new_id,
)

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

SECOND = timedelta(seconds=1)
LIMITS = Limits(now=NOW, revocations_kept=timedelta(seconds=5400), passwords_kept=4)
UNKNOWN = Limits(now=NOW, revocations_kept=None, passwords_kept=None)


def number(name: str, limits: Limits = LIMITS) -> int:
    """Return how many rows the count of this leftover finds."""
    with connections["keystone"].cursor() as cursor:
        cursor.execute(BY_NAME[name].count(limits))
        return int(cursor.fetchone()[0])


def make_trust(**columns: Any) -> str:
    """Create a trust and return its id."""
    return str(Trust.objects.using("keystone").create(id=new_id(), **columns).id)


def make_revocation(at: datetime) -> None:
    """Create a revocation event."""
    events = RevocationEvent.objects.using("keystone")
    events.create(id=events.count() + 1, revoked_at=at)


@contextmanager
def refused(error: OperationalError, word: str = "") -> Iterator[None]:
    """Let Keystone's database refuse each statement with this word."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if word in sql:
            raise error
        return execute(sql, params, many, context)

    with connections["keystone"].execute_wrapper(refuse):
        yield


@pytest.fixture
def conf(settings: Settings, tmp_path: Path) -> Callable[..., None]:
    """A function that writes a keystone.conf for each of its arguments."""

    def write(*texts: str) -> None:
        paths = [tmp_path / f"keystone-{number}.conf" for number, _ in enumerate(texts)]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        settings.KEYSTONE_CONF = [str(path) for path in paths]

    return write


# --- What is a leftover -------------------------------------------------------------------------
# The table of unit tests has no hashes; tests/live counts them.
@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - {"old_password_hashes"}))
def test_an_orderly_cloud_has_no_leftovers(name: str) -> None:
    ann = make_user("ann", options={"1001": True}, passwords=[PasswordRow()] * 4)
    make_ldap_user()
    make_federated_user("fred")
    make_credential(ann, expires_at=NOW + SECOND)
    trust = make_trust(expires_at_int=NOW + SECOND, expires_at=NOW + SECOND)
    TrustRole.objects.using("keystone").create(trust_id=trust, role_id="role")
    make_revocation(NOW - timedelta(seconds=5400))

    assert number(name) == 0


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, 0),
        ({"expires_at_int": NOW}, 0),  # Keystone refuses it only afterwards
        ({"expires_at_int": NOW - SECOND}, 1),
        ({"expires_at": NOW - SECOND}, 1),
        ({"expires_at": NOW - SECOND, "expires_at_int": NOW + SECOND}, 0),
        ({"deleted_at": NOW - SECOND}, 1),
        ({"deleted_at": NOW - SECOND, "expires_at_int": NOW + SECOND}, 1),
    ],
)
def test_trusts_that_are_expired_or_deleted(columns: dict[str, datetime], expected: int) -> None:
    make_trust(**columns)

    assert number("expired_trusts") == expected


@pytest.mark.parametrize(
    ("expires_at", "expected"), [(None, 0), (NOW + SECOND, 0), (NOW, 1), (NOW - SECOND, 1)]
)
def test_application_credentials_that_are_expired(
    expires_at: datetime | None, expected: int
) -> None:
    make_credential(make_user(), expires_at=expires_at)

    assert number("expired_application_credentials") == expected


@pytest.mark.parametrize(("seconds", "expected"), [(5399, 0), (5400, 0), (5401, 1)])
def test_revocation_events_older_than_any_token(seconds: int, expected: int) -> None:
    make_revocation(NOW - timedelta(seconds=seconds))

    assert number("old_revocation_events") == expected


@pytest.mark.parametrize(("held", "expected"), [(1, 0), (4, 0), (5, 1), (9, 5)])
def test_passwords_beyond_those_that_keystone_keeps(held: int, expected: int) -> None:
    for name in ("ann", "bob"):
        make_user(name, passwords=[PasswordRow()] * held)

    assert number("old_passwords") == 2 * expected


def test_rows_whose_user_or_trust_is_gone() -> None:
    credential = make_credential(make_user("ann"))
    ApplicationCredential.objects.using("keystone").filter(pk=credential.pk).update(
        user_id=new_id()
    )
    TrustRole.objects.using("keystone").create(trust_id=new_id(), role_id="role")
    make_federated_user()  # with no identity left

    assert number("application_credentials_without_user") == 1
    assert number("trust_roles_without_trust") == 1
    assert number("users_without_name") == 1


# --- What Keystone needs ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("texts", "kept", "seconds"),
    [
        ((), None, None),
        (("",), 2, 5400),
        (("[security_compliance]\nunique_last_password_count = 5",), 6, 5400),
        (("[token]\nexpiration = 7200\n[revoke]\nexpiration_buffer = 10",), 2, 7210),
        (("[token]\nexpiration = 7200", "[token]\nexpiration = 600"), 2, 9000),
        (("[token]\nexpiration = 600", ""), 2, 5400),
        (("[token]\nexpiration = $other",), 2, None),
        (
            (
                "[security_compliance]\nunique_last_password_count = 8",
                "[security_compliance]\nunique_last_password_count = 4",
            ),
            9,
            5400,
        ),
    ],
)
def test_limits_come_from_the_files_and_the_greatest_counts(
    conf: Callable[..., None], texts: tuple[str, ...], kept: int | None, seconds: int | None
) -> None:
    conf(*texts)
    limits = housekeeping.limits_at(NOW)

    assert limits.passwords_kept == kept
    assert limits.revocations_kept == (seconds and timedelta(seconds=seconds))


def test_the_number_of_passwords_can_come_from_a_setting(settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"unique_last_password_count": "4"}

    assert housekeeping.limits_at(NOW).passwords_kept == 5


@pytest.mark.parametrize("name", ["old_revocation_events", "old_passwords"])
def test_nothing_is_counted_or_printed_by_an_unknown_limit(name: str) -> None:
    for method in (BY_NAME[name].count, BY_NAME[name].sql):
        with pytest.raises(NotCountedError) as raised:
            method(UNKNOWN)

        assert "PCIOPS_KEYSTONE_CONF" in raised.value.remedy


# --- Counting -----------------------------------------------------------------------------------
def counts() -> dict[str, LeftoverCount]:
    """Count all leftovers now."""
    return {count.name: count for count in housekeeping.count(NOW)}


def test_a_missing_grant_is_unknown_and_not_zero() -> None:
    denied = OperationalError(1142, "SELECT command denied to user 'pciops' for table 'trust'")
    with refused(denied, "FROM trust "):
        found = counts()

    assert found["expired_trusts"].number is None
    assert found["expired_trusts"].reason == "pciops' login can't read trust."
    assert "pciops grants" in found["expired_trusts"].remedy
    assert found["expired_application_credentials"].number == 0


def test_a_hash_that_may_not_be_read_needs_no_grant() -> None:
    with refused(OperationalError(1143, "SELECT command denied"), "password_hash"):
        count = counts()["old_password_hashes"]

    assert count.number is None
    assert "by design" in count.reason
    assert "grants" not in count.remedy


def test_a_count_that_takes_too_long_is_unknown() -> None:
    error = OperationalError(1969, "Query execution was interrupted (max_statement_time exceeded)")
    with refused(error, "GROUP BY local_user_id"):
        housekeeping_counts = counts()

    assert housekeeping_counts["old_passwords"].number is None


def test_an_outage_is_no_count(conf: Callable[..., None]) -> None:
    conf("")
    with refused(OperationalError(2002, "Can't connect")), pytest.raises(KeystoneDatabaseDownError):
        counts()


def test_all_revocation_events_are_counted_too(conf: Callable[..., None]) -> None:
    conf("")
    for age in (0, 1, 3):
        make_revocation(NOW - timedelta(hours=age))
    count = counts()["old_revocation_events"]

    assert (count.number, count.total) == (1, 3)


@time_machine.travel(NOW, tick=False)
def test_the_job_counts_once_a_day() -> None:
    tasks.housekeeping()
    make_trust(deleted_at=NOW)
    tasks.housekeeping()
    assert LeftoverCount.objects.get(name="expired_trusts").number == 0

    with time_machine.travel(NOW + timedelta(days=1), tick=False):
        tasks.housekeeping()
    assert LeftoverCount.objects.get(name="expired_trusts").number == 1
    assert LeftoverCount.objects.count() == len(LEFTOVERS)


def test_an_outage_leaves_the_last_counts() -> None:
    tasks.housekeeping()
    with refused(OperationalError(2002, "Can't connect")):
        tasks.housekeeping()

    assert LeftoverCount.objects.count() == len(LEFTOVERS)


# --- The command --------------------------------------------------------------------------------
def run(*words: str) -> tuple[str, str]:
    """Return standard output and standard error of the command."""
    out, err = io.StringIO(), io.StringIO()
    call_command("housekeeping", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_command_counts_and_keeps_the_counts(conf: Callable[..., None]) -> None:
    conf("")
    make_trust(deleted_at=NOW)
    out, err = run("--format", "json")
    rows = {row["leftover"]: row for row in json.loads(out)["leftovers"]}

    assert list(rows) == [leftover.name for leftover in LEFTOVERS]
    assert (rows["expired_trusts"]["rows"], rows["expired_trusts"]["not_counted"]) == (1, "")
    assert rows["old_password_hashes"]["rows"] is None
    assert rows["old_password_hashes"]["not_counted"]
    assert "1 leftover row; 1 kind not counted" in err
    assert LeftoverCount.objects.get(name="expired_trusts").number == 1


def test_command_keeps_nothing_with_dry_run() -> None:
    out, err = run("--dry-run")

    assert "expired_trusts" in out
    assert "nothing kept" in err
    assert not LeftoverCount.objects.exists()


@pytest.mark.parametrize("name", list(BY_NAME))
def test_printed_sql_backs_up_counts_and_takes_small_steps(
    conf: Callable[..., None], name: str
) -> None:
    conf("")
    out, _ = run("--sql", name)
    deletes = [line for line in out.splitlines() if line.startswith("DELETE")]

    assert out.count("SELECT COALESCE(SUM" if name == "old_passwords" else "SELECT COUNT(*)") >= 2
    assert all("LIMIT 1000" in delete for delete in deletes)
    if deletes:
        assert out.index("mariadb-dump") < out.index("EXPLAIN DELETE") < out.index(deletes[0])
    assert not LeftoverCount.objects.exists()


def test_no_step_returns_more_of_a_hash_than_its_scheme() -> None:
    lines = BY_NAME["old_password_hashes"].sql(LIMITS).splitlines()
    returned = [line.partition(" FROM password WHERE")[0] for line in lines]
    scheme = "SUBSTRING_INDEX(password_hash, '$', 2)"

    assert sum(scheme in part for part in returned) == 1
    assert not [part for part in returned if "password_hash" in part.replace(scheme, "")]


def test_command_prints_no_sql_by_an_unknown_limit() -> None:
    with pytest.raises(CommandError, match="PCIOPS_KEYSTONE_CONF"):
        run("--sql", "old_revocation_events")


def test_command_fails_while_keystones_database_is_down() -> None:
    with refused(OperationalError(2002, "Can't connect")), pytest.raises(CommandError) as raised:
        run()

    assert "does not answer" in str(raised.value)


# --- The doctor ---------------------------------------------------------------------------------
def results(**numbers: int | None) -> list[tuple[str, str]]:
    """Return level and text of the check with these counts of an hour ago, and zeros."""
    counted_at = datetime.now(UTC) - timedelta(hours=1)
    for leftover in LEFTOVERS:
        LeftoverCount.objects.create(
            name=leftover.name,
            counted_at=counted_at,
            milliseconds=1,
            number=numbers.get(leftover.name, 0),
            reason="pciops' login can't read it." if leftover.name in numbers else "",
            remedy="Run what pciops grants prints." if leftover.name in numbers else "",
        )
    return [
        (str(result.level), result.sentence + result.remedy) for result in doctor.housekeeping()
    ]


@pytest.mark.parametrize(
    ("numbers", "level", "term"),
    [
        ({}, "ok", "1 h ago"),
        ({"expired_trusts": 999}, "ok", "1 h ago"),
        ({"expired_trusts": 1000}, "warning", "--sql expired_trusts"),
        ({"passwords_without_user": 1}, "warning", "--sql passwords_without_user"),
        ({"expired_trusts": None}, "warning", "pciops grants"),
        ({"old_password_hashes": None}, "ok", "1 h ago"),
    ],
)
def test_the_doctor_warns_of_many_leftovers_and_of_unknown_numbers(
    numbers: dict[str, int | None], level: str, term: str
) -> None:
    [(found, text)] = results(**numbers)

    assert found == level
    assert term in text


def test_the_doctor_warns_without_counts_and_of_old_ones() -> None:
    [missing] = doctor.housekeeping()
    results()
    LeftoverCount.objects.update(counted_at=datetime.now(UTC) - timedelta(days=3))
    [old] = doctor.housekeeping()

    assert (missing.level, old.level) == ("warning", "warning")
    assert "3 days ago" in old.sentence
