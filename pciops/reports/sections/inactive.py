"""PCI DSS 8.2.6: accounts that were not used for 90 days."""

from __future__ import annotations

from pciops.accounts.states import INACTIVE, INACTIVE_SOON
from pciops.events.models import OutOfBandChange
from pciops.notices.models import NoticeKind
from pciops.reports.account_lists import INACTIVE_DAYS
from pciops.reports.columns import ACCOUNT, ACTIVITY
from pciops.reports.sections._notices import notice_figures
from pciops.reports.sections._out_of_band import out_of_band_changes
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Figure, ReportVerdict, Section, Statement


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about inactive accounts."""
    inactive = sources.accounts.states[INACTIVE]
    soon = sources.accounts.states[INACTIVE_SOON]
    exempt = sources.privileged.inactivity_exempt
    columns = (*ACCOUNT, *ACTIVITY)
    account_tables = (
        tables.add("inactive", "Inactive accounts", columns, inactive),
        tables.add(
            "inactive_soon",
            f"Accounts that are inactive within {INACTIVE_DAYS} days",
            columns,
            soon,
        ),
        tables.add(
            "inactivity_exempt",
            "Accounts that are exempt from inactivity (ignore_user_inactivity)",
            columns,
            exempt,
            empty="No account is exempt.",
        ),
    )
    changed, changed_table = out_of_band_changes(
        sources,
        tables,
        OutOfBandChange.Kind.ACTIVITY,
        label="Accounts whose last activity was changed without a sign-in",
        title="Last activity that no sign-in explains",
    )
    notices, notice_table = notice_figures(sources, tables, "inactivity", NoticeKind.INACTIVITY)
    return Section(
        key="8.2.6",
        requirement="8.2.6",
        old="8.1.4",
        title="Inactive accounts",
        demand="Accounts not used for 90 days are disabled or removed.",
        statements=(_statement(sources, inactive.count),),
        figures=(
            Figure("inactive", "Inactive", inactive.count, main=True),
            Figure("inactive_soon", f"Inactive within {INACTIVE_DAYS} days", soon.count),
            Figure("inactivity_exempt", "Exempt from it", exempt.count, finding=True),
            changed,
            *notices,
        ),
        tables=(*account_tables, changed_table, notice_table),
    )


def _statement(sources: Sources, inactive: int) -> Statement:
    days = sources.policy.disable_user_account_days_inactive
    if days is None:
        return Statement(
            "Keystone's rule is off: it lets unused accounts in for ever.", ReportVerdict.FINDING
        )
    return Statement(
        (
            f"Accounts that Keystone refuses because they were not used for {days} days: "
            f"{inactive:,}. They are as good as disabled; remove those that nobody needs."
        ),
        ReportVerdict.MET if days <= 90 else ReportVerdict.FINDING,
    )
