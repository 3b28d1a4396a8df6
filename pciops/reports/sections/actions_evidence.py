"""What the report says of the exemption register: which exceptions nobody answers for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pciops.actions import register
from pciops.actions.register import ExemptionEntry, ExemptionStatus
from pciops.lib import times
from pciops.lib.evidence import (
    Column,
    Figure,
    Part,
    Question,
    Statement,
    Table,
    Verdict,
    evidence,
)
from pciops.lib.spool import Row, Spool


@evidence("8.6", order=20)
def exemptions(question: Question) -> Iterator[Part]:
    """Every exemption with its owner and end; those without, and those that are overdue."""
    findings, all_of_them = Spool(), Spool()
    numbers = Counter[ExemptionStatus]()
    for entry in register.entries(scope=question.scope, now=question.now):
        numbers[entry.status] += 1
        all_of_them.append(_row(entry))
        if entry.status.is_finding:
            findings.append(_row(entry))
    yield Statement(words=_words(numbers), verdict=_verdict(findings.count))
    for status in ExemptionStatus:
        yield Figure(
            key=f"register_{status.value}",
            label=f"Exemptions: {status.label.lower()}",
            number=numbers[status],
            finding=status.is_finding,
            main=status.is_finding,
        )
    for key, title, rows, empty in (
        (
            "register_findings",
            "Exemptions that nobody recorded, or that are overdue",
            findings,
            "Every exemption has an owner and an end that is still to come.",
        ),
        ("register", "The exemption register", all_of_them, "No account is exempt from anything."),
    ):
        yield Table(
            key=key,
            title=title,
            columns=COLUMNS,
            rows=rows,
            empty=empty,
            identity=("user_id", "option"),
        )


COLUMNS = (
    Column(key="user_id", title="Id"),
    Column(key="user_name", title="Account"),
    Column(key="domain_name", title="Domain"),
    Column(key="kinds", title="Kind"),
    Column(key="option", title="Exempt by"),
    Column(key="status", title="Status"),
    Column(key="owner", title="Owner"),
    Column(key="reason", title="Reason"),
    Column(key="starts_on", title="From", kind="day"),
    Column(key="ends_on", title="Until", kind="day"),
    Column(key="recorded_by", title="Recorded by"),
)


def _row(entry: ExemptionEntry) -> Row:
    record = entry.record
    kinds = ", ".join(kind.label for kind in entry.account.kinds) if entry.account else ""
    return (
        entry.user_id,
        entry.user_name,
        entry.domain_name,
        kinds,
        entry.option,
        entry.status.label,
        record.owner if record else "",
        record.reason if record else "",
        times.iso(record.starts_on) if record else None,
        times.iso(record.ends_on) if record else None,
        record.recorded_by if record else "",
    )


def _words(numbers: Counter[ExemptionStatus]) -> str:
    unrecorded, overdue = numbers[ExemptionStatus.UNRECORDED], numbers[ExemptionStatus.OVERDUE]
    if not unrecorded and not overdue:
        return "Every exemption has an owner and an end that is still to come."
    return f"Exemptions with neither an owner nor an end: {unrecorded:,}; overdue: {overdue:,}."


def _verdict(findings: int) -> Verdict:
    return Verdict.FINDING if findings else Verdict.MET
