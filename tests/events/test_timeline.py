"""Rows of three tables make one timeline of lines, in pages that lose nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.audit import selectors as audit
from pciops.audit.models import Event
from pciops.events import search, sentences, timeline
from pciops.events.models import Activity, Attempts
from pciops.events.timeline import TimelinePage
from pciops.lib.keyset import MarkerError
from tests.audit.helpers import open_event
from tests.events.factories import REASON, activity, attempts
from tests.factories import NOW, make_account
from tests.support.examples import some

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def page(*, marker: str = "", limit: int = 50) -> TimelinePage:
    """Return a page about j.doe."""
    sources = [audit.account_source("d0e"), *search.of_account("d0e")]
    return timeline.page(sources, marker=marker, limit=limit, unknown_names=True, within="d0e")


def texts(found: TimelinePage) -> list[str]:
    """Return the lines without their source."""
    return [
        line.event.action
        if line.event
        else sentences.as_text(line.sentence).partition(", reported")[0]
        for line in found.lines
    ]


def test_equal_attempts_are_one_line() -> None:
    for minute in range(12):
        attempts(2, at=NOW - minute * MINUTE, partial_hash=f"{minute % 2}").save()

    assert texts(page()) == ["24 failed sign-ins, wrong password (2 different passwords)"]


@pytest.mark.parametrize(
    "fields",
    [{"address": "10.9.9.9"}, {"agent": "curl"}, {"reason": REASON.LOCKED}],
    ids=str,
)
def test_different_attempts_are_lines_of_their_own(fields: dict[str, Any]) -> None:
    attempts().save()
    attempts(at=NOW - MINUTE, **fields).save()

    assert len(page().lines) == 2


def test_a_long_pause_ends_a_line() -> None:
    attempts().save()
    attempts(at=NOW - timedelta(hours=1)).save()
    attempts(at=NOW - timedelta(hours=2, seconds=1)).save()

    assert [text.split()[0] for text in texts(page())] == ["2", "1"]


def test_a_change_of_the_account_ends_its_lines() -> None:
    attempts(3, at=NOW - 6 * MINUTE).save()
    open_event(account=make_account(id="d0e"), now=NOW - 4 * MINUTE)
    attempts(2, at=NOW - 2 * MINUTE).save()
    activity(at=NOW - MINUTE).save()
    attempts(reason=REASON.DISABLED).save()

    assert [text.split()[0] for text in texts(page())] == ["1", "admin", "2", "unlock", "3"]


def test_a_change_of_another_account_does_not_end_a_line() -> None:
    attempts(3, at=NOW - 6 * MINUTE).save()
    activity(user_id="another", at=NOW - 4 * MINUTE).save()
    attempts(2, at=NOW - 2 * MINUTE).save()
    access = search.EventAccess(scope=None, unknown_names=True)
    sources = search.sources(search.EventQuery(), access)
    found = timeline.page(sources, marker="", limit=50, unknown_names=True)

    assert len(found.lines) == 2


def test_other_accounts_are_not_shown() -> None:
    attempts(user_id="another").save()
    activity(user_id="another").save()
    open_event(account=make_account(id="another"))

    assert page().lines == []


def test_a_page_reads_each_table_once(django_assert_num_queries: Any) -> None:
    for minute in range(20):
        attempts(at=NOW - minute * MINUTE, agent=str(minute)).save()
        activity(at=NOW - minute * MINUTE).save()

    with django_assert_num_queries(3):
        assert len(page(limit=10).lines) == 10


def test_the_rows_of_a_page_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MAX_ROWS", 5)
    for minute in range(12):
        attempts(at=NOW - minute * MINUTE).save()
    first = page()

    assert texts(first)[0].startswith("5 failed sign-ins")
    assert texts(page(marker=first.next))[0].startswith("5 failed sign-ins")


@pytest.mark.parametrize("marker", ["x", "W10", "WyJ4Il0"])
def test_an_invalid_marker_is_refused(marker: str) -> None:
    with pytest.raises(MarkerError):
        page(marker=marker)


@some(25)
@given(st.data())
def test_every_row_is_on_one_page_for_any_page_size(data: st.DataObject) -> None:
    """No row is lost or repeated, even if a page ends among rows of the same time."""
    Attempts.objects.all().delete()
    Activity.objects.all().delete()
    number = data.draw(st.integers(1, 25))
    for _ in range(number):
        at = NOW - data.draw(st.integers(0, 4)) * MINUTE
        if data.draw(st.booleans()):
            attempts(at=at, agent=data.draw(st.sampled_from("ab"))).save()
        else:
            activity(at=at).save()
    limit, total = data.draw(st.integers(1, 6)), 0
    marker: str | None = ""
    while marker is not None:
        found = page(marker=marker, limit=limit)
        first_words = [text.split()[0] for text in texts(found)]
        total += sum(int(word) if word.isdigit() else 1 for word in first_words)
        marker = found.next or None

    assert total == number


# --- An act and its notification ----------------------------------------------------------------
SECOND = timedelta(seconds=1)
OURS: dict[str, Any] = {
    "user_id": "d0e",
    "doer_id": "id of olga",
    "agent": "pciops/1.0 keystoneauth1/5.18.0",
}


def act(action: Event.Action = Event.Action.DISABLE, **facts: Any) -> Event:
    """Return an act of olga on j.doe."""
    return open_event(action=action, account=make_account(id="d0e"), now=NOW, **facts)


@pytest.mark.parametrize("after", [2 * SECOND, -2 * SECOND], ids=["after", "by another clock"])
def test_an_act_and_its_notification_are_one_line(after: timedelta) -> None:
    act()
    activity("disabled", at=NOW + after, **OURS).save()
    [line] = page().lines

    assert line.event is not None
    assert "Keystone reported it" in sentences.as_text(line.entry.detail)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"agent": "openstacksdk/4.0"},
        {"doer_id": "another"},
        {"action": "enabled"},
        {"action": "password"},
        {"at": NOW + timedelta(minutes=5)},
        {"at": NOW - timedelta(minutes=1)},
        {"outcome": "failure"},
    ],
    ids=str,
)
def test_a_change_that_another_tool_may_have_made_stays_a_line(spoiled: dict[str, Any]) -> None:
    act()
    facts = {"action": "disabled", "at": NOW + 2 * SECOND, **OURS, **spoiled}
    activity(facts.pop("action"), **facts).save()

    assert len(page().lines) == 2


def test_each_notification_is_of_one_act_at_most() -> None:
    act()
    for seconds in (1, 2):
        activity("updated", at=NOW + seconds * SECOND, **OURS).save()

    assert len(page().lines) == 2


def test_a_page_does_not_end_between_an_act_and_its_notification() -> None:
    act()
    activity("disabled", at=NOW + SECOND, **OURS).save()
    found = page(limit=1)

    assert (len(found.lines), found.next) == (1, "")
