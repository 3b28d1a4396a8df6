"""Reports are kept once, as they were said, and nobody changes them."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from pciops.audit.models import Event
from pciops.audit.services import PCIOPS
from pciops.reports.archive import store
from pciops.reports.models import Rows, SignOff, StoredReport, Trouble
from tests.factories import NOW, make_initiator, make_ldap_user
from tests.reports.keeping import kept
from tests.reports.scenes import WEEK, built

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def test_what_is_kept_is_what_was_built() -> None:
    make_ldap_user()
    found = built()
    stored = store.keep(found, initiator=PCIOPS)
    report = store.report(stored)

    assert report.sections == found.report.sections
    assert list(store.rows(stored, "not_covered")) == list(found.rows("not_covered"))


def test_the_hash_is_over_the_canonical_json() -> None:
    stored = kept()
    value = json.loads(stored.text)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert hashlib.sha256(text.encode()).hexdigest() == stored.hash


def test_a_second_one_of_a_week_is_not_kept() -> None:
    assert kept(seed=2).pk == kept(seed=3).pk
    assert StoredReport.objects.count() == 1


def test_built_again_it_is_a_revision_and_the_old_one_stays() -> None:
    first, second = kept(seed=2), kept(seed=3, again=True)

    assert (second.revision, second.position, second.previous_hash) == (2, 2, first.hash)
    assert [one.pk for one in store.revisions("2026-W46", "")] == [second.pk, first.pk]
    assert store.get("2026-W46", "", 1) == first


def test_each_domain_has_a_chain_of_its_own() -> None:
    kept("2026-W45")
    of_domain, cloud = kept(domain_id="other"), kept()

    assert (of_domain.position, of_domain.previous_hash) == (1, "")
    assert cloud.position == 2


def test_a_report_names_the_one_before() -> None:
    before = kept("2026-W45")
    header = store.report(kept("2026-W46")).header

    assert (header.previous_week, header.previous_hash) == ("2026-W45", before.hash)


def test_keeping_is_a_row_of_the_trail_with_the_hash() -> None:
    stored = kept()
    event = Event.objects.get(action="create/report")

    assert event.remark == f"SHA-256 {stored.hash}"


def test_a_list_has_the_last_revision_of_each_week() -> None:
    kept("2026-W45")
    kept()
    again = kept(again=True)

    assert [one.week for one in store.listed("", limit=9)] == ["2026-W46", "2026-W45"]
    assert store.listed("", limit=1) == [again]


def test_what_was_in_trouble_is_not_any_more() -> None:
    Trouble.objects.create(week="2026-W46", since=NOW, at=NOW, problem="gone")
    kept()

    assert not Trouble.objects.exists()


@pytest.mark.parametrize("model", [StoredReport, Rows, SignOff])
@pytest.mark.parametrize("verb", ["update", "delete"])
def test_the_database_refuses_to_change_what_is_kept(
    model: type[StoredReport | Rows | SignOff], verb: str
) -> None:
    stored = kept()
    store.sign_off(stored, initiator=make_initiator(), remark="", now=NOW)
    table = model._meta.db_table
    statement = {"update": f"UPDATE {table} SET id = id", "delete": f"DELETE FROM {table}"}[verb]

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        connection.cursor().execute(statement)


def test_a_sign_off_is_kept_and_in_the_trail() -> None:
    stored = kept()
    signed = store.sign_off(stored, initiator=make_initiator(), remark="read", now=NOW)
    event = Event.objects.get(pk=signed.event_id)

    assert (signed.by, signed.remark, list(stored.sign_offs.all())) == (
        "olga (Default)",
        "read",
        [signed],
    )
    assert (event.action, event.remark) == ("update/report", f"SHA-256 {stored.hash}: read")


def test_the_next_report_says_who_acknowledged_the_last() -> None:
    store.sign_off(kept(), initiator=make_initiator(), remark="", now=NOW - timedelta(days=1))
    report = built(WEEK).report
    [review] = [one for one in report.sections if one.key == "review"]

    assert "2026-W46 was acknowledged by olga (Default)" in review.statements[0].words
    assert [row[1] for row in review.tables[0].shown] == ["2026-W46"]
