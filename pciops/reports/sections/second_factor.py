"""PCI DSS 8.4: administrators without an effective second factor."""

from __future__ import annotations

from collections.abc import Iterator

from pciops.accounts import mfa
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
        Column(key="second_factor", title="Second factor", kind="yes"),
        Column(key="rules", title="By its rules"),
    )
    return Section(
        key="8.4",
        requirement="8.4.1, 8.4.2",
        old="8.3.1, 8.3.2",
        title="Administrators and the second factor",
        demand="Administrators, and all who reach the environment, sign in with a second factor.",
        statements=tuple(_statements(lists)),
        figures=(
            Figure(key="administrators", label="Administrators", number=lists.administrators.count),
            Figure(
                key="single_factor",
                label="Administrators without a second factor",
                number=lists.single_factor.count,
                finding=True,
                main=True,
            ),
            Figure(
                key="factor_elsewhere",
                label="Administrators of elsewhere",
                number=lists.factor_elsewhere.count,
            ),
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


def _statements(lists: PrivilegedLists) -> Iterator[Statement]:
    loaded = mfa.methods()
    if loaded is None:
        yield Statement(
            words=(
                "Which methods Keystone has loaded is not known (PCIOPS_KEYSTONE_CONF names no "
                "file): a rule whose second method is not loaded asks for the first alone."
            ),
            verdict=ReportVerdict.UNKNOWN,
        )
    else:
        yield Statement(words=f"Keystone has loaded these methods: {', '.join(loaded)}.")
    administrators, single = lists.administrators.count, lists.single_factor.count
    if single:
        yield Statement(
            words=(
                "Administrators who are enabled and sign in with one factor: "
                f"{single:,} of {administrators:,}."
            ),
            verdict=ReportVerdict.FINDING,
        )
    else:
        yield Statement(
            words=(
                f"All {administrators:,} administrators whom Keystone's rules reach have a second "
                "factor, or are disabled."
            ),
            verdict=ReportVerdict.MET,
        )
    if elsewhere := lists.factor_elsewhere.count:
        yield Statement(
            words=(
                "Administrators who sign in elsewhere (LDAP or federation), where it is set what "
                f"their sign-in takes: {elsewhere:,}."
            ),
            verdict=ReportVerdict.UNKNOWN,
        )
