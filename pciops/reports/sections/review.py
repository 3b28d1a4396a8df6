"""PCI DSS 7.2.4: acknowledgements of earlier reports."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pciops.lib import times
from pciops.reports.columns import second
from pciops.reports.models import SignOff
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Column, Figure, ReportVerdict, Section, Statement

SIX_MONTHS: Final = timedelta(days=183)


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about the acknowledgements of the last six months."""
    rows = SignOff.objects.filter(
        report__domain_id=sources.scope or "",
        at__gt=sources.now - SIX_MONTHS,
        at__lte=sources.now,
    ).select_related("report")
    sign_offs = list(rows.order_by("-at", "-pk").defer("report__content"))
    return Section(
        key="review",
        requirement="7.2.4",
        title="Review and acknowledgement",
        demand="Accounts are reviewed every six months at least, and management acknowledges it.",
        statements=(_statement(sign_offs),),
        figures=(Figure("acknowledged", "Reports acknowledged within six months", len(sign_offs)),),
        tables=(
            tables.add(
                "acknowledged",
                "Who has acknowledged which report, within six months",
                (
                    Column("at", "When", "instant"),
                    Column("week", "Week"),
                    Column("revision", "Revision", "number"),
                    Column("by", "By whom"),
                    Column("remark", "Remark"),
                    Column("event_id", "Row of the trail"),
                ),
                [
                    (
                        second(sign_off.at),
                        sign_off.report.week,
                        sign_off.report.revision,
                        sign_off.by,
                        sign_off.remark,
                        sign_off.event_id,
                    )
                    for sign_off in sign_offs
                ],
                empty="No report was acknowledged.",
                identity=("event_id",),
            ),
        ),
    )


def _statement(sign_offs: list[SignOff]) -> Statement:
    if not sign_offs:
        return Statement(
            (
                "Nobody has acknowledged a report within the last six months. Whoever is "
                "responsible reads this one and acknowledges it, with a remark where there is one "
                "to make; pciops keeps name and instant in its trail."
            ),
            ReportVerdict.FINDING,
        )
    newest = sign_offs[0]
    return Statement(
        (
            f"The report of {newest.report.week} was acknowledged by {newest.by} on "
            f"{times.dated(newest.at)}."
        ),
        ReportVerdict.MET,
    )
