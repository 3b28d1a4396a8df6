"""PCI DSS 8.3.9: passwords that have expired, will expire, or never do."""

from __future__ import annotations

from pciops.accounts.states import EXPIRED, EXPIRING, NO_EXPIRY
from pciops.notices.models import NoticeKind
from pciops.reports.account_lists import EXPIRING_COUNTS, EXPIRING_DAYS
from pciops.reports.columns import ACCOUNT, PASSWORD
from pciops.reports.sections._notices import notice_figures
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Figure, ReportVerdict, Section, Statement


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about the age of passwords."""
    accounts = sources.accounts
    expired, no_expiry = accounts.states[EXPIRED], accounts.states[NO_EXPIRY]
    account_tables = [
        tables.add(key, title, (*ACCOUNT, *PASSWORD), accounts.states[state])
        for state, key, title in (
            (EXPIRED, "expired", "Accounts whose password has expired"),
            (NO_EXPIRY, "no_expiry", "Accounts whose password never expires"),
            (
                EXPIRING,
                "expiring",
                f"Accounts whose password expires within {EXPIRING_DAYS} days",
            ),
        )
    ]
    notices, notice_table = notice_figures(
        sources,
        tables,
        "passwords",
        NoticeKind.PASSWORD_EXPIRING,
        NoticeKind.PASSWORD_EXPIRED,
    )
    return Section(
        key="8.3.9",
        requirement="8.3.9",
        old="8.2.4",
        title="Password age",
        demand=(
            "A password that is the only factor is changed every 90 days; not where every sign-in "
            "takes a second factor."
        ),
        statements=(_statement(sources, no_expiry.count),),
        figures=(
            Figure("expired", "Expired", expired.count, main=True),
            *(
                Figure(f"expiring_{days}", f"Expiring within {days} days", accounts.expiring[days])
                for days in EXPIRING_COUNTS
            ),
            Figure("no_expiry", "No expiry set", no_expiry.count, finding=True, main=True),
            *notices,
        ),
        tables=(*account_tables, notice_table),
    )


def _statement(sources: Sources, no_expiry: int) -> Statement:
    days = sources.policy.password_expires_days
    if days is None:
        return Statement("Keystone's rule is off: no password expires.", ReportVerdict.FINDING)
    if no_expiry:
        return Statement(
            (
                "Accounts with a password from the time before the rule was on, which does not "
                f"expire until they change it: {no_expiry:,}."
            ),
            ReportVerdict.FINDING,
        )
    return Statement(
        f"Every password expires {days} days after it was set, but for exempt ones.",
        ReportVerdict.MET if days <= 90 else ReportVerdict.FINDING,
    )
