"""A report is built again: a worker is asked, and makes one revision."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from kombu.exceptions import OperationalError

from pciops.audit.models import Event
from pciops.celery import app
from pciops.lib.times import iso
from pciops.reports import rebuild
from pciops.reports.archive import store
from pciops.reports.models import StoredReport
from pciops.reports.tasks import build_again
from tests.factories import NOW, make_initiator
from tests.reports.samples import store_sample

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

REQUESTED = str(iso(NOW - timedelta(seconds=5)))


def test_the_message_has_only_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, sent = store_sample(domain_id="shops"), []
    monkeypatch.setattr(app, "send_task", lambda name, args, **_: sent.append((name, args)))
    rebuild.request_rebuild(stored, initiator=make_initiator("olga"), now=NOW)

    assert sent == [("reports.build_again", ("2026-W46", "shops", str(iso(NOW))))]
    event = Event.objects.get(initiator_name="olga")
    assert event.remark == "asked for another revision"


def test_a_broker_that_is_down_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OperationalError("refused")

    monkeypatch.setattr(app, "send_task", fail)
    with pytest.raises(rebuild.BrokerDownError, match="refused"):
        rebuild.request_rebuild(store_sample(), initiator=make_initiator(), now=NOW)


@time_machine.travel(NOW, tick=False)
def test_a_worker_stores_another_revision_and_the_old_one_stays() -> None:
    store_sample("2026-W45")  # its row in the audit log is the first data
    old = store_sample()
    build_again("2026-W46", "", REQUESTED)
    new = store.newest("2026-W46", "")

    assert new is not None
    assert new.revision == 2
    assert store.report(new).header.previous_week == "2026-W45"
    assert store.get("2026-W46", "", 1) == old
    assert store.report(new).header.generated_at == NOW


@time_machine.travel(NOW, tick=False)
def test_a_message_delivered_twice_makes_one_revision() -> None:
    store_sample("2026-W45")
    store_sample()
    build_again("2026-W46", "", REQUESTED)
    build_again("2026-W46", "", REQUESTED)

    assert StoredReport.objects.filter(week="2026-W46").count() == 2
