"""What the report says of accounts one by one: who is inactive, locked, expired, exempt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pciops.accounts import mfa, selectors
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import (
    ATTACKED_EXEMPT,
    EXEMPTIONS,
    EXPIRED,
    EXPIRING,
    INACTIVE,
    INACTIVE_SOON,
    LOCKED,
    MUST_CHANGE,
    NO_EXPIRY,
)
from pciops.accounts.states.lock import locked_until
from pciops.events.diagnosis import selectors as diagnoses
from pciops.keystone import database, options
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
from pciops.reports.sections import listing
from pciops.reports.sections.evidence_population import lists, names, sourced
from pciops.reports.sections.listing import ACTIVITY, DUE, IDENTITY, PASSWORD, WHO, WITHIN, who

CHUNK: Final = 1000  # whole accounts in memory at a time


# --- 8.2.6 ---------------------------------------------------------------------------------------
@evidence("8.2.6", order=10)
def inactive(question: Question) -> Iterator[Part]:
    """Who is inactive, who will be within a week, and who is exempt."""
    found, exempt = lists(question).spools, mattering(question).unused
    days = sourced(question).policy.disable_user_account_days_inactive
    if days is None:
        yield Statement(
            words="Keystone's rule is off: it lets unused accounts in for ever.",
            verdict=Verdict.FINDING,
        )
    else:
        yield Statement(
            words=(
                f"Accounts that Keystone refuses because they were not used for {days} days: "
                f"{found[INACTIVE].count:,}. They are as good as disabled; remove those that "
                "nobody needs."
            ),
            verdict=Verdict.MET if days <= 90 else Verdict.FINDING,
        )
    yield Figure(key="inactive", label="Inactive", number=found[INACTIVE].count, main=True)
    soon = found[INACTIVE_SOON].count
    yield Figure(key="inactive_soon", label=f"Inactive within {DUE} days", number=soon)
    yield Figure(key="inactivity_exempt", label="Exempt from it", number=exempt.count, finding=True)
    for state, key, title in (
        (INACTIVE, "inactive", "Inactive accounts"),
        (INACTIVE_SOON, "inactive_soon", f"Accounts that are inactive within {DUE} days"),
    ):
        yield Table(
            key=key,
            title=title,
            columns=(*WHO, *ACTIVITY),
            rows=found[state],
            empty="There is no such account.",
            identity=IDENTITY,
        )
    yield Table(
        key="inactivity_exempt",
        title="Accounts that are exempt from inactivity (ignore_user_inactivity)",
        columns=(*WHO, *ACTIVITY),
        rows=exempt,
        empty="No account is exempt.",
        identity=IDENTITY,
    )


# --- 8.3.4 ---------------------------------------------------------------------------------------
FAILURES: Final = (
    Column(key="failed_auth_count", title="Failures", kind="number"),
    Column(key="failed_auth_at", title="Last failure", kind="instant"),
    Column(key="locked_until", title="Locked until", kind="instant"),
    Column(key="origin", title="From where"),
)


@evidence("8.3.4", order=10)
def locked(question: Question) -> Iterator[Part]:
    """Who is locked at this instant, and whom nothing protects from guessing."""
    held, attacked = Spool(), Spool()
    policy, now = sourced(question).policy, question.now
    for chunk in listing.failing(
        scope=question.scope, policy=policy, now=now, names=names(question)
    ):
        known = diagnoses.origins([account.id for account in chunk], now)
        for account in chunk:
            source = known[account.id].summary if account.id in known else ""
            if LOCKED.holds(account, policy, now):
                held.append(_failures(account, policy, source))
            elif ATTACKED_EXEMPT.holds(account, policy, now):
                attacked.append(_failures(account, None, source))
    if policy.lockout_failure_attempts is None:
        yield Statement(
            words="Keystone's rule is off: it locks nobody, however often a password is tried.",
            verdict=Verdict.FINDING,
        )
    yield Figure(key="locked", label="Locked when built", number=held.count, main=True)
    yield Figure(
        key="attacked_exempt",
        label="Exempt from the lock, with enough failures for one",
        number=attacked.count,
        finding=True,
    )
    for key, title, rows in (
        ("locked", "Accounts that were locked when this was built", held),
        ("attacked_exempt", "Exempt accounts that would be locked", attacked),
    ):
        yield Table(
            key=key,
            title=title,
            columns=(*WHO, *FAILURES),
            rows=rows,
            empty="There is no such account.",
            identity=IDENTITY,
        )


def _failures(account: Account, policy: Policy | None, source: str) -> Row:
    until = locked_until(account, policy) if policy else None
    return (
        *who(account),
        account.failed_auth_count,
        listing.instant(account.failed_auth_at),
        listing.instant(until),
        source or "no failure recorded",
    )


# --- 8.3.5 ---------------------------------------------------------------------------------------
@evidence("8.3.5", order=10)
def first_passwords(question: Question) -> Iterator[Part]:
    """Who still has a password that an administrator set, and who may keep one."""
    found, exempt = lists(question).spools[MUST_CHANGE], mattering(question).first_use
    on = sourced(question).policy.change_password_upon_first_use
    yield Statement(
        words=(
            "Accounts with a first or reset password, which Keystone takes only to change it: "
            f"{found.count:,}."
            if on
            else "Keystone's rule is off: a password that an administrator set stays valid."
        ),
        verdict=Verdict.MET if on else Verdict.FINDING,
    )
    yield Figure(key="must_change", label="Must change their password", number=found.count)
    yield Figure(key="first_use_exempt", label="Exempt from it", number=exempt.count, finding=True)
    for key, title, rows in (
        ("must_change", "Accounts that must change their first password", found),
        (
            "first_use_exempt",
            "Accounts that may keep it (ignore_change_password_upon_first_use)",
            exempt,
        ),
    ):
        yield Table(
            key=key,
            title=title,
            columns=(*WHO, *PASSWORD),
            rows=rows,
            empty="There is no such account.",
            identity=IDENTITY,
        )


# --- 8.3.9 ---------------------------------------------------------------------------------------
@evidence("8.3.9", order=10)
def passwords(question: Question) -> Iterator[Part]:
    """Whose password has expired, expires within a month, or never will."""
    found, expiring = lists(question).spools, lists(question).expiring
    days = sourced(question).policy.password_expires_days
    endless = found[NO_EXPIRY].count
    if days is None:
        yield Statement(
            words="Keystone's rule is off: no password expires.", verdict=Verdict.FINDING
        )
    elif endless:
        yield Statement(
            words=(
                "Accounts with a password from the time before the rule was on, which does not "
                f"expire until they change it: {endless:,}."
            ),
            verdict=Verdict.FINDING,
        )
    else:
        yield Statement(
            words=f"Every password expires {days} days after it was set, but for exempt ones.",
            verdict=Verdict.MET if days <= 90 else Verdict.FINDING,
        )
    yield Figure(key="expired", label="Expired", number=found[EXPIRED].count, main=True)
    for within in WITHIN:
        yield Figure(
            key=f"expiring_{within}",
            label=f"Expiring within {within} days",
            number=expiring[within],
        )
    yield Figure(key="no_expiry", label="No expiry set", number=endless, finding=True, main=True)
    for state, key, title in (
        (EXPIRED, "expired", "Accounts whose password has expired"),
        (NO_EXPIRY, "no_expiry", "Accounts whose password never expires"),
        (EXPIRING, "expiring", f"Accounts whose password expires within {listing.AHEAD} days"),
    ):
        yield Table(
            key=key,
            title=title,
            columns=(*WHO, *PASSWORD),
            rows=found[state],
            empty="There is no such account.",
            identity=IDENTITY,
        )


# --- 8.4, 8.6: accounts that matter one by one ---------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Mattering:
    """What one pass over administrators, service accounts and exempt ones has found."""

    unused: Spool = field(default_factory=Spool)  # exempt from 8.2.6
    first_use: Spool = field(default_factory=Spool)  # exempt from 8.3.5
    administrators: Spool = field(default_factory=Spool)
    single: Spool = field(default_factory=Spool)  # administrators without a second factor
    elsewhere: Spool = field(default_factory=Spool)  # administrators who sign in elsewhere
    exempt: Spool = field(default_factory=Spool)
    services: Spool = field(default_factory=Spool)


def mattering(question: Question) -> Mattering:
    """The accounts that are read whole: most clouds have few of them."""
    return question.once(("mattering", question.scope), lambda: _mattering(question))


def _mattering(question: Question) -> Mattering:
    found, loaded = Mattering(), mfa.methods()
    ids = sorted({*names(question).kinds, *_exempt()})
    for start in range(0, len(ids), CHUNK):
        for account in selectors.get_many(ids[start : start + CHUNK], scope=question.scope):
            _sort(account, found, question)
            if AccountKind.ADMINISTRATOR in account.kinds:
                _sort_administrator(account, found, mfa.second_factor(account, loaded))
    return found


@database.reading()
def _exempt() -> set[str]:
    return set(EXEMPTIONS.values_list("user_id", flat=True))


def _sort(account: Account, found: Mattering, question: Question) -> None:
    now, policy = question.now, sourced(question).policy
    password = (
        bool(account.enabled),
        *listing.password_cells(account.password_created_at, now),
        listing.instant(account.password_expires_at),
    )
    if account.exempt_from(options.IGNORE_USER_INACTIVITY):
        found.unused.append((*who(account), *listing.activity_of(account, policy, now)))
    if account.exempt_from(options.IGNORE_CHANGE_PASSWORD):
        found.first_use.append((*who(account), *password))
    held = ", ".join(account.exemptions)
    fixed = account.exempt_from(options.LOCK_PASSWORD)
    if held:
        found.exempt.append((*who(account), *password, fixed, held))
    if AccountKind.SERVICE in account.kinds:
        found.services.append((*who(account), *password, fixed, held))


def _sort_administrator(account: Account, found: Mattering, factors: mfa.SecondFactor) -> None:
    cells = (*who(account), bool(account.enabled), factors.effective, factors.explanation)
    found.administrators.append(cells)
    if factors.effective or not account.enabled:
        return
    (found.single if account.covered else found.elsewhere).append(cells)


ADMINISTRATORS: Final = (
    *WHO,
    Column(key="enabled", title="Enabled", kind="yes"),
    Column(key="second_factor", title="Second factor", kind="yes"),
    Column(key="rules", title="By its rules"),
)


@evidence("8.4", order=10)
def administrators(question: Question) -> Iterator[Part]:
    """Which administrators sign in without a second factor, whatever their rules say."""
    found, loaded = mattering(question), mfa.methods()
    single, elsewhere = found.single.count, found.elsewhere.count
    if loaded is None:
        yield Statement(
            words=(
                "Which methods Keystone has loaded is not known (PCIOPS_KEYSTONE_CONF names no "
                "file): a rule whose second method is not loaded asks for the first alone."
            ),
            verdict=Verdict.UNKNOWN,
        )
    else:
        yield Statement(words=f"Keystone has loaded these methods: {', '.join(loaded)}.")
    yield Statement(
        words=(
            "Administrators who are enabled and sign in with one factor: "
            f"{single:,} of {found.administrators.count:,}."
            if single
            else f"All {found.administrators.count:,} administrators whom Keystone's rules reach "
            "have a second factor, or are disabled."
        ),
        verdict=Verdict.FINDING if single else Verdict.MET,
    )
    if elsewhere:
        yield Statement(
            words=(
                "Administrators who sign in elsewhere (LDAP or federation), where it is set what "
                f"their sign-in takes: {elsewhere:,}."
            ),
            verdict=Verdict.UNKNOWN,
        )
    yield Figure(key="administrators", label="Administrators", number=found.administrators.count)
    yield Figure(
        key="single_factor",
        label="Administrators without a second factor",
        number=single,
        finding=True,
        main=True,
    )
    yield Figure(key="factor_elsewhere", label="Administrators of elsewhere", number=elsewhere)
    for key, title, rows in (
        ("single_factor", "Administrators without an effective second factor", found.single),
        ("factor_elsewhere", "Administrators who sign in elsewhere", found.elsewhere),
        ("administrators", "All administrators", found.administrators),
    ):
        yield Table(
            key=key,
            title=title,
            columns=ADMINISTRATORS,
            rows=rows,
            empty="There is no such account.",
            identity=IDENTITY,
        )


@evidence("8.6", order=10)
def exempt(question: Question) -> Iterator[Part]:
    """Exempt and service accounts, with the age of their passwords."""
    found = mattering(question)
    columns = (
        *WHO,
        *PASSWORD,
        Column(key="password_locked", title="May not change it", kind="yes"),
        Column(key="exemptions", title="Exempt by"),
    )
    yield Figure(key="exempt", label="Exempt accounts", number=found.exempt.count, main=True)
    yield Figure(key="services", label="Service accounts", number=found.services.count)
    for key, title, rows in (
        ("exempt", "Exempt accounts", found.exempt),
        ("services", "Service accounts", found.services),
    ):
        yield Table(
            key=key,
            title=title,
            columns=columns,
            rows=rows,
            empty="There is no such account.",
            identity=IDENTITY,
        )
