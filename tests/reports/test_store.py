"""Reports are stored once, as they were built, and never change."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from pciops.audit.models import Event
from pciops.audit.services import PCIOPS
from pciops.reports.archive import store
from pciops.reports.build import build
from pciops.reports.models import BuildFailure, RowChunk, SignOff, StoredReport
from pciops.reports.sources import CloudSources
from tests.factories import NOW, make_initiator, make_ldap_user, make_user
from tests.reports.samples import store_sample
from tests.reports.weekly import WEEK, section

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def test_a_stored_report_is_what_was_built() -> None:
    make_ldap_user()
    with build(WEEK, cloud=CloudSources(now=NOW)) as built:
        stored = store.keep(built, initiator=PCIOPS)
        rows = list(built.tables.rows("not_covered"))

    assert store.report(stored).sections == built.report.sections
    assert list(store.rows(stored, "not_covered")) == rows


def test_the_hash_is_over_the_canonical_json() -> None:
    stored = store_sample()
    value = json.loads(stored.text)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert hashlib.sha256(text.encode()).hexdigest() == stored.hash


def test_a_second_report_of_a_week_is_not_stored() -> None:
    assert store_sample(seed=2).pk == store_sample(seed=3).pk
    assert StoredReport.objects.count() == 1


def test_a_report_built_again_is_a_revision_and_the_old_one_stays() -> None:
    first, second = store_sample(seed=2), store_sample(seed=3, again=True)

    assert second.revision == 2
    assert store.report(second).header.revision == 2
    assert [stored.pk for stored in store.revisions("2026-W46", "")] == [second.pk, first.pk]
    assert store.get("2026-W46", "", 1) == first


def test_storing_is_a_row_of_the_audit_log_with_the_hash() -> None:
    stored = store_sample()
    event = Event.objects.get(action="create/report")

    assert event.remark == f"SHA-256 {stored.hash}"


def test_the_list_has_the_last_revision_of_each_week() -> None:
    store_sample("2026-W45")
    store_sample()
    again = store_sample(again=True)

    assert [stored.week for stored in store.listed("", limit=9)] == ["2026-W46", "2026-W45"]
    assert store.listed("", limit=1) == [again]


def test_storing_ends_the_failure_of_a_week() -> None:
    BuildFailure.objects.create(week="2026-W46", since=NOW, at=NOW, problem="gone")
    store_sample()

    assert not BuildFailure.objects.exists()


@pytest.mark.parametrize("model", [StoredReport, RowChunk, SignOff])
def test_the_database_refuses_to_change_a_report(
    model: type[StoredReport | RowChunk | SignOff],
) -> None:
    stored = store_sample()
    store.sign_off(stored, initiator=make_initiator(), remark="", now=NOW)

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        connection.cursor().execute(f"UPDATE {model._meta.db_table} SET id = id")


def test_an_acknowledgement_is_stored_and_in_the_audit_log() -> None:
    stored = store_sample()
    signed = store.sign_off(stored, initiator=make_initiator(), remark="read", now=NOW)
    event = Event.objects.get(pk=signed.event_id)

    assert (signed.by, signed.remark) == ("olga (Default)", "read")
    assert list(stored.sign_offs.all()) == [signed]
    assert (event.action, event.remark) == ("update/report", f"SHA-256 {stored.hash}: read")


def test_the_next_report_has_the_acknowledgements_of_six_months() -> None:
    stored = store_sample()
    make_user()
    for days in (1, 200):
        store.sign_off(
            stored,
            initiator=make_initiator(),
            remark="",
            now=NOW - timedelta(days=days),
            as_management=True,
        )
    review = section("review")

    assert review.verdict == "partly_tested"
    assert "2026-W46" in review.statements[0].words
    assert "olga (Default)" in review.statements[0].words
    assert [row[1] for row in review.tables[0].shown] == ["2026-W46"]


def test_an_acknowledgement_by_others_than_management_is_listed_and_does_not_count() -> None:
    store.sign_off(store_sample(), initiator=make_initiator(), remark="", now=NOW)
    review = section("review")

    assert review.verdict == "not_tested"
    assert [row[4] for row in review.tables[0].shown] == [False]
