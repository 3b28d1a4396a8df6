"""What the weekly report says of notifications."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from pciops.events.models import ConsumerSession
from pciops.lib import evidence
from pciops.lib.evidence import Figure, Gap, Part, Question, Statement, Table
from tests.events.factories import REASON, activity, attempts
from tests.factories import NOW

pytestmark = pytest.mark.django_db

DAY: Final = timedelta(days=1)
BEGINS: Final = NOW - 7 * DAY
WEEK: Final = Question(begins=BEGINS, ends=NOW, now=NOW + DAY)
SHOPS: Final = Question(begins=BEGINS, ends=NOW, now=NOW + DAY, scope="shops")


def parts(section: str, question: Question = WEEK) -> list[Part]:
    """All that this package brings."""
    sources = [
        it
        for it in evidence._sources
        if it.parts.__module__ == "pciops.reports.sections.events_evidence"
    ]
    found = [list(it.parts(question)) for it in sources if it.section == section]
    return [part for some in found for part in some]


def table(section: str, key: str, question: Question = WEEK) -> list[dict[str, Any]]:
    """The rows of a table by the keys of its columns."""
    [found] = [it for it in parts(section, question) if isinstance(it, Table) and it.key == key]
    keys = [column.key for column in found.columns]
    return [dict(zip(keys, row, strict=True)) for row in found.read()]


def figures(section: str, question: Question = WEEK) -> dict[str, int | None]:
    return {it.key: it.number for it in parts(section, question) if isinstance(it, Figure)}


@pytest.fixture(autouse=True)
def _registered() -> None:
    """The report finds it by itself."""
    list(evidence.parts("no section", WEEK))


def running(since: timedelta, until: timedelta) -> None:
    """A consumer was connected from then to then, counted from the week's beginning."""
    ConsumerSession.objects.create(
        consumer="a", connected=True, since=BEGINS + since, until=BEGINS + until
    )


# --- 8.3.4 ---------------------------------------------------------------------------------------
def test_sources_of_failures_are_summed_up_the_worst_first() -> None:
    attempts(2, at=NOW - DAY).save()
    attempts(3, at=NOW - 2 * DAY, user_id="x", name="x").save()
    attempts(
        9, at=NOW - DAY, user_id="", reason=REASON.UNKNOWN_NAME, address="203.0.113.66", agent="go"
    ).save()
    attempts(at=NOW - DAY, reason=REASON.NONE).save()
    worst, other = table("8.3.4", "failure_sources")

    assert (worst["address"], worst["failures"], worst["accounts"], worst["unknown"]) == (
        *("203.0.113.66", 9, 0, 9),
    )
    assert (other["address"], other["failures"], other["accounts"], other["unknown"]) == (
        *("10.2.3.4", 5, 2, 0),
    )
    assert other["first_at"] == "2026-11-20T14:02:11Z"
    assert other["last_at"] == "2026-11-21T14:02:11Z"


def test_tries_on_locked_accounts_are_named() -> None:
    attempts(4, at=NOW - DAY, reason=REASON.LOCKED).save()
    attempts(3, at=NOW - DAY, reason=REASON.LOCKED, address="::1").save()
    attempts(at=NOW - DAY).save()
    [row] = table("8.3.4", "locked_tries")

    assert (row["user_name"], row["domain_name"], row["tries"], row["addresses"]) == (
        *("j.doe", "corp", 7, 2),
    )


def test_failures_are_counted() -> None:
    running(timedelta(0), 7 * DAY)
    attempts(4, at=NOW - DAY, reason=REASON.LOCKED).save()
    attempts(2, at=NOW - DAY, reason=REASON.UNKNOWN_NAME, user_id="").save()

    assert figures("8.3.4") == {
        "sign_ins_failed": 6,
        "sign_ins_locked": 4,
        "sign_ins_unknown": 2,
        "sign_ins_addresses": 1,
    }
    assert [it for it in parts("8.3.4") if isinstance(it, Statement)] == []


def test_a_week_without_a_consumer_is_not_known() -> None:
    [statement] = [it for it in parts("8.3.4") if isinstance(it, Statement)]

    assert statement.verdict == "unknown"


@pytest.mark.parametrize("at", [BEGINS - timedelta(minutes=2), NOW + timedelta(minutes=2)])
def test_other_weeks_do_not_count(at: Any) -> None:
    attempts(at=at).save()
    activity(at=at).save()

    assert figures("8.3.4")["sign_ins_failed"] == 0
    assert table("8.2.4", "changes") == []


def test_a_domain_gets_what_is_surely_its_own() -> None:
    for domain_id in ("shops", "payments", ""):
        attempts(at=NOW - DAY, domain_id=domain_id).save()
        activity(at=NOW - DAY, domain_id=domain_id).save()

    assert figures("8.3.4", SHOPS)["sign_ins_failed"] == 1
    assert len(table("8.2.4", "changes", SHOPS)) == 1


# --- 8.2.4 ---------------------------------------------------------------------------------------
def test_changes_are_listed_with_who_did_them() -> None:
    activity("created", at=NOW - 2 * DAY).save()
    activity("disabled", at=NOW - DAY, event_id="e-1").save()
    first, second = table("8.2.4", "changes")

    assert (first["at"], first["action"], first["by"], first["event_id"]) == (
        *("2026-11-21T14:02:11Z", "Disabled the account", "admin (Default)", "e-1"),
    )
    assert first["sentence"].startswith("admin (Default) disabled j.doe (corp)")
    assert second["action"] == "Created the account"
    assert figures("8.2.4")["changes_disabled"] == 1
    assert figures("8.2.4")["changes_deleted"] == 0


# --- Gaps ----------------------------------------------------------------------------------------
def test_times_without_a_consumer_are_gaps() -> None:
    running(timedelta(0), 2 * DAY)
    running(3 * DAY, 7 * DAY)
    [gap] = [it for it in parts("gaps") if isinstance(it, Gap)]

    assert (gap.source, gap.begins, gap.ends) == ("consumer", BEGINS + 2 * DAY, BEGINS + 3 * DAY)
    assert figures("gaps") == {"consumer_gaps": 24 * 60}


def test_a_whole_week_is_said() -> None:
    running(timedelta(0), 7 * DAY)
    [statement] = [it for it in parts("gaps") if isinstance(it, Statement)]

    assert (statement.verdict, figures("gaps")) == ("met", {"consumer_gaps": 0})


def test_a_week_that_is_not_over_has_no_gap_in_what_is_to_come() -> None:
    running(timedelta(0), 2 * DAY)
    question = Question(begins=BEGINS, ends=NOW, now=BEGINS + 2 * DAY)

    assert [it for it in parts("gaps", question) if isinstance(it, Gap)] == []


def test_where_no_consumer_ever_was_the_gap_says_so() -> None:
    [gap] = [it for it in parts("gaps") if isinstance(it, Gap)]

    assert "No consumer has ever been connected." in gap.words
