"""PCI DSS 10.2.2: acts through pciops, and the verification of the audit log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from pciops.audit import chain
from pciops.audit.doctor import MAX_AGE
from pciops.audit.models import Event
from pciops.lib import times
from pciops.reports.columns import NAMES, second
from pciops.reports.requirements import judge
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables, Spool
from pciops.reports.value import Column, Figure, Found, Judgment, Row, Section, Statement

Action = Event.Action
Outcome = Event.Outcome

ON_ACCOUNTS: Final = (
    *(Action.UNLOCK, Action.ENABLE, Action.DISABLE, Action.EXEMPT, Action.LIFT, Action.RECORD),
    *(Action.END_SESSIONS, Action.MACHINE, Action.PERSON),
)
NOT_LISTED: Final = (Action.SIGN_IN, Action.SIGN_OUT)  # many, and about no account


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about everything that the audit log has of the week."""
    acts, numbers, incomplete = Spool(), Counter[tuple[str, str]](), 0
    for event in sources.audit_events(*Action.values):
        numbers[event.action, event.outcome] += 1
        incomplete += not (event.action and event.outcome and event.initiator and event.via)
        if event.action not in NOT_LISTED:
            acts.append(_row(event))
    return Section(
        key="acts",
        requirement="10.2.2, 10.3.2, 10.3.4",
        old="10.3, 10.5.2, 10.5.5",
        title="Actions through pciops",
        demand=(
            "Each action is recorded: who, what, when, from where, on which account, and the "
            "outcome. Records are protected, and changes of them are detected."
        ),
        judgments=(_content(sum(numbers.values()), incomplete), *_integrity(sources)),
        statements=(_verification(sources),),
        figures=(
            Figure(
                "acts",
                "Actions on accounts",
                sum(n for (action, _), n in numbers.items() if action in ON_ACCOUNTS),
                main=True,
            ),
            Figure(
                "acts_failed",
                "Failed actions and sign-ins",
                sum(n for (_, outcome), n in numbers.items() if outcome != Outcome.SUCCESS),
            ),
        ),
        tables=(
            tables.add(
                "acts_numbers",
                "Actions by kind and outcome",
                (
                    Column("action", "Act"),
                    Column("outcome", "Ended"),
                    Column("number", "How many", "number"),
                ),
                [
                    (Action(action).label, Outcome(outcome).label, number)
                    for (action, outcome), number in sorted(numbers.items())
                ],
                empty="Nothing was done through pciops in this week.",
                identity=("action", "outcome"),
            ),
            tables.add(
                "acts",
                "Actions, except sign-ins and sign-outs",
                ACTS,
                acts,
                empty="Nothing was done through pciops in this week.",
                identity=("event_id",),
            ),
        ),
    )


ACTS: Final = (
    Column("at", "When", "instant"),
    Column("action", "Act"),
    Column("outcome", "Ended"),
    Column("by", "By whom"),
    Column("via", "Through"),
    Column("address", "From"),
    *NAMES,
    Column("resource", "What"),
    Column("reason", "Reason"),
    Column("remark", "Remark"),
    Column("event_id", "Row of the audit log"),
)


def _row(event: Event) -> Row:
    return (
        second(event.event_time),
        event.get_action_display(),
        event.get_outcome_display(),
        event.initiator,
        event.get_via_display(),
        event.initiator_address,
        event.target_id,
        event.target_name,
        event.target_domain_name,
        event.resource,
        event.reason,
        event.remark,
        event.id,
    )


OTHER_LOGS: Final = "Audit logs of Keystone, hosts, and other systems."


def _content(rows: int, incomplete: int) -> Judgment:
    return judge(
        "10.2.2",
        unit="records of pciops",
        population=rows,
        tested=rows,
        found=(Found(incomplete, "records lack what was done, by whom, on what, or the outcome"),),
        not_tested=(OTHER_LOGS,),
    )


def _integrity(sources: Sources) -> Iterator[Judgment]:
    check = chain.last_check()
    recent = check is not None and sources.now - check.checked_at <= MAX_AGE
    rows = check.rows if check and recent else 0
    problem = check.problem if check else ""
    unverified = "" if recent else "The audit log was not verified within the last days."
    for number, limit in (
        ("10.3.2", "Who can change pciops' database or files as their administrator."),
        ("10.3.4", "Whether a person answers the alerts."),
    ):
        yield judge(
            number,
            unit="records of pciops",
            population=check.rows if check else None,
            tested=rows,
            found=(Found(1 if problem else 0, f"Audit log integrity check failed: {problem}"),),
            not_tested=(unverified, limit, OTHER_LOGS),
        )


def _verification(sources: Sources) -> Statement:
    check = chain.last_check()
    if check is None:
        return Statement("The audit log has not been verified yet.")
    checked_at = times.dated(check.checked_at)
    if check.problem:
        return Statement(f"Audit log integrity check failed at {checked_at}: {check.problem}.")
    return Statement(
        f"The audit log was verified at {checked_at}: {check.rows:,} rows passed, the last of "
        f"them is number {check.position} with the hash {check.hash or 'none'}."
    )
