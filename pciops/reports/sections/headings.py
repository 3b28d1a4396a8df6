"""The sections of the report: their order, and what PCI DSS asks for in each. One table.

What a section says comes from the packages that know it: see `pciops.lib.evidence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A section before anything is in it; the fields are those of `value.Section`."""

    key: str
    title: str
    demand: str
    requirement: str = ""
    old: str = ""


HEADINGS: Final = (
    Heading(
        key="sources",
        title="Where this comes from",
        demand="A report names its sources, with the instant at which each was read.",
    ),
    Heading(
        key="policy",
        title="Keystone's policy",
        demand="What Keystone enforces, against what PCI DSS 4.0.1 demands; changes are marked.",
    ),
    Heading(
        key="population",
        title="All accounts",
        demand="Every account is in the report, or is named as one that it does not cover.",
    ),
    Heading(
        key="8.2.4",
        requirement="8.2.4",
        old="8.1.2",
        title="Changes of accounts",
        demand="Accounts are made, changed and deleted with approval alone.",
    ),
    Heading(
        key="8.2.6",
        requirement="8.2.6",
        old="8.1.4",
        title="Inactive accounts",
        demand="Accounts not used for 90 days are disabled or removed.",
    ),
    Heading(
        key="8.3.4",
        requirement="8.3.4",
        old="8.1.6, 8.1.7",
        title="Locks and unlocks",
        demand=(
            "At most 10 failed tries lock an account, for at least 30 minutes or until its user's "
            "identity is confirmed."
        ),
    ),
    Heading(
        key="8.3.5",
        requirement="8.3.5",
        old="8.2.6",
        title="First passwords",
        demand="A first or reset password is unique, and has to be changed at first use.",
    ),
    Heading(
        key="8.3.9",
        requirement="8.3.9",
        old="8.2.4",
        title="Password age",
        demand=(
            "A password that is the only factor is changed every 90 days; not where every sign-in "
            "takes a second factor."
        ),
    ),
    Heading(
        key="8.4",
        requirement="8.4.1, 8.4.2",
        old="8.3.1, 8.3.2",
        title="Administrators and the second factor",
        demand="Administrators, and all who reach the environment, sign in with a second factor.",
    ),
    Heading(
        key="8.6",
        requirement="8.6.1, 8.6.3, 8.2.2",
        old="8.5",
        title="Exempt and service accounts",
        demand=(
            "Accounts of systems are no way in for people, and their passwords change as a risk "
            "analysis says. An exception has a reason, an owner and an end."
        ),
    ),
    Heading(
        key="acts",
        requirement="10.2.2",
        old="10.3",
        title="Acts done through pciops",
        demand="Each act is recorded: who, what, when, from where, on which account, how it ended.",
    ),
    Heading(
        key="gaps",
        requirement="10.7.2",
        old="10.8",
        title="What this report does not know",
        demand="It is noticed when what records events stops.",
    ),
    Heading(
        key="review",
        requirement="7.2.4",
        title="Review and acknowledgement",
        demand="Accounts are reviewed every six months at least, and management acknowledges it.",
    ),
)
BY_KEY: Final = {heading.key: heading for heading in HEADINGS}
