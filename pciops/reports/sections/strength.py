"""PCI DSS 8.3.6 and 8.3.7: strength of new passwords, and the old ones that are refused."""

from __future__ import annotations

from pciops.reports.requirements import judge
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Judgment, Section, Statement


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about the options that decide which new password Keystone accepts."""
    return Section(
        key="8.3.6",
        requirement="8.3.6, 8.3.7",
        old="8.2.3, 8.2.5",
        title="Strength and history of passwords",
        demand=(
            "Passwords have at least 12 characters, with letters and digits, and are none of the "
            "last four."
        ),
        judgments=(_judgment(sources, "8.3.6"), _judgment(sources, "8.3.7")),
        statements=(
            Statement(
                "The settings are tested, with example passwords. Keystone applies them to each "
                "new password; passwords from before cannot be tested."
            ),
        ),
    )


def _judgment(sources: Sources, number: str) -> Judgment:
    return judge(
        number,
        unit="accounts",
        population=sources.local + sources.elsewhere,
        tested=sources.local,
        found=sources.policy_exceptions(number),
        not_tested=sources.users_not_tested,
    )
