"""The sections about failed sign-ins and changes of accounts, from Keystone's notifications."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from pciops.events.models import ConsumerSession, OutOfBandChange
from pciops.reports.spool import ReportTables
from tests.events.factories import REASON, activity, attempts
from tests.reports.weekly import IN_WEEK, WEEK, figures, rows, section

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

DAY = timedelta(days=1)


def table(key: str, name: str, *, scope: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of a table by the keys of its columns."""
    tables = ReportTables()
    [made] = [table for table in section(key, tables, scope=scope).tables if table.key == name]
    keys = [column.key for column in made.columns]
    return [dict(zip(keys, row, strict=True)) for row in tables.rows(name)]


def connected(since: datetime = WEEK.begins, until: datetime = WEEK.ends) -> None:
    ConsumerSession.objects.create(consumer="a", connected=True, since=since, until=until)


# --- 8.3.4 ---------------------------------------------------------------------------------------
def test_sources_of_failures_are_summed_up_the_worst_first() -> None:
    attempts(2, at=IN_WEEK).save()
    attempts(3, at=IN_WEEK - DAY, user_id="x", name="x").save()
    attempts(
        9, at=IN_WEEK, user_id="", reason=REASON.UNKNOWN_NAME, address="203.0.113.66", agent="go"
    ).save()
    attempts(at=IN_WEEK, reason=REASON.NONE).save()
    worst, other = table("8.3.4", "failure_sources")

    assert (worst["address"], worst["failures"], worst["accounts"], worst["unknown"]) == (
        *("203.0.113.66", 9, 0, 9),
    )
    assert (other["address"], other["failures"], other["accounts"], other["unknown"]) == (
        *("10.2.3.4", 5, 2, 0),
    )
    assert other["first_at"] == "2026-11-10T03:00:00Z"
    assert other["last_at"] == "2026-11-11T03:00:00Z"


def test_accounts_with_attempts_while_locked_are_listed() -> None:
    attempts(4, at=IN_WEEK, reason=REASON.LOCKED).save()
    attempts(3, at=IN_WEEK, reason=REASON.LOCKED, address="::1").save()
    attempts(at=IN_WEEK).save()
    [row] = table("8.3.4", "locked_tries")

    assert (row["user_name"], row["domain_name"], row["tries"], row["addresses"]) == (
        *("j.doe", "corp", 7, 2),
    )


def test_failed_sign_ins_are_counted() -> None:
    connected()
    attempts(4, at=IN_WEEK, reason=REASON.LOCKED).save()
    attempts(2, at=IN_WEEK, reason=REASON.UNKNOWN_NAME, user_id="").save()
    numbers = figures("8.3.4")

    assert [numbers[f"sign_ins_{key}"] for key in ("failed", "locked", "unknown", "addresses")] == [
        *(6, 4, 2, 1)
    ]


def test_numbers_of_a_week_without_a_consumer_are_not_known() -> None:
    made = section("8.3.4")
    unknown = {figure.key for figure in made.figures if figure.number is None}
    tables = {table.key: table.empty for table in made.tables}

    assert unknown >= {"sign_ins_failed", "sign_ins_locked", "sign_ins_unknown"}
    assert "Not known" in tables["failure_sources"]
    assert set(figures("8.2.4").values()) == {None}


def test_numbers_of_a_week_with_a_consumer_for_a_day_say_so() -> None:
    connected(WEEK.begins, WEEK.begins + DAY)
    [figure] = [one for one in section("8.3.4").figures if one.key == "sign_ins_failed"]

    assert figure.number == 0
    assert "6 days" in figure.words


@pytest.mark.parametrize(
    "at", [WEEK.begins - timedelta(minutes=2), WEEK.ends + timedelta(minutes=2)]
)
def test_other_weeks_do_not_count(at: datetime) -> None:
    connected()
    attempts(at=at).save()
    activity(at=at).save()

    assert figures("8.3.4")["sign_ins_failed"] == 0
    assert table("8.2.4", "changes") == []


def test_the_report_of_a_domain_has_only_its_own_events() -> None:
    for domain_id in ("shops", "payments", ""):
        attempts(at=IN_WEEK, domain_id=domain_id).save()
        activity(at=IN_WEEK, domain_id=domain_id).save()

    assert figures("8.3.4", scope="shops")["sign_ins_failed"] == 1
    assert len(table("8.2.4", "changes", scope="shops")) == 1


@pytest.mark.parametrize(("section_key", "kind"), [("8.2.6", "activity"), ("8.3.4", "unlock")])
def test_changes_outside_pciops_are_listed_once(
    section_key: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pciops.reports.sections._out_of_band.BATCH", 2)
    OutOfBandChange.objects.bulk_create(
        OutOfBandChange(
            dedup_key=uuid.uuid4(),
            kind=of_kind,
            user_id=f"{of_kind}{number}",
            name="ann",
            before="a",
            after="b",
            checked_at=WEEK.begins,
            found_at=WEEK.ends + timedelta(minutes=number // 3 - 2),
        )
        for number in range(7)
        for of_kind in ("activity", "unlock")
    )

    assert figures(section_key)[f"hidden_{kind}"] == 6
    assert [row[1] for row in rows(section_key, f"hidden_{kind}")] == [
        f"{kind}{number}" for number in range(6)
    ]


# --- 8.2.4 ---------------------------------------------------------------------------------------
def test_changes_of_accounts_are_listed_with_the_person() -> None:
    connected()
    activity("created", at=IN_WEEK - DAY).save()
    activity("disabled", at=IN_WEEK, event_id="e-1").save()
    first, second = table("8.2.4", "changes")

    assert (first["at"], first["action"], first["by"], first["event_id"]) == (
        *("2026-11-11T03:00:00Z", "Account disabled", "admin (Default)", "e-1"),
    )
    assert first["sentence"].startswith("admin (Default) disabled j.doe (corp)")
    assert second["action"] == "Account created"
    assert figures("8.2.4")["changes_disabled"] == 1
    assert figures("8.2.4")["changes_deleted"] == 0
