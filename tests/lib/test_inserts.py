"""Many rows at once: as `bulk_create` writes them, and none twice."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from pciops.lib import inserts
from pciops.lib.inserts import insert_new
from pciops.notices.models import Notice
from tests.notices.scenes import a_notice

pytestmark = pytest.mark.django_db


def rows() -> list[Any]:
    """Everything that is kept."""
    return list(Notice.objects.order_by("pk").values())


def test_rows_are_as_bulk_create_writes_them() -> None:
    made = [a_notice(name="%s ünï'\\\"\n", settled_at=None), a_notice(answer="", attempts=3)]
    insert_new(made)
    ours = rows()
    Notice.objects.all().delete()
    Notice.objects.bulk_create(made)

    assert ours == rows()
    assert len(ours) == 2


def test_a_row_that_is_there_already_is_left_out_and_the_others_are_written() -> None:
    one, other = a_notice(name="first"), a_notice()
    one.save()
    again = a_notice(user_id=one.user_id, name="again")
    insert_new([again, other])

    assert {notice.name for notice in Notice.objects.all()} == {"first", "ann"}


def test_nothing_is_written_where_there_is_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        insert_new([])


def test_more_rows_than_go_at_a_time_are_all_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inserts, "ROWS", 3)
    insert_new([a_notice() for _ in range(7)])

    assert Notice.objects.count() == 7
