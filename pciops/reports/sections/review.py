"""PCI DSS 7.2.4: acknowledgements of earlier reports."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pciops.lib import times
from pciops.reports.columns import second
from pciops.reports.models import SignOff
from pciops.reports.requirements import judge
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Column, Figure, Judgment, Section, Statement

SIX_MONTHS: Final = timedelta(days=183)


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about the acknowledgements of the last six months."""
    rows = SignOff.objects.filter(
        report__domain_id=sources.scope or "",
        at__gt=sources.now - SIX_MONTHS,
        at__lte=sources.now,
    ).select_related("report")
    sign_offs = list(rows.order_by("-at", "-pk").defer("report__content"))
    by_management = [sign_off for sign_off in sign_offs if sign_off.as_management]
    return Section(
        key="review",
        requirement="7.2.4",
        title="Review and sign-off",
        demand=(
            "Accounts and their privileges are reviewed at least every six months, and "
            "management acknowledges it."
        ),
        judgments=(_judgment(sources, by_management),),
        statements=(_statement(by_management),),
        figures=(
            Figure("acknowledged", "Reports signed off within six months", len(sign_offs)),
            Figure("acknowledged_management", "of them by management", len(by_management)),
        ),
        tables=(
            tables.add(
                "acknowledged",
                "Sign-offs within six months",
                (
                    Column("at", "When", "instant"),
                    Column("week", "Week"),
                    Column("revision", "Revision", "number"),
                    Column("by", "By whom"),
                    Column("management", "As management", "yes"),
                    Column("remark", "Remark"),
                    Column("event_id", "Row of the audit log"),
                ),
                [
                    (
                        second(sign_off.at),
                        sign_off.report.week,
                        sign_off.report.revision,
                        sign_off.by,
                        sign_off.as_management,
                        sign_off.remark,
                        sign_off.event_id,
                    )
                    for sign_off in sign_offs
                ],
                empty="No report was signed off.",
                identity=("event_id",),
            ),
        ),
    )


def _judgment(sources: Sources, by_management: list[SignOff]) -> Judgment:
    population = sources.local + sources.elsewhere
    return judge(
        "7.2.4",
        unit="accounts",
        population=population,
        tested=sources.local if by_management else 0,
        not_tested=(
            "Access privileges were not reviewed: pciops lists them, and management decides.",
            ""
            if by_management
            else "Management signed off no report within six months (PCIOPS_MANAGEMENT_ROLES).",
        ),
    )


def _statement(by_management: list[SignOff]) -> Statement:
    if not by_management:
        return Statement(
            "Management has not signed off a report within the last six months. A person with a "
            "role of PCIOPS_MANAGEMENT_ROLES can sign off a report on its page."
        )
    newest = by_management[0]
    return Statement(
        f"The report of {newest.report.week} was signed off by {newest.by} on "
        f"{times.dated(newest.at)}. That is not a review of access privileges."
    )
