"""What the report says of all accounts: how many are in which state, and that none is left out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pciops.accounts.census import census
from pciops.accounts.census.counting import CLOUD, EVERY, CensusTally
from pciops.accounts.policy import policy
from pciops.accounts.policy.policy import SourcedPolicy
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
from pciops.keystone import database
from pciops.keystone.models import User
from pciops.lib.evidence import (
    Bars,
    Column,
    Figure,
    Part,
    Question,
    Statement,
    Table,
    Verdict,
    evidence,
)
from pciops.lib.spool import Row
from pciops.reports.sections import listing
from pciops.reports.sections.listing import IDENTITY, WHO, Lists, Names

TREND: Final = (LOCKED, INACTIVE, EXPIRED)
OF_DOMAIN: Final = (
    *(LOCKED, DISABLED, INACTIVE, INACTIVE_SOON, EXPIRED, MUST_CHANGE, EXEMPT, NOT_COVERED),
)


# --- What several sections need, found once ------------------------------------------------------
def sourced(question: Question) -> SourcedPolicy:
    """The policy by which this report judges: one, however often it is asked for."""
    return question.once("policy", policy.current_with_sources)


def names(question: Question) -> Names:
    """Domains and kinds."""
    return question.once("names", Names.read)


def lists(question: Question) -> Lists:
    """The long lists."""
    return question.once(
        ("lists", question.scope),
        lambda: listing.read(
            scope=question.scope,
            policy=sourced(question).policy,
            now=question.now,
            names=names(question),
        ),
    )


def tallied(question: Question) -> CensusTally:
    """A census of its own, at the instant of the report."""
    return question.once(
        "tally", lambda: census.count(policy=sourced(question).policy, now=question.now)
    )


# --- The parts -----------------------------------------------------------------------------------
@evidence("population", order=10)
def reconciliation(question: Question) -> Iterator[Part]:
    """Every row of `user` is in the report, or is named as one that it does not cover."""
    tally, domain = tallied(question), question.scope or CLOUD
    not_covered = lists(question).not_covered
    named, rows = not_covered.count, _users(question.scope)
    covered = _number(tally, domain, EVERY) - _number(tally, domain, NOT_COVERED.name)
    unexplained = rows - covered - named
    yield Statement(
        words=_sum(rows, covered, named, unexplained),
        verdict=Verdict.FINDING if unexplained else Verdict.MET,
    )
    yield Figure(key="accounts", label="Accounts reported", number=covered, main=True)
    yield Figure(key="not_covered", label="Named as not covered", number=named)
    yield Figure(key="unexplained", label="Rows not explained", number=unexplained, finding=True)
    yield Table(
        key="not_covered",
        title="Accounts that Keystone's rules do not cover (LDAP and federated)",
        columns=(*WHO, Column(key="enabled", title="Enabled", kind="yes")),
        rows=not_covered,
        empty="Every account is covered.",
        identity=IDENTITY,
    )


def _sum(rows: int, covered: int, named: int, unexplained: int) -> str:
    words = (
        f"{rows:,} rows in Keystone's table user = {covered:,} accounts reported + {named:,} named "
        "as not covered (LDAP or federated)"
    )
    if not unexplained:
        return f"{words}."
    few = "more" if unexplained > 0 else "fewer"
    return (
        f"{words}, and {abs(unexplained):,} {few} than that: accounts were made or deleted while "
        "this was read. Build the report again."
    )


@database.reading()
def _users(scope: str | None) -> int:
    rows = User.objects.all()
    return (rows if scope is None else rows.filter(domain_id=scope)).count()


def _number(tally: CensusTally, domain: str, state: str, kind: str = EVERY) -> int:
    return tally.numbers.get((domain, state, kind), 0)


@evidence("population", order=20)
def states(question: Question) -> Iterator[Part]:
    """How many accounts are in each state, in all and by domain; an account may be in several."""
    tally, domain = tallied(question), question.scope or CLOUD
    for state in STATES:
        yield Figure(
            key=f"state_{state.name}",
            label=state.label,
            number=_number(tally, domain, state.name),
            words=state.explanation,
        )
    yield Table(
        key="population_states",
        title="Accounts by state",
        columns=(
            Column(key="state", title="State"),
            Column(key="accounts", title="Accounts", kind="number"),
            Column(key="administrators", title="Administrators", kind="number"),
            Column(key="service_accounts", title="Service accounts", kind="number"),
            Column(key="meaning", title="Meaning"),
        ),
        rows=lambda: _by_state(tally, domain),
        empty="There is no state.",
        identity=("state",),
    )
    yield Table(
        key="population_domains",
        title="Accounts by domain",
        columns=(
            Column(key="domain_id", title="Domain's id"),
            Column(key="domain_name", title="Domain"),
            Column(key="accounts", title="All", kind="number"),
            *(Column(key=one.name, title=one.label, kind="number") for one in OF_DOMAIN),
        ),
        rows=lambda: _by_domain(tally, question),
        empty="There is no domain with accounts.",
        identity=("domain_id",),
    )


def _by_state(tally: CensusTally, domain: str) -> Iterator[Row]:
    for state in STATES:
        numbers = [_number(tally, domain, state.name, kind) for kind in (EVERY, *AccountKind)]
        yield state.label, *numbers, state.explanation


def _by_domain(tally: CensusTally, question: Question) -> Iterator[Row]:
    called = names(question).domains
    found = {domain for domain, state, _ in tally.numbers if state == EVERY and domain != CLOUD}
    if question.scope is not None:
        found &= {question.scope}
    for domain in sorted(found, key=lambda one: (called.get(one, one), one)):
        numbers = [_number(tally, domain, state.name) for state in OF_DOMAIN]
        yield domain, called.get(domain, domain), _number(tally, domain, EVERY), *numbers


@evidence("population", order=30)
def trend(question: Question) -> Iterator[Part]:
    """The last census of each day of the week."""
    last = min(question.ends, question.now) - timedelta(microseconds=1)
    points = census.trend(scope=question.scope, since=question.begins, until=last)
    if points:
        yield Bars(
            key="population_trend",
            title="Accounts by day, as the last census of the day counted them",
            groups=tuple(f"{point.counted_at:%a %d %b}" for point in points),
            series=tuple(
                (state.label, tuple(point.numbers.get(state.name, 0) for point in points))
                for state in TREND
            ),
        )
