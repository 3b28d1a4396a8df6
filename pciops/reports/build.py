"""Builds the report of a week: asks each section once and freezes the answers.

Keystone's tables have no history. What they say is as of the time of building; what happened in
the week comes from what pciops stores: censuses, the audit log, notices and events.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from django.conf import settings

import pciops
from pciops.accounts import selectors
from pciops.accounts.selectors import Domain
from pciops.keystone import limits
from pciops.reports import weeks
from pciops.reports.archive import store
from pciops.reports.sections import SECTIONS
from pciops.reports.sources import CloudSources, Sources
from pciops.reports.spool import BuiltReport, ReportTables
from pciops.reports.value import Header, Report, Section, difference
from pciops.reports.weeks import Week

log = logging.getLogger(__name__)

WHOLE_CLOUD: Final = Domain(id="", name="")


class DomainError(ValueError):
    """A domain that Keystone does not have."""


def domain_of(id_or_name: str) -> Domain:
    """Return the domain with this id or name; the whole cloud for "".

    Raises:
        DomainError, KeystoneDatabaseDownError
    """
    if not id_or_name:
        return WHOLE_CLOUD
    domains = selectors.domains(scope=None)
    for attribute in ("id", "name"):
        for domain in domains:
            if getattr(domain, attribute) == id_or_name:
                return domain
    raise DomainError(f"There is no domain {id_or_name[:64]!r}.")


@limits.of_job()
def build(week: Week, domain: Domain = WHOLE_CLOUD, *, cloud: CloudSources) -> BuiltReport:
    """Build the report of a week as of `cloud.now`.

    Raises:
        KeystoneDatabaseDownError: nothing is left behind.
    """
    began = time.monotonic()
    before = store.newest(str(week.before), domain.id)
    sources = Sources(week=week, scope=domain.id or None, cloud=cloud, before=before)
    sources.read()
    tables = ReportTables()
    try:
        sections = [section(sources, tables) for section in SECTIONS]
    except BaseException:
        tables.close()
        raise
    report = Report(
        header=Header(
            cloud=settings.CLOUD_NAME,
            domain_id=domain.id,
            domain_name=domain.name,
            week=str(week),
            revision=0,  # until it is stored
            begins=week.begins,
            ends=week.ends,
            zone=weeks.zone().key,
            generated_at=cloud.now,
            version=pciops.__version__,
            previous_week=before.week if before else "",
            previous_hash=before.hash if before else "",
        ),
        sections=_with_changes(sections, store.figures(before) if before else {}),
        gaps=tuple(
            sorted(
                (*sources.schedule_gaps, *sources.consumer_gaps),
                key=lambda gap: (gap.begins, gap.source),
            )
        ),
    )
    log.info("report of %s built in %.1f s", week, time.monotonic() - began)
    return BuiltReport(report=report, tables=tables)


def _with_changes(sections: list[Section], before: Mapping[str, int | None]) -> tuple[Section, ...]:
    """Return the sections with the change of each figure; the number 0 is no exception."""
    return tuple(
        replace(
            section,
            figures=tuple(
                replace(
                    figure,
                    change=difference(before.get(figure.key), figure.number),
                    finding=figure.is_finding,
                )
                for figure in section.figures
            ),
        )
        for section in sections
    )
