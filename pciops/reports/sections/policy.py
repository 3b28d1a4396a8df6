"""Keystone's policy against PCI DSS, and its changes in the week."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pciops.accounts.policy import compliance, policy
from pciops.accounts.policy.compliance import PolicyFinding
from pciops.accounts.policy.policy import SourcedPolicy
from pciops.audit import selectors
from pciops.audit.models import Event
from pciops.audit.policy_changes import RESOURCE
from pciops.reports.columns import second
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Column, Figure, Row, Section, Statement


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about Keystone's policy."""
    sourced = sources.cloud.policy
    findings = compliance.findings(sourced.policy)
    changes = _changes(sources)
    changed = {str(option) for _, option, *_ in changes} - {ALL_OPTIONS}
    return Section(
        key="policy",
        title="Keystone's policy",
        demand="What Keystone enforces, compared with PCI DSS 4.0.1; changes are marked.",
        statements=tuple(_statements(findings, sourced)),
        figures=(
            Figure(
                "policy_findings",
                "Requirements that values of options do not meet",
                sum(not finding.passed for finding in findings),
                main=True,
            ),
            Figure("policy_changes", "Options that changed in this week", len(changed)),
        ),
        tables=(
            tables.add(
                "policy_requirements",
                "Policy against PCI DSS 4.0.1",
                REQUIREMENTS,
                [(f.requirement, f.old, f.title, f.value, f.passed, f.reason) for f in findings],
                empty="There is no requirement.",
                identity=("requirement",),
            ),
            tables.add(
                "policy_values",
                "Options of Keystone, and where each value comes from",
                VALUES,
                [
                    (
                        name,
                        policy.display_value(name, value),
                        sourced.sources[name],
                        name in changed,
                    )
                    for name, value in sourced.values.items()
                ],
                empty="There is no option.",
                identity=("option",),
            ),
            tables.add(
                "policy_changes",
                "Changes of Keystone's policy in this week",
                CHANGES,
                changes,
                empty="Nothing changed in this week.",
                identity=("event_id",),
            ),
        ),
    )


REQUIREMENTS: Final = (
    Column("requirement", "4.0.1"),
    Column("old", "3.2.1"),
    Column("title", "About"),
    Column("value", "Value"),
    Column("met", "Value passes", "yes"),
    Column("reason", "Why"),
)
VALUES: Final = (
    Column("option", "Option"),
    Column("value", "Value"),
    Column("source", "From"),
    Column("changed", "Changed in this week", "yes"),
)
CHANGES: Final = (
    Column("at", "Seen", "instant"),
    Column("option", "Option"),
    Column("change", "Change"),
    Column("event_id", "Row of the audit log"),
)
ALL_OPTIONS: Final = "all options"  # of a change that is about none in particular


def _changes(sources: Sources) -> list[Row]:
    week = sources.week
    events = selectors.between(week.begins, week.ends, actions=(Event.Action.POLICY,), scope=None)
    return [
        (
            second(event.event_time),
            event.resource.removeprefix(RESOURCE).strip() or ALL_OPTIONS,
            event.remark,
            event.id,
        )
        for event in events
    ]


def _statements(findings: Sequence[PolicyFinding], sourced: SourcedPolicy) -> Iterator[Statement]:
    failing = [finding for finding in findings if not finding.passed]
    if failing:
        names = ", ".join(f"{finding.requirement} ({finding.title.lower()})" for finding in failing)
        yield Statement(
            f"Values of options that do not meet {len(failing)} of {len(findings)} requirements: "
            f"{names}."
        )
    else:
        yield Statement(f"Values of options meet the {len(findings)} requirements that have one.")
    yield Statement("Values only: each requirement's section tests the accounts too.")
    for option, values in sourced.disagreements.items():
        where = ", ".join(
            f"{policy.display_value(option, value)} in {path}" for path, value in values
        )
        yield Statement(f"{option} differs between Keystone's nodes: {where}.")
