"""PCI DSS 8.4: administrators without an effective second factor."""

from __future__ import annotations

from collections.abc import Iterator

from pciops.accounts.policy.policy import Policy
from pciops.reports.account_lists import PrivilegedLists
from pciops.reports.columns import ACCOUNT, ENABLED
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Column, Figure, ReportVerdict, Section, Statement


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about second factors, by what Keystone makes of an account's rules."""
    lists = sources.privileged
    columns = (
        *ACCOUNT,
        ENABLED,
        Column("second_factor", "Second factor", "yes"),
        Column("rules", "By its rules"),
    )
    return Section(
        key="8.4",
        requirement="8.4.1, 8.4.2",
        old="8.3.1, 8.3.2",
        title="Administrators and the second factor",
        demand="Administrators, and all who reach the environment, sign in with a second factor.",
        statements=tuple(_statements(lists, sources.cloud.policy.policy)),
        figures=(
            Figure("administrators", "Administrators", lists.administrators.count),
            Figure(
                "single_factor",
                "Administrators without a second factor",
                lists.single_factor.count,
                finding=True,
                main=True,
            ),
            Figure("factor_elsewhere", "Administrators of elsewhere", lists.factor_elsewhere.count),
        ),
        tables=(
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
        ),
    )


def _statements(lists: PrivilegedLists, policy: Policy) -> Iterator[Statement]:
    loaded = policy.auth_methods
    if loaded is None:
        yield Statement(
            (
                "Which methods Keystone has loaded is not known (PCIOPS_KEYSTONE_CONF names no "
                "file): a rule whose second method is not loaded asks for the first alone."
            ),
            ReportVerdict.UNKNOWN,
        )
    else:
        yield Statement(f"Keystone has loaded these methods: {', '.join(loaded)}.")
    administrators, single = lists.administrators.count, lists.single_factor.count
    if single:
        yield Statement(
            (
                "Administrators who are enabled and sign in with one factor: "
                f"{single:,} of {administrators:,}."
            ),
            ReportVerdict.FINDING,
        )
    elif not lists.factor_unknown.count:
        yield Statement(
            (
                f"All {administrators:,} administrators whom Keystone's rules reach have a second "
                "factor, or are disabled."
            ),
            ReportVerdict.MET,
        )
    if unknown := lists.factor_unknown.count:
        yield Statement(
            f"Administrators whose second factor is not known: {unknown:,}.",
            ReportVerdict.UNKNOWN,
        )
    if elsewhere := lists.factor_elsewhere.count:
        yield Statement(
            (
                "Administrators who sign in elsewhere (LDAP or federation), where it is set what "
                f"their sign-in takes: {elsewhere:,}."
            ),
            ReportVerdict.UNKNOWN,
        )
