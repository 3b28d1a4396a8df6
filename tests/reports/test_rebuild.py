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
from tests.reports.keeping import kept

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

ASKED = str(iso(NOW - timedelta(seconds=5)))


def test_the_message_has_ids_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, sent = kept(domain_id="shops"), []
    monkeypatch.setattr(app, "send_task", lambda name, args, **_: sent.append((name, args)))
    rebuild.ask(stored, initiator=make_initiator("olga"), now=NOW)

    assert sent == [("reports.build_again", ("2026-W46", "shops", str(iso(NOW))))]
    event = Event.objects.get(initiator_name="olga")
    assert event.remark == "asked for another revision"


def test_a_broker_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OperationalError("refused")

    monkeypatch.setattr(app, "send_task", fail)
    with pytest.raises(rebuild.NotAskedError, match="refused"):
        rebuild.ask(kept(), initiator=make_initiator(), now=NOW)


@time_machine.travel(NOW, tick=False)
def test_a_worker_makes_another_revision_and_the_old_one_stays() -> None:
    kept("2026-W45")  # of which the trail has a row, so there is data of the week after
    old = kept()
    build_again("2026-W46", "", ASKED)
    new = store.newest("2026-W46", "")

    assert new is not None
    assert (new.revision, new.previous_hash) == (2, old.hash)
    assert store.get("2026-W46", "", 1) == old
    assert store.report(new).header.generated_at == NOW


@time_machine.travel(NOW, tick=False)
def test_a_message_that_comes_twice_makes_one_revision() -> None:
    kept("2026-W45")
    kept()
    build_again("2026-W46", "", ASKED)
    build_again("2026-W46", "", ASKED)

    assert StoredReport.objects.filter(week="2026-W46").count() == 2
