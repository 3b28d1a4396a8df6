"""The sections of the report, one module for each requirement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pciops.reports.sections import (
    account_changes,
    acts,
    entitlements,
    exemptions,
    first_passwords,
    gaps,
    inactive,
    lockout,
    password_age,
    policy,
    population,
    provenance,
    review,
    second_factor,
    strength,
)
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Section

# In the order in which the report has them.
SECTIONS: Final[tuple[Callable[[Sources, ReportTables], Section], ...]] = (
    provenance.section,  # sources
    policy.section,  # Keystone's options against PCI DSS
    population.section,  # every account is reported
    entitlements.section,  # 7.2
    account_changes.section,  # 8.2.4
    inactive.section,  # 8.2.6
    lockout.section,  # 8.3.4
    first_passwords.section,  # 8.3.5
    strength.section,  # 8.3.6
    password_age.section,  # 8.3.9
    second_factor.section,  # 8.4
    exemptions.section,  # 8.6
    acts.section,  # 10.2.2, 10.3
    gaps.section,  # 10.7.2
    review.section,  # 7.2.4
)
