"""All accounts: how many are in which state, and proof that none is left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pciops.accounts.census import census
from pciops.accounts.census.counting import CLOUD, EVERY
from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import (
    DISABLED,
    EXEMPT,
    EXPIRED,
    INACTIVE,
    INACTIVE_SOON,
    LOCKED,
    MUST_CHANGE,
    NOT_COVERED,
    STATES,
)
from pciops.reports.columns import ACCOUNT, ENABLED
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Bars, Column, Figure, Row, Section, Statement, Table

IN_TREND: Final = (LOCKED, INACTIVE, EXPIRED)
BY_DOMAIN: Final = (
    *(LOCKED, DISABLED, INACTIVE, INACTIVE_SOON, EXPIRED, MUST_CHANGE, EXEMPT, NOT_COVERED),
)


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section that reconciles the report with Keystone's table `user`."""
    covered = sources.local
    not_covered = sources.users.not_covered
    rows = sources.user_rows
    unexplained = rows - covered - not_covered.count
    return Section(
        key="population",
        title="All accounts",
        demand="Every account is in the report, or is named as one that it does not cover.",
        statements=(Statement(_reconciliation(rows, covered, not_covered.count)),),
        figures=(
            Figure("accounts", "Accounts reported", covered, main=True),
            Figure("people", "People", max(0, covered + not_covered.count - sources.programs)),
            Figure("programs", "Service accounts and other machines", sources.programs),
            Figure("not_covered", "Named as not covered", not_covered.count),
            Figure("unexplained", "Rows not explained", unexplained),
            *(
                Figure(
                    f"state_{state.name}",
                    state.label,
                    sources.count(state.name),
                    words=state.explanation,
                )
                for state in STATES
            ),
        ),
        bars=tuple(_trend(sources)),
        tables=_tables(sources, tables),
    )


def _tables(sources: Sources, tables: ReportTables) -> tuple[Table, ...]:
    return (
        tables.add(
            "not_covered",
            "Accounts that Keystone's rules do not cover (LDAP and federated)",
            (*ACCOUNT, ENABLED),
            sources.users.not_covered,
            empty="Every account is covered.",
        ),
        tables.add(
            "population_states",
            "Accounts by state",
            (
                Column("state", "State"),
                Column("accounts", "Accounts", "number"),
                Column("administrators", "Administrators", "number"),
                Column("service_accounts", "Service accounts", "number"),
                Column("meaning", "Meaning"),
            ),
            [
                (
                    state.label,
                    *(sources.count(state.name, kind) for kind in (EVERY, *AccountKind)),
                    state.explanation,
                )
                for state in STATES
            ],
            empty="There is no state.",
            identity=("state",),
        ),
        tables.add(
            "population_domains",
            "Accounts by domain",
            (
                Column("domain_id", "Domain's id"),
                Column("domain_name", "Domain"),
                Column("accounts", "All", "number"),
                *(Column(state.name, state.label, "number") for state in BY_DOMAIN),
            ),
            _domain_rows(sources),
            empty="There is no domain with accounts.",
            identity=("domain_id",),
        ),
    )


def _reconciliation(rows: int, covered: int, not_covered: int) -> str:
    words = (
        f"{rows:,} rows in Keystone's table user = {covered:,} accounts reported + "
        f"{not_covered:,} named as not covered (LDAP or federated)"
    )
    unexplained = rows - covered - not_covered
    if not unexplained:
        return f"{words}."
    more_or_fewer = "more" if unexplained > 0 else "fewer"
    return (
        f"{words}, and {abs(unexplained):,} {more_or_fewer} than that: accounts were made or "
        "deleted while this was read. Build the report again."
    )


def _domain_rows(sources: Sources) -> Iterator[Row]:
    numbers, names = sources.numbers, sources.cloud.directory.domains
    domains = {domain for domain, state, _ in numbers if state == EVERY and domain != CLOUD}
    if sources.scope is not None:
        domains &= {sources.scope}
    for domain in sorted(domains, key=lambda domain: (names.get(domain, domain), domain)):
        states = (EVERY, *(state.name for state in BY_DOMAIN))
        counts = [numbers.get((domain, state, EVERY), 0) for state in states]
        yield domain, names.get(domain, domain), *counts


def _trend(sources: Sources) -> Iterator[Bars]:
    """Yield a chart of the last census of each day, if there is any."""
    last = sources.until - timedelta(microseconds=1)
    points = census.trend(scope=sources.scope, since=sources.week.begins, until=last)
    if points:
        yield Bars(
            key="population_trend",
            title="Accounts by day, as the last census of the day counted them",
            groups=tuple(f"{point.counted_at:%a %d %b}" for point in points),
            series=tuple(
                (state.label, tuple(point.numbers.get(state.name, 0) for point in points))
                for state in IN_TREND
            ),
        )
