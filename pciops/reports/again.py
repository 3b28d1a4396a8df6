"""A report is built again by a worker: that can take a minute, which no page waits for."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.utils import timezone
from kombu.exceptions import OperationalError

from pciops.accounts.selectors import Domain
from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.lib import times
from pciops.reports import build, store
from pciops.reports.models import StoredReport
from pciops.reports.weeks import Week

TASK: Final = "reports.build_again"


class NotAskedError(Exception):
    """The broker does not take the message; the text says what it said."""


def ask(stored: StoredReport, *, initiator: Initiator, now: datetime) -> None:
    """Have a worker make another revision of this week.

    The message has neither names nor addresses: who asked is in the trail.

    Raises:
        NotAskedError: nobody was asked.
        TrailError: the same.
    """
    from pciops.celery import app  # noqa: PLC0415 (it checks the site, which imports this)

    services.record(
        Event.Action.BUILD,
        Event.Outcome.SUCCESS,
        initiator=initiator,
        resource=str(stored),
        remark="asked for another revision",
        now=now,
    )
    try:
        app.send_task(TASK, args=(stored.week, stored.domain_id, times.iso(now)), retry=False)
    except OperationalError as error:
        raise NotAskedError(str(error)) from error


def perform(week: str, domain_id: str, asked_at: str) -> StoredReport | None:
    """Make the revision that was asked for; None where one was made since, or there is no report.

    A message that comes twice makes one revision.

    Raises:
        KeystoneDatabaseDownError: nothing is kept; the message is to come again.
        TrailError: the same.
    """
    kept = store.newest(week, domain_id)
    if kept is None or kept.generated_at >= datetime.fromisoformat(asked_at):
        return None
    year, number = map(int, kept.week.split("-W"))
    domain = Domain(id=kept.domain_id, name=kept.domain_name)
    built = build.build(Week(year, number), domain, now=timezone.now())
    try:
        return store.keep(built, initiator=services.PCIOPS, again=True)
    finally:
        built.close()
