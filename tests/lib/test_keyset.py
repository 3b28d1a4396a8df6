"""Tests of pages by keyset: every row once and in order, and other markers are refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from pciops.accounts.failing import NEWEST_FAILURE
from pciops.keystone.models import LocalUser, User
from pciops.lib.keyset import Column, MarkerError, Order, batched, batches, chunks
from tests.factories import MICROSECOND, NOW
from tests.support.examples import some

BY_NAME: Order[LocalUser] = Order((Column(name="name", kind=str), Column(name="id", kind=int)))
pytestmark = pytest.mark.django_db(databases=["keystone"])

# Few values, so that most rows tie; NULLs, and times that differ only in microseconds.
NAMES = st.sampled_from(["ann", "Ann", "bob", "b", "%", "", "Änne", "\n"])
INSTANTS = st.one_of(
    st.none(), st.sampled_from([NOW, NOW + MICROSECOND, NOW - MICROSECOND, NOW - timedelta(days=1)])
)
ROWS = st.lists(st.tuples(NAMES, INSTANTS), max_size=12)


def encoded(content: bytes | list[Any]) -> str:
    """Return a marker with this content, as `Order.marker` encodes it."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def make_rows(facts: list[tuple[str, datetime | None]]) -> None:
    """Create a local user for each name and last failure."""
    for number, (name, failed_at) in enumerate(facts):
        user = User.objects.using("keystone").create(id=str(number))
        LocalUser.objects.using("keystone").create(
            user_id=user.id, domain_id="d", name=name, failed_auth_at=failed_at
        )


def walk(order: Order[LocalUser], size: int) -> Iterator[LocalUser]:
    """Yield every row, page by page."""
    rows = order.sort(LocalUser.objects.all())
    page = list(rows[:size])
    while page:
        yield from page
        page = list(order.after(rows, order.marker(page[-1]))[:size])


def in_order(order: Order[LocalUser], rows: list[LocalUser]) -> list[LocalUser]:
    """Sort the rows in memory as `Order` and `Column` define it."""
    for column in reversed(order.columns):
        others = [row for row in rows if getattr(row, column.name) is not None]
        others.sort(key=lambda row: getattr(row, column.name), reverse=column.falling)
        rows = others + [row for row in rows if getattr(row, column.name) is None]
    return rows


@pytest.mark.parametrize("order", [NEWEST_FAILURE, BY_NAME], ids=["newest failure", "by name"])
@given(facts=ROWS, size=st.integers(1, 5))
@some(25)
def test_pages_and_batches_have_every_row_once_and_in_order(
    order: Order[LocalUser], facts: list[tuple[str, datetime | None]], size: int
) -> None:
    with transaction.atomic(using="keystone"):
        make_rows(facts)
        visited = list(walk(order, size))
        read = list(batches(LocalUser.objects.all(), order, size=size))
        everything = in_order(order, list(LocalUser.objects.order_by("pk")))
        transaction.set_rollback(True, using="keystone")

    assert [row.pk for row in visited] == [row.pk for row in everything]
    assert [row.pk for batch in read for row in batch] == [row.pk for row in everything]
    assert all(1 <= len(batch) <= size for batch in read)


def test_deleted_row_does_not_shift_the_next_page() -> None:
    make_rows([("ann", None), ("bob", None), ("cleo", None)])
    rows = BY_NAME.sort(LocalUser.objects.all())
    marker = BY_NAME.marker(rows[1])
    LocalUser.objects.using("keystone").filter(name__in=["ann", "bob"]).delete()

    assert [row.name for row in BY_NAME.after(rows, marker)] == ["cleo"]


def test_marker_is_safe_in_urls() -> None:
    make_rows([("?&=#/ Änne", NOW)])
    marker = BY_NAME.marker(LocalUser.objects.get())

    assert set(marker) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    ("order", "other", "failed_at"),
    [(NEWEST_FAILURE, BY_NAME, NOW), (BY_NAME, NEWEST_FAILURE, None)],
    ids=["of names", "of failures"],
)
def test_marker_of_another_order_is_refused(
    order: Order[LocalUser], other: Order[LocalUser], failed_at: datetime | None
) -> None:
    make_rows([("ann", failed_at)])
    marker = other.marker(LocalUser.objects.get())

    with pytest.raises(MarkerError):
        order.after(LocalUser.objects.all(), marker)


TIME = NOW.isoformat()
TOO_GREAT = [2**63, -(2**63) - 1, 10**30]  # no database has such an id


@pytest.mark.parametrize(
    ("order", "marker"),
    [
        (BY_NAME, "!"),
        (BY_NAME, "Ä"),
        (BY_NAME, "A"),  # an impossible length of base64
        (BY_NAME, encoded(b"\xff\xfe\xfd")),
        (BY_NAME, encoded(b"")),
        (BY_NAME, encoded(b"{}")),
        (BY_NAME, encoded(b"null")),
        (BY_NAME, encoded(b'"ab"')),
        (BY_NAME, encoded([])),
        (BY_NAME, encoded(["ann"])),
        (BY_NAME, encoded(["ann", 1, 1])),
        (BY_NAME, encoded(["ann", "1"])),
        (BY_NAME, encoded(["ann", 1.0])),
        (BY_NAME, encoded(["ann", True])),
        (BY_NAME, encoded(["ann", None])),
        (BY_NAME, encoded([None, 1])),
        (BY_NAME, encoded([["ann"], 1])),
        (BY_NAME, encoded([{"a": 1}, 1])),
        (BY_NAME, encoded(b'["ann", NaN]')),
        (BY_NAME, encoded(b'["ann", ' + b"9" * 5000 + b"]")),
        (NEWEST_FAILURE, encoded(["yesterday", 1])),
        (NEWEST_FAILURE, encoded([1795356131, 1])),
        (NEWEST_FAILURE, encoded(["", 1])),
        (NEWEST_FAILURE, encoded([TIME, "1"])),
        (BY_NAME, encoded(b"[" * 3000)),  # deeper than the parser goes
        (BY_NAME, encoded(b'["\\ud800", 1]')),  # half of a surrogate pair
        (NEWEST_FAILURE, encoded(["9999-12-31T23:59:59-14:00", 1])),  # not a time in UTC
        (NEWEST_FAILURE, encoded(["0001-01-01T00:00:00+14:00", 1])),
        *((BY_NAME, encoded(["ann", number])) for number in TOO_GREAT),
        *((NEWEST_FAILURE, encoded([TIME, number])) for number in TOO_GREAT),
    ],
)
def test_invalid_marker_is_refused(order: Order[LocalUser], marker: str) -> None:
    with pytest.raises(MarkerError):
        list(order.after(LocalUser.objects.all(), marker))


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63) + 1, 0])
def test_id_that_does_not_exist_is_valid(number: int) -> None:
    make_rows([("bob", NOW)])
    marker = encoded(["ann", number])

    assert [row.name for row in BY_NAME.after(LocalUser.objects.all(), marker)] == ["bob"]


def test_time_without_a_zone_is_valid() -> None:
    make_rows([("ann", NOW)])
    marker = encoded(["2026-11-23T00:00:00", 1])

    assert [row.name for row in NEWEST_FAILURE.after(LocalUser.objects.all(), marker)] == ["ann"]


@given(content=st.binary(max_size=40))
@settings(deadline=None)
def test_any_bytes_are_a_valid_marker_or_refused(content: bytes) -> None:
    for order in (BY_NAME, NEWEST_FAILURE):
        try:
            rows = order.after(LocalUser.objects.all(), encoded(content))
        except MarkerError:
            continue

        assert list(rows) == []


@given(name=st.text(st.characters(exclude_categories=["Cs"])), number=st.integers(1, 2**63 - 1))
@settings(deadline=None)
def test_any_name_makes_a_valid_marker(name: str, number: int) -> None:
    marker = BY_NAME.marker(LocalUser(id=number, name=name))

    assert list(BY_NAME.after(LocalUser.objects.all(), marker)) == []


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 7])
def test_chunks_have_every_row_once_and_in_the_order_of_keys(
    number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_rows([(f"user-{n}", None) for n in range(number)])
    rows = LocalUser.objects.filter(name__startswith="user")
    with django_assert_num_queries(number // 2 + 1, using="keystone"):
        read = list(chunks(rows, list, attrgetter("pk"), size=2))

    assert [row.pk for chunk in read for row in chunk] == sorted(row.pk for row in rows)
    assert all(1 <= len(chunk) <= 2 for chunk in read)


@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_batched_items_are_complete_and_in_order(number: int) -> None:
    lists = list(batched(range(number), 2))

    assert [item for batch in lists for item in batch] == list(range(number))
    assert all(1 <= len(batch) <= 2 for batch in lists)
