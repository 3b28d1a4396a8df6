"""PCI DSS 8.2.6: accounts that were not used for 90 days."""

from __future__ import annotations

from pciops.accounts.states import INACTIVE, INACTIVE_SOON
from pciops.events.models import OutOfBandChange
from pciops.notices.models import NoticeKind
from pciops.reports.account_lists import INACTIVE_DAYS
from pciops.reports.columns import ACCOUNT, ACTIVITY
from pciops.reports.lifetimes import MAX_DAYS
from pciops.reports.requirements import judge
from pciops.reports.sections._notices import notice_figures
from pciops.reports.sections._out_of_band import out_of_band_changes
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Column, Figure, Found, Judgment, Section, Statement, Table


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about inactive accounts."""
    inactive = sources.users.states[INACTIVE]
    soon = sources.users.states[INACTIVE_SOON]
    exempt = sources.privileged.inactivity_exempt
    unused = sources.users.unused
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
        judgments=(_judgment(sources, unused.count, changed.number or 0),),
        statements=(_statement(sources, inactive.count),),
        figures=(
            Figure(
                "unused",
                f"Not used for {MAX_DAYS} days, and can still sign in",
                unused.count,
                finding=True,
                main=True,
            ),
            Figure("inactive", "Inactive", inactive.count, main=True),
            Figure("inactive_soon", f"Inactive within {INACTIVE_DAYS} days", soon.count),
            Figure("inactivity_exempt", "Exempt from it", exempt.count),
            changed,
            *notices,
        ),
        tables=(*_tables(sources, tables), changed_table, notice_table),
    )


def _tables(sources: Sources, tables: ReportTables) -> tuple[Table, ...]:
    columns = (*ACCOUNT, *ACTIVITY)
    return (
        tables.add(
            "unused",
            f"Accounts not used for {MAX_DAYS} days that can still sign in",
            (*ACCOUNT, *ACTIVITY[:-1], Column("why", "Why Keystone does not refuse it")),
            sources.users.unused,
        ),
        tables.add("inactive", "Inactive accounts", columns, sources.users.states[INACTIVE]),
        tables.add(
            "inactive_soon",
            f"Accounts that are inactive within {INACTIVE_DAYS} days",
            columns,
            sources.users.states[INACTIVE_SOON],
        ),
        tables.add(
            "inactivity_exempt",
            "Accounts that are exempt from inactivity (ignore_user_inactivity)",
            columns,
            sources.privileged.inactivity_exempt,
            empty="No account is exempt.",
        ),
    )


def _judgment(sources: Sources, unused: int, changed: int) -> Judgment:
    return judge(
        "8.2.6",
        unit="accounts",
        population=sources.local + sources.elsewhere,
        tested=sources.local,
        found=(
            Found(unused, f"accounts not used for {MAX_DAYS} days can still sign in"),
            Found(changed, "accounts whose last activity was changed without a sign-in"),
        ),
        not_tested=sources.users_not_tested,
    )


def _statement(sources: Sources, inactive: int) -> Statement:
    days = sources.policy.disable_user_account_days_inactive
    if days is None:
        return Statement("Keystone's rule is off: Keystone refuses no account as inactive.")
    return Statement(
        f"Accounts that Keystone refuses because they were not used for {days} days: "
        f"{inactive:,}. They cannot sign in. Delete those that are not needed."
    )
