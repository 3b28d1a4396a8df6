"""PCI DSS 8.6: exempt and service accounts, and the exemption register."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain

from pciops.actions import register
from pciops.actions.register import ExemptionEntry, ExemptionStatus
from pciops.lib import times
from pciops.reports.columns import ACCOUNT, PASSWORD
from pciops.reports.requirements import judge
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables, Spool
from pciops.reports.value import Column, Figure, Found, Judgment, Row, Section, Statement, Table


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about exempt and service accounts."""
    exempt, services = sources.privileged.exempt, sources.privileged.services
    numbers, register_tables = _register(sources, tables)
    account_columns = (
        *ACCOUNT,
        *PASSWORD,
        Column("password_locked", "May not change it", "yes"),
        Column("exemptions", "Exempt by"),
    )
    return Section(
        key="8.6",
        requirement="8.6.1, 8.6.3, 8.2.2",
        old="8.5",
        title="Exempt and service accounts",
        demand=(
            "People sign in with system accounts only by exception, and passwords of such accounts "
            "change as often as a risk analysis says. Shared accounts are used only by exception."
        ),
        judgments=tuple(_judgments(sources, numbers)),
        statements=(
            Statement(
                _summary(numbers[ExemptionStatus.UNRECORDED], numbers[ExemptionStatus.OVERDUE])
            ),
        ),
        figures=_figures(sources, numbers),
        tables=(
            tables.add("exempt", "Exempt accounts", account_columns, exempt),
            tables.add("services", "Service accounts", account_columns, services),
            tables.add(
                "machines",
                "Other machines",
                (*ACCOUNT, *PASSWORD, Column("machine", "Recognized by")),
                chain(sources.machines.rows.rows(), sources.users.machines_elsewhere.rows()),
                empty="No other account is known to be of a machine.",
            ),
            *register_tables,
        ),
    )


def _figures(sources: Sources, numbers: Counter[ExemptionStatus]) -> tuple[Figure, ...]:
    return (
        Figure("exempt", "Exempt accounts", sources.privileged.exempt.count, main=True),
        Figure("services", "Service accounts", sources.privileged.services.count),
        Figure(
            "services_old",
            "Service accounts with a password older than a year",
            sources.privileged.numbers["services_old"],
        ),
        Figure("machines", "Other machines", _other_machines(sources)),
        Figure(
            "machines_old",
            "Other machines with a password older than a year",
            sources.machines.old,
        ),
        *(
            Figure(
                f"register_{status.value}",
                f"Exemptions: {status.label.lower()}",
                numbers[status],
                finding=status.is_finding,
                main=status.is_finding,
            )
            for status in ExemptionStatus
        ),
    )


ALL_RECORDED = "Every exemption has an owner and an end in the future."
REGISTER = (
    *ACCOUNT,
    Column("option", "Exempt by"),
    Column("status", "Status"),
    Column("owner", "Owner"),
    Column("reason", "Reason"),
    Column("starts_on", "From", "day"),
    Column("ends_on", "Until", "day"),
    Column("recorded_by", "Recorded by"),
)


def _register(
    sources: Sources, tables: ReportTables
) -> tuple[Counter[ExemptionStatus], tuple[Table, Table]]:
    """Return how many exemptions have each status, and their tables."""
    findings, entries, numbers = Spool(), Spool(), Counter[ExemptionStatus]()
    for entry in register.entries(scope=sources.scope, now=sources.now):
        numbers[entry.status] += 1
        entries.append(_row(entry))
        if entry.status.is_finding:
            findings.append(_row(entry))
    findings_table = tables.add(
        "register_findings",
        "Exemptions that are not recorded, or are overdue",
        REGISTER,
        findings,
        empty=ALL_RECORDED,
        identity=("user_id", "option"),
    )
    entries_table = tables.add(
        "register",
        "The exemption register",
        REGISTER,
        entries,
        empty="No account is exempt.",
        identity=("user_id", "option"),
    )
    return numbers, (findings_table, entries_table)


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


def _other_machines(sources: Sources) -> int:
    return sources.machines.rows.count + sources.users.machines_elsewhere.count


def _summary(unrecorded: int, overdue: int) -> str:
    if not unrecorded and not overdue:
        return ALL_RECORDED
    return f"Exemptions with neither an owner nor an end: {unrecorded:,}; overdue: {overdue:,}."


def _judgments(sources: Sources, numbers: Counter[ExemptionStatus]) -> Iterator[Judgment]:
    programs = sources.programs
    old = sources.privileged.numbers["services_old"] + sources.machines.old
    yield judge(
        "8.6.1",
        unit="service accounts and other machines",
        population=programs,
        tested=0,
        not_tested=("Whether people sign in with service accounts and other machines.",),
    )
    yield judge(
        "8.6.3",
        unit="service accounts and other machines",
        population=programs,
        tested=0,
        not_tested=(
            "Whether their passwords are changed as often as your risk analysis says, and how "
            "they are protected. Their age is listed; "
            f"{old:,} are older than a year.",
        ),
    )
    yield judge(
        "8.2.2",
        unit="accounts",
        population=sources.local + sources.elsewhere,
        tested=0,
        found=(
            Found(
                numbers[ExemptionStatus.UNRECORDED],
                "exemptions from Keystone's rules have no owner, reason, and end",
            ),
            Found(numbers[ExemptionStatus.OVERDUE], "exemptions are past their end"),
        ),
        not_tested=("Whether several people share an account.",),
    )
