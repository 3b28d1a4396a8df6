"""Rows of three tables as one list: what is alike in one line, and pages that lose nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.audit import selectors as trail
from pciops.events import search, timeline, words
from pciops.events.models import Activity, Attempts
from pciops.events.timeline import Page
from pciops.events.words import Tries
from pciops.lib.keyset import MarkerError
from tests.audit.helpers import open_event
from tests.events.rows import REASON, activity, attempts
from tests.factories import NOW, make_account

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def page(*, marker: str = "", limit: int = 50) -> Page:
    """Lines about j.doe."""
    sources = [trail.account_source("d0e"), *search.of_account("d0e")]
    return timeline.page(sources, marker=marker, limit=limit, unknown_names=True, within="d0e")


def lines(*, marker: str = "", limit: int = 50) -> list[str]:
    """The same as texts, without where they came from."""
    return [
        line.event.action if line.event else words.plain(line.sentence).partition(", reported")[0]
        for line in page(marker=marker, limit=limit).lines
    ]


def test_tries_that_are_alike_are_one_line() -> None:
    for minute in range(12):
        attempts(2, at=NOW - minute * MINUTE).save()

    assert lines() == ["24 failed sign-ins, wrong password"]


@pytest.mark.parametrize(
    "fact",
    [{"address": "10.9.9.9"}, {"agent": "curl"}, {"reason": REASON.LOCKED}],
    ids=str,
)
def test_tries_that_differ_are_lines_of_their_own(fact: dict[str, Any]) -> None:
    attempts().save()
    attempts(at=NOW - MINUTE, **fact).save()

    assert len(lines()) == 2


def test_another_password_is_no_other_line() -> None:
    attempts(partial_hash="a").save()
    attempts(at=NOW - MINUTE, partial_hash="b").save()

    assert lines() == ["2 failed sign-ins, wrong password (2 different ones)"]


def test_a_long_pause_ends_a_line() -> None:
    attempts().save()
    attempts(at=NOW - timedelta(hours=1)).save()
    attempts(at=NOW - timedelta(hours=2, seconds=1)).save()

    assert lines() == ["2 failed sign-ins, wrong password", "1 failed sign-in, wrong password"]


def test_what_was_done_to_the_account_ends_its_lines() -> None:
    attempts(3, at=NOW - 6 * MINUTE).save()
    open_event(account=make_account(id="d0e"), now=NOW - 4 * MINUTE)
    attempts(2, at=NOW - 2 * MINUTE).save()
    activity(at=NOW - MINUTE).save()
    attempts(reason=REASON.DISABLED).save()

    assert lines() == [
        "1 failed sign-in, the account is disabled",
        "admin (Default) disabled j.doe (corp)",
        "2 failed sign-ins, wrong password",
        "unlock",
        "3 failed sign-ins, wrong password",
    ]


def test_what_was_done_to_another_account_ends_none() -> None:
    attempts(3, at=NOW - 6 * MINUTE).save()
    activity(user_id="another", at=NOW - 4 * MINUTE).save()
    attempts(2, at=NOW - 2 * MINUTE).save()
    sources = search.sources(search.Query(), search.Reader(scope=None, unknown_names=True))
    found = timeline.page(sources, marker="", limit=50, unknown_names=True)

    assert len(found.lines) == 2


def test_nothing_of_another_account_is_shown() -> None:
    attempts(user_id="another").save()
    activity(user_id="another").save()
    open_event(account=make_account(id="another"))

    assert lines() == []


def test_a_page_reads_each_table_once(django_assert_num_queries: Any) -> None:
    for minute in range(20):
        attempts(at=NOW - minute * MINUTE, agent=str(minute)).save()
        activity(at=NOW - minute * MINUTE).save()

    with django_assert_num_queries(3):
        assert len(page(limit=10).lines) == 10


def test_a_page_ends_however_few_lines_its_rows_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MOST", 5)
    for minute in range(12):
        attempts(at=NOW - minute * MINUTE).save()
    first = page()

    assert words.plain(first.lines[0].sentence).startswith("5 failed sign-ins")
    assert lines(marker=first.next)[0].startswith("5 failed sign-ins")


@pytest.mark.parametrize("marker", ["x", "W10", "WyJ4Il0"])
def test_a_marker_that_is_none_is_refused(marker: str) -> None:
    with pytest.raises(MarkerError):
        page(marker=marker)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_row_is_on_one_page_whatever_the_order_and_the_size(data: st.DataObject) -> None:
    """Nothing is lost or counted twice where a page ends, in the midst of an instant too."""
    Attempts.objects.all().delete()
    Activity.objects.all().delete()
    number = data.draw(st.integers(1, 25))
    for _ in range(number):
        at = NOW - data.draw(st.integers(0, 4)) * MINUTE
        if data.draw(st.booleans()):
            attempts(at=at, agent=data.draw(st.sampled_from("ab"))).save()
        else:
            activity(at=at).save()
    sources = search.of_account("d0e")
    limit, marker, total = data.draw(st.integers(1, 6)), "", 0
    while True:
        folder = timeline.page(sources, marker=marker, limit=limit, unknown_names=True)
        total += sum(_rows_of(line) for line in folder.lines)
        marker = folder.next
        if not marker:
            break

    assert total == number


def _rows_of(line: timeline.Line) -> int:
    """How many rows a line stands for, where each row is one try."""
    first = words.plain(line.sentence).split()[0]
    return int(first) if first.isdigit() else 1


def test_tries_are_added_whatever_the_order() -> None:
    early, late = attempts(2, at=NOW - MINUTE), attempts(3)
    first, second = Tries.of(late), Tries.of(early)
    first.add(Tries.of(early))
    second.add(Tries.of(late))

    assert (first.count, first.first_at, first.last_at) == (5, NOW - MINUTE, NOW)
    assert (second.count, second.first_at, second.last_at) == (5, NOW - MINUTE, NOW)
