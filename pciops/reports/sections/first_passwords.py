"""PCI DSS 8.3.5: first and reset passwords."""

from __future__ import annotations

from pciops.accounts.states import MUST_CHANGE
from pciops.reports.columns import ACCOUNT, PASSWORD
from pciops.reports.requirements import judge
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Figure, Found, Judgment, Section, Statement


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about passwords that an administrator set."""
    must_change = sources.passwords.states[MUST_CHANGE]
    exempt = sources.privileged.first_use_exempt
    is_on = sources.policy.change_password_upon_first_use
    columns = (*ACCOUNT, *PASSWORD)
    return Section(
        key="8.3.5",
        requirement="8.3.5",
        old="8.2.6",
        title="First passwords",
        demand="A first or reset password is unique, and has to be changed at first use.",
        judgments=(_judgment(sources),),
        statements=(
            Statement(
                "Accounts with a first or reset password, which Keystone accepts only to change "
                f"it: {must_change.count:,}."
                if is_on
                else "Keystone's rule is off: a password that an administrator set stays valid."
            ),
        ),
        figures=(
            Figure("must_change", "Must change their password", must_change.count),
            Figure("first_use_exempt", "Exempt from it", exempt.count),
            Figure(
                "first_use_exempt_people",
                "People whose first change is never forced",
                sources.privileged.numbers["first_use_exempt_people"],
                words="Exempt from the first change or from expiry, and enabled.",
                finding=True,
            ),
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


def _judgment(sources: Sources) -> Judgment:
    numbers = sources.privileged.numbers
    services = numbers["first_use_exempt_services"]
    return judge(
        "8.3.5",
        unit="accounts",
        population=sources.local + sources.elsewhere,
        tested=sources.local,
        found=(
            *sources.policy_exceptions("8.3.5"),
            Found(
                numbers["first_use_exempt_people"],
                "people need not change a first password (ignore_change_password_upon_first_use, "
                "or ignore_password_expiry, which cancels it too)",
            ),
        ),
        not_tested=(
            "Whether each first or reset password is unique.",
            f"Service accounts and other machines that are exempt ({services:,}): see 8.6.3."
            if services
            else "",
            *sources.users_not_tested,
        ),
    )
