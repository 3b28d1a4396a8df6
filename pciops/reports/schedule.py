"""Builds what is due: each week once, when its hour has come, and what an outage has left undone.

Whoever dies between two steps leaves the rest to the next run: a report is kept once, and owed once
to each of its recipients. notices.mail.operator_mail sends the mails.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings

from pciops.accounts import selectors
from pciops.accounts.selectors import Domain
from pciops.audit.services import PCIOPS, Initiator
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import times
from pciops.notices import rules
from pciops.reports import deliver, weeks
from pciops.reports.archive import store
from pciops.reports.build import CLOUD, build
from pciops.reports.models import StoredReport, Trouble
from pciops.reports.weeks import Week

MADE_UP: Final = 4  # weeks back that are built after an outage


def due_at(week: Week) -> datetime:
    """When the report of a week is built: on the day and hour of the settings after its end."""
    local = week.ends.astimezone(weeks.zone())
    days = times.WEEKDAYS.index(settings.REPORT_DAY)
    return (local + timedelta(days=days)).replace(hour=settings.REPORT_HOUR)


def due(now: datetime) -> list[Week]:
    """The weeks whose hour has come, the oldest first, as far back as an outage is made up for."""
    first, week = weeks.first(), weeks.last_ended(now)
    found: list[Week] = []
    for _ in range(MADE_UP + 1):
        if first is None or week < first:
            break
        if due_at(week) <= now:
            found.append(week)
        week = week.before
    return found[:MADE_UP][::-1]


def issue(now: datetime) -> list[StoredReport]:
    """Build and keep whatever is due and is not kept yet, and owe it to its recipients.

    Raises:
        KeystoneDatabaseDownError: what was kept until then stays; the rest is tried again.
        SettingError, AuditLogError: the same.
    """
    waiting, built = due(now), []
    for week in waiting:
        found: dict[Hashable, Any] = {}
        for domain in _domains(waiting[-1], now):
            if not _kept(week, domain):
                built.append(keep(week, domain, now=now, found=found))
    deliver.owe_recent(now)
    return built


def keep(
    week: Week,
    domain: Domain = CLOUD,
    *,
    now: datetime,
    found: dict[Hashable, Any] | None = None,
    initiator: Initiator = PCIOPS,
    again: bool = False,
) -> StoredReport:
    """Build one report and keep it; the one that is kept already, unless it is asked for again.

    Raises:
        KeystoneDatabaseDownError: nothing is kept but the trouble.
        AuditLogError: nothing is kept.
    """
    if not again and (stored := store.newest(str(week), domain.id)):
        return stored
    try:
        built = build(week, domain, now=now, found=found)
    except KeystoneDatabaseDownError as error:
        _trouble(week, domain, error, now)
        raise
    with built:
        return store.keep(built, initiator=initiator, again=again)


def _domains(week: Week, now: datetime) -> list[Domain]:
    """The whole cloud, and the domains that have contacts.

    Raises:
        KeystoneDatabaseDownError, SettingError
    """
    book = rules.current()
    if not book.domains:
        return [CLOUD]
    try:
        return [CLOUD, *book.contacts(selectors.domains(scope=None))]
    except KeystoneDatabaseDownError as error:
        if not _kept(week, CLOUD):
            _trouble(week, CLOUD, error, now)
        raise


def _kept(week: Week, domain: Domain) -> bool:
    return StoredReport.objects.filter(week=str(week), domain_id=domain.id).exists()


def _trouble(week: Week, domain: Domain, error: Exception, now: datetime) -> None:
    problem = f"Keystone's database does not answer: {error}"
    row, created = Trouble.objects.get_or_create(
        week=str(week),
        domain_id=domain.id,
        defaults={"since": now, "at": now, "problem": problem},
    )
    if not created:
        Trouble.objects.filter(pk=row.pk).update(at=now, problem=problem)
