"""PCI DSS 8.3.5: first and reset passwords."""

from __future__ import annotations

from pciops.accounts.states import MUST_CHANGE
from pciops.reports.columns import ACCOUNT, PASSWORD
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Figure, ReportVerdict, Section, Statement


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about passwords that an administrator set."""
    must_change = sources.accounts.states[MUST_CHANGE]
    exempt = sources.privileged.first_use_exempt
    is_on = sources.policy.change_password_upon_first_use
    columns = (*ACCOUNT, *PASSWORD)
    return Section(
        key="8.3.5",
        requirement="8.3.5",
        old="8.2.6",
        title="First passwords",
        demand="A first or reset password is unique, and has to be changed at first use.",
        statements=(
            Statement(
                (
                    "Accounts with a first or reset password, which Keystone takes only to change "
                    f"it: {must_change.count:,}."
                    if is_on
                    else "Keystone's rule is off: a password that an administrator set stays valid."
                ),
                ReportVerdict.MET if is_on else ReportVerdict.FINDING,
            ),
        ),
        figures=(
            Figure("must_change", "Must change their password", must_change.count),
            Figure("first_use_exempt", "Exempt from it", exempt.count, finding=True),
        ),
        tables=(
            tables.add(
                "must_change",
                "Accounts that must change their first password",
                columns,
                must_change,
            ),
            tables.add(
                "first_use_exempt",
                "Accounts that may keep it (ignore_change_password_upon_first_use)",
                columns,
                exempt,
            ),
        ),
    )
