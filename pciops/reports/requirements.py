"""The requirements of PCI DSS 4.0.1 that the report judges, and how a verdict is reached.

pciops tests data; an assessor decides whether a requirement is in place. So no verdict says "met".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pciops.reports.value import Found, Judgment, Verdict


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A requirement, and the testing procedure that the report supports, in our words."""

    number: str
    old: str = ""  # in 3.2.1; "": it is new in 4.0
    procedure: str
    asks: str


_ALL: Final = (
    Requirement(
        number="7.2.2",
        old="7.1.2, 7.1.3",
        procedure="7.2.2.b",
        asks="Access settings fit each person's job, with the least privileges it takes.",
    ),
    Requirement(
        number="7.2.4",
        procedure="7.2.4.b",
        asks="Results of reviews show that all accounts and their privileges were reviewed, "
        "and that management acknowledged it.",
    ),
    Requirement(
        number="7.2.5",
        procedure="7.2.5.b",
        asks="Privileges of application and system accounts are the least that they need.",
    ),
    Requirement(
        number="8.2.2",
        old="8.5",
        procedure="8.2.2.a",
        asks="Shared accounts are used only by exception: limited in time, justified, approved.",
    ),
    Requirement(
        number="8.2.4",
        old="8.1.2",
        procedure="8.2.4",
        asks="Each change of an account was authorized, with the privileges that were approved.",
    ),
    Requirement(
        number="8.2.6",
        old="8.1.4",
        procedure="8.2.6",
        asks="Accounts and their last sign-ins show that those unused for 90 days are disabled "
        "or removed.",
    ),
    Requirement(
        number="8.3.4",
        old="8.1.6, 8.1.7",
        procedure="8.3.4.a, 8.3.4.b",
        asks="Settings lock an account after at most 10 failed attempts, for at least 30 minutes "
        "or until the user's identity is confirmed.",
    ),
    Requirement(
        number="8.3.5",
        old="8.2.6",
        procedure="8.3.5",
        asks="First and reset passwords are unique, and are changed after the first use.",
    ),
    Requirement(
        number="8.3.6",
        old="8.2.3",
        procedure="8.3.6",
        asks="Settings require 12 characters, with letters and digits.",
    ),
    Requirement(
        number="8.3.7",
        old="8.2.5",
        procedure="8.3.7",
        asks="Settings refuse a new password that is one of the last four.",
    ),
    Requirement(
        number="8.3.9",
        old="8.2.4",
        procedure="8.3.9",
        asks="Settings require a new password every 90 days if it is the only factor.",
    ),
    Requirement(
        number="8.4.1",
        old="8.3.1",
        procedure="8.4.1.a",
        asks="Configurations require a second factor of people with administrative access.",
    ),
    Requirement(
        number="8.4.2",
        procedure="8.4.2.a",
        asks="Configurations require a second factor for all non-console access.",
    ),
    Requirement(
        number="8.6.1",
        procedure="8.6.1",
        asks="System accounts that people can sign in with are an exception: justified, "
        "approved, and limited in time.",
    ),
    Requirement(
        number="8.6.3",
        procedure="8.6.3.c",
        asks="Passwords of system accounts are changed as often as the risk analysis says.",
    ),
    Requirement(
        number="10.2.2",
        old="10.3",
        procedure="10.2.2",
        asks="Each record says who, what, when, from where, on which account, and the outcome.",
    ),
    Requirement(
        number="10.3.2",
        old="10.5.2",
        procedure="10.3.2",
        asks="Audit logs are protected from changes by individuals.",
    ),
    Requirement(
        number="10.3.4",
        old="10.5.5",
        procedure="10.3.4",
        asks="Changes of audit logs are detected.",
    ),
    Requirement(
        number="10.7.2",
        old="10.8 (10.7.1 in 4.0)",
        procedure="10.7.2.b",
        asks="Failures of what records events are detected and alerted promptly.",
    ),
)
REQUIREMENTS: Final = {requirement.number: requirement for requirement in _ALL}


def judge(
    number: str,
    *,
    unit: str,
    population: int | None,
    tested: int,
    found: Iterable[Found] = (),
    not_tested: Iterable[str] = (),
    excluded: Iterable[str] = (),
) -> Judgment:
    """Return the verdict on a requirement.

    Args:
        unit: what the numbers count, such as "accounts".
        found: the exceptions; those with the number 0 are left out.
        not_tested: sentences; empty ones are left out.
        excluded: sentences about what the requirement does not apply to; the same.
    """
    requirement = REQUIREMENTS[number]
    exceptions = tuple(each for each in found if each.number)
    left_out = tuple(filter(None, not_tested))
    if exceptions:
        verdict = Verdict.EXCEPTION
    elif not tested:
        verdict = Verdict.NOT_TESTED
    else:
        verdict = Verdict.PARTLY_TESTED if left_out else Verdict.NO_EXCEPTION
    return Judgment(
        requirement=number,
        old=requirement.old,
        procedure=requirement.procedure,
        asks=requirement.asks,
        unit=unit,
        population=population,
        tested=tested,
        exceptions=sum(each.number for each in exceptions),
        found=exceptions,
        not_tested=left_out,
        excluded=tuple(filter(None, excluded)),
        verdict=verdict,
    )
