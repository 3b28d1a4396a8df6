"""Builds the reports that are due: each week once, and those that an outage has delayed.

A process that dies between two steps leaves the rest to the next run: a report is stored once, and
owed once to each of its recipients. notices.mail.operator_mail sends the mails.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from pciops.accounts import selectors
from pciops.accounts.selectors import Domain
from pciops.audit.services import PCIOPS, Initiator
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import retries, times
from pciops.notices import rules
from pciops.reports import deliver, weeks
from pciops.reports.archive import store
from pciops.reports.build import WHOLE_CLOUD, build
from pciops.reports.models import BuildFailure, StoredReport
from pciops.reports.sources import CloudSources
from pciops.reports.weeks import Week

CATCH_UP_WEEKS: Final = 4  # that are built after an outage


def due_at(week: Week) -> datetime:
    """Return when the report of a week is built: on the day and hour of the settings."""
    local = week.ends.astimezone(weeks.zone())
    days = times.WEEKDAYS.index(settings.REPORT_DAY)
    return (local + timedelta(days=days)).replace(hour=settings.REPORT_HOUR)


def due(now: datetime) -> list[Week]:
    """Return the weeks that are due, the oldest first, at most `CATCH_UP_WEEKS`."""
    first, week = weeks.first(), weeks.last_ended(now)
    found: list[Week] = []
    for _ in range(CATCH_UP_WEEKS + 1):
        if first is None or week < first:
            break
        if due_at(week) <= now:
            found.append(week)
        week = week.before
    return found[:CATCH_UP_WEEKS][::-1]


def build_due(now: datetime) -> list[StoredReport]:
    """Build and store the reports that are due, and owe them to their recipients.

    Raises:
        KeystoneDatabaseDownError, SettingError, AuditLogError: what was stored until then stays;
            the next run continues.
    """
    waiting, stored = due(now), []
    cloud = CloudSources(now=now)
    for week in waiting:
        for domain in _domains(waiting[-1], now):
            if not _is_stored(week, domain):
                stored.append(build_and_store(week, domain, cloud=cloud))
    deliver.owe_recent(now)
    return stored


def build_and_store(
    week: Week,
    domain: Domain = WHOLE_CLOUD,
    *,
    cloud: CloudSources,
    initiator: Initiator = PCIOPS,
    again: bool = False,
) -> StoredReport:
    """Return the report of a week; build and store it if there is none, or `again` is true.

    Raises:
        KeystoneDatabaseDownError: nothing is stored but the failure.
        AuditLogError: nothing is stored.
    """
    if not again and (stored := store.newest(str(week), domain.id)):
        return stored
    try:
        built = build(week, domain, cloud=cloud)
    except KeystoneDatabaseDownError as error:
        _record_failure(week, domain, error, cloud.now)
        raise
    with built:
        return store.keep(built, initiator=initiator, again=again)


def _domains(week: Week, now: datetime) -> list[Domain]:
    """Return the whole cloud, and the domains that have contacts.

    Raises:
        KeystoneDatabaseDownError, SettingError
    """
    book = rules.current()
    if not book.domains:
        return [WHOLE_CLOUD]
    try:
        return [WHOLE_CLOUD, *book.contacts(selectors.domains(scope=None))]
    except KeystoneDatabaseDownError as error:
        if not _is_stored(week, WHOLE_CLOUD):
            _record_failure(week, WHOLE_CLOUD, error, now)
        raise


def _is_stored(week: Week, domain: Domain) -> bool:
    return StoredReport.objects.filter(week=str(week), domain_id=domain.id).exists()


@retries.repeated
def _record_failure(week: Week, domain: Domain, error: Exception, now: datetime) -> None:
    problem = f"Keystone's database does not answer: {error}"
    BuildFailure.objects.update_or_create(
        week=str(week),
        domain_id=domain.id,
        defaults={"at": now, "problem": problem},
        create_defaults={"since": now, "at": now, "problem": problem},
    )
