"""PCI DSS 8.3.9: passwords that have expired, will expire, or never do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from pciops.accounts.states import EXPIRED, EXPIRING, NO_EXPIRY
from pciops.notices.models import NoticeKind
from pciops.reports.columns import ACCOUNT, PASSWORD
from pciops.reports.lifetimes import MAX_DAYS
from pciops.reports.password_lists import EXPIRING_COUNTS, EXPIRING_DAYS
from pciops.reports.requirements import judge
from pciops.reports.sections._notices import notice_figures
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Column, Figure, Found, Judgment, Section, Statement, Table


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about the age of passwords."""
    passwords = sources.passwords
    expired, no_expiry = passwords.states[EXPIRED], passwords.states[NO_EXPIRY]
    exempt = sources.privileged.expiry_exempt
    notices, notice_table = notice_figures(
        sources,
        tables,
        "passwords",
        NoticeKind.PASSWORD_EXPIRING,
        NoticeKind.PASSWORD_EXPIRED,
    )
    return Section(
        key="8.3.9",
        requirement="8.3.9",
        old="8.2.4",
        title="Password age",
        demand=(
            "A password that is the only factor is changed every 90 days; not where every sign-in "
            "takes a second factor."
        ),
        judgments=(_judgment(sources),),
        statements=(_statement(sources, no_expiry.count),),
        figures=(
            Figure(
                "password_exceptions",
                "People with one factor that need not change within 90 days",
                exempt.count + passwords.long_lived.count,
                finding=True,
                main=True,
            ),
            Figure("expired", "Expired", expired.count, main=True),
            *(
                Figure(f"expiring_{days}", f"Expiring within {days} days", passwords.expiring[days])
                for days in EXPIRING_COUNTS
            ),
            Figure("no_expiry", "No expiry set", no_expiry.count, main=True),
            *notices,
        ),
        tables=(*_tables(sources, tables), notice_table),
    )


def _tables(sources: Sources, tables: ReportTables) -> Iterator[Table]:
    passwords, exempt = sources.passwords, sources.privileged.expiry_exempt
    yield tables.add(
        "password_exceptions",
        "People whose only factor is a password that need not change within 90 days",
        (*ACCOUNT, *PASSWORD, Column("why", "Why")),
        chain(exempt.rows(), passwords.long_lived.rows()),
    )
    for state, key, title in (
        (EXPIRED, "expired", "Accounts whose password has expired"),
        (NO_EXPIRY, "no_expiry", "Accounts whose password never expires"),
        (EXPIRING, "expiring", f"Accounts whose password expires within {EXPIRING_DAYS} days"),
    ):
        yield tables.add(key, title, (*ACCOUNT, *PASSWORD), passwords.states[state])


def _judgment(sources: Sources) -> Judgment:
    with_factor = (
        sources.passwords.numbers["second_factor"] + sources.privileged.numbers["second_factor"]
    )
    unknown = (
        sources.passwords.numbers["factor_unknown"] + sources.privileged.numbers["factor_unknown"]
    )
    programs = sources.programs
    return judge(
        "8.3.9",
        unit="people",
        population=sources.local_people + sources.elsewhere,
        tested=sources.local_people,
        found=(
            Found(
                sources.passwords.long_lived.count,
                "people with one factor have a password that lasts longer than 90 days",
            ),
            Found(
                sources.privileged.expiry_exempt.count,
                "people with one factor are exempt from expiry (ignore_password_expiry)",
            ),
        ),
        not_tested=(
            f"The second factor of {unknown:,} people with a password that lasts longer: their "
            "rules name methods that are not known, or PCIOPS_KEYSTONE_CONF is not set."
            if unknown
            else "",
            _next_passwords(sources, with_factor + unknown),
            *sources.users_not_tested,
        ),
        excluded=(
            f"{programs:,} service accounts and other machines: see 8.6.3." if programs else "",
            f"{with_factor:,} people with a second factor and a password that lasts longer: "
            "8.3.9 does not apply (PCI SSC FAQ 1590)."
            if with_factor
            else "",
        ),
    )


def _next_passwords(sources: Sources, with_factor: int) -> str:
    """Return who may keep the next password too long; "" if the rule allows nobody to."""
    days = sources.policy.password_expires_days
    if days is not None and days <= MAX_DAYS:
        return ""
    listed = sources.passwords.long_lived.count + sources.privileged.expiry_exempt.count
    others = sources.enabled_people - with_factor - listed
    rule = "off" if days is None else f"{days} days"
    return (
        f"The second factor of {others:,} people whose next password may last longer than "
        f"{MAX_DAYS} days, because Keystone's rule is {rule}."
        if others > 0
        else ""
    )


def _statement(sources: Sources, no_expiry: int) -> Statement:
    days = sources.policy.password_expires_days
    if days is None:
        return Statement("Keystone's rule is off: a new password does not expire.")
    return Statement(
        f"A new password expires after {days} days, unless its account is exempt. Accounts with "
        "a password from before the rule was on, which does not expire until they change it: "
        f"{no_expiry:,}."
    )
