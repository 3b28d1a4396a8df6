"""The first section: the sources of the report, and the time at which they were read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pciops.accounts.models import Census
from pciops.audit import selectors
from pciops.audit.models import ChainHead
from pciops.keystone import database
from pciops.keystone.models import LocalUser, Password, User, UserOption
from pciops.lib import times
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Figure, Section, Statement


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about the sources."""
    return Section(
        key="sources",
        title="Sources",
        demand="A report names its sources, with the time at which each was read.",
        statements=(
            Statement(
                "Keystone keeps no history. Accounts, locks, and passwords are as Keystone's "
                f"database had them when this was built, {times.dated(sources.now)}, "
                f"{_after_the_week(sources)}. Events of the week come from what pciops stores: "
                "its censuses, its audit log, and its notices."
            ),
            Statement(
                "Lists are read one after the other, within a minute or two. An account that "
                "changed in between may be in one and not in another."
            ),
        ),
        figures=(*_keystone_rows(sources.scope), *_own_rows(sources)),
    )


def _after_the_week(sources: Sources) -> str:
    after = sources.now - sources.week.ends
    if after < timedelta(0):
        return "before the week had ended"
    return f"{times.span(after)} after the week had ended"


@database.reading()
def _keystone_rows(scope: str | None) -> list[Figure]:
    if scope is None:
        return [
            Figure(
                f"rows_{model._meta.db_table}",
                f"Rows of Keystone's table {model._meta.db_table}",
                model.objects.count(),
            )
            for model in (User, LocalUser, Password, UserOption)
        ]
    return [
        Figure(
            f"rows_{model._meta.db_table}",
            f"Rows of Keystone's table {model._meta.db_table} in this domain",
            model.objects.filter(domain_id=scope).count(),
        )
        for model in (User, LocalUser)
    ]


def _own_rows(sources: Sources) -> Iterator[Figure]:
    begins, ends = sources.week.begins, sources.week.ends
    yield Figure(
        "rows_census",
        "Stored censuses of the week",
        Census.objects.filter(counted_at__gte=begins, counted_at__lt=ends).count(),
    )
    if sources.scope is None:
        head = ChainHead.objects.filter(pk=1).first()
        yield Figure(
            "rows_trail", "Rows of the audit log, from its first day", head.position if head else 0
        )
    yield Figure(
        "rows_trail_week",
        "Rows of the audit log of this week",
        selectors.count_between(begins, ends, scope=sources.scope),
    )
