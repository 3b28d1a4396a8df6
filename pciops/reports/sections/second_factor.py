"""PCI DSS 8.4: administrators without an effective second factor, and ways past it."""

from __future__ import annotations

from collections.abc import Iterator

from pciops.accounts.policy.policy import Policy
from pciops.keystone import releases
from pciops.reports.account_lists import PrivilegedLists
from pciops.reports.columns import ACCOUNT, ENABLED
from pciops.reports.factor_lists import FactorLists
from pciops.reports.requirements import judge
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Column, Figure, Found, Judgment, Section, Statement, Table


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about second factors, by what Keystone makes of an account's rules."""
    lists, factors = sources.privileged, sources.factors
    return Section(
        key="8.4",
        requirement="8.4.1, 8.4.2",
        old="8.3.1",
        title="Administrators and the second factor",
        demand="Administrators, and all who reach the environment, sign in with a second factor.",
        judgments=(_administrators(sources), _everybody(sources)),
        statements=(
            *_statements(lists, sources.policy),
            *_ec2_statements(factors.ec2.count, sources.policy),
        ),
        figures=_figures(lists, factors),
        tables=_tables(lists, factors, tables),
    )


def _figures(lists: PrivilegedLists, factors: FactorLists) -> tuple[Figure, ...]:
    return (
        Figure("administrators", "Administrators", lists.administrators.count),
        Figure(
            "single_factor",
            "Administrators without a second factor",
            lists.single_factor.count,
            finding=True,
            main=True,
        ),
        Figure(
            "factor_elsewhere",
            "Administrators with a second factor set elsewhere",
            lists.factor_elsewhere.count,
        ),
        Figure(
            "not_enrolled",
            "Accounts whose second factor is not enrolled",
            factors.not_enrolled.count,
        ),
        Figure("ec2_credentials", "Accounts with EC2 credentials", factors.ec2.count),
    )


def _tables(
    lists: PrivilegedLists, factors: FactorLists, tables: ReportTables
) -> tuple[Table, ...]:
    columns = (
        *ACCOUNT,
        ENABLED,
        Column("second_factor", "Second factor", "yes"),
        Column("rules", "By its rules"),
    )
    return (
        tables.add(
            "single_factor",
            "Administrators without an effective second factor",
            columns,
            lists.single_factor,
        ),
        tables.add(
            "factor_elsewhere",
            "Administrators who sign in elsewhere",
            columns,
            lists.factor_elsewhere,
        ),
        tables.add("administrators", "All administrators", columns, lists.administrators),
        tables.add(
            "not_enrolled",
            "Accounts whose second factor is not enrolled",
            (*ACCOUNT, ENABLED),
            factors.not_enrolled,
        ),
        tables.add(
            "ec2_credentials",
            "Accounts with EC2 credentials",
            (*ACCOUNT, ENABLED, Column("ec2_credentials", "EC2 credentials", "number")),
            factors.ec2,
        ),
    )


def _administrators(sources: Sources) -> Judgment:
    lists, by_ec2 = sources.privileged, sources.factors.numbers["ec2_administrators"]
    numbers, unknown = lists.numbers, lists.factor_unknown.count
    services = numbers["administrators_services"]
    return judge(
        "8.4.1",
        unit="administrators",
        population=numbers["administrators_local"] + numbers["administrators_elsewhere"],
        tested=numbers["administrators_local"] - unknown,
        found=(Found(lists.single_factor.count, "administrators sign in with one factor"),),
        not_tested=(
            f"Administrators whose second factor is unknown ({unknown:,}): the rules name "
            "unknown methods, or PCIOPS_KEYSTONE_CONF is not set."
            if unknown
            else "",
            f"Administrators with an LDAP or federated account "
            f"({numbers['administrators_elsewhere']:,}): their sign-in is configured elsewhere."
            if numbers["administrators_elsewhere"]
            else "",
            f"Access of administrators with EC2 credentials ({by_ec2:,}), which need no second "
            "factor."
            if by_ec2
            else "",
        ),
        excluded=(
            f"{services:,} service accounts and other machines with an administrator's role: "
            "see 8.6."
            if services
            else "",
        ),
    )


def _everybody(sources: Sources) -> Judgment:
    administrators = sources.privileged.numbers["administrators_local"]
    people = sources.local_people + sources.elsewhere
    return judge(
        "8.4.2",
        unit="people",
        population=people,
        tested=administrators,
        not_tested=(
            "The second factor of people who are not administrators "
            f"({max(0, people - administrators):,}).",
            "Access that does not go through Keystone.",
            "Administrators with one factor are exceptions of 8.4.1 and are not repeated here."
            if sources.privileged.single_factor.count
            else "",
        ),
    )


def _statements(lists: PrivilegedLists, policy: Policy) -> Iterator[Statement]:
    loaded = policy.auth_methods
    if loaded is None:
        yield Statement(
            "PCIOPS_KEYSTONE_CONF is not set, so the methods that Keystone loads are unknown. A "
            "rule requires only those of its methods that are loaded."
        )
    else:
        yield Statement(f"Keystone loads these methods: {', '.join(loaded)}.")
    yield Statement(
        "Enabled administrators who sign in with one factor: "
        f"{lists.single_factor.count:,} of {lists.numbers['administrators_local']:,}. Service "
        "accounts and other machines are not counted."
    )


def _ec2_statements(holders: int, policy: Policy) -> Iterator[Statement]:
    if not holders:
        return
    yield Statement(
        "EC2 credentials issue tokens without a second factor, and in spite of a lock or an "
        "expired password: Keystone only checks whether the account is enabled. Accounts that "
        f"hold such credentials: {holders:,}."
    )
    newer = policy.has_release(releases.EC2_METHOD)
    if newer and policy.auth_methods is not None and "ec2credential" not in policy.auth_methods:
        yield Statement(
            "Keystone now answers EC2 sign-ins with 503: [auth] methods has no ec2credential."
        )
