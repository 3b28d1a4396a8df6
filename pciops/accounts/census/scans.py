"""Counts all accounts in one pass over each of Keystone's tables, for a census.

What is counted is what the states say; no rule is written anew here. Each pass groups only the
rows that are in a state, and begins with the table that it scans: grouping a million names of
domains, or looking up a million rows of another table, takes longer than everything else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Final, cast

from django.db import connections
from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, TruncDate

from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import (
    EXEMPT,
    EXEMPTIONS,
    INACTIVE_SOON,
    NO_PASSWORD,
    NOT_COVERED,
    STATES,
    UNREADABLE,
)
from pciops.accounts.states.inactivity import UserState
from pciops.accounts.states.password import PasswordState, expires, ranked
from pciops.accounts.states.state import State, option_is_true
from pciops.keystone import ALIAS, database, options
from pciops.keystone.models import LocalUser, User, UserOption

if TYPE_CHECKING:
    from django.db.backends.mysql.base import DatabaseWrapper as MySQL

# What the one statement that ranks three million passwords may use of the memory of Keystone's
# database: with what MariaDB gives by default it sorts and keeps them on disk, for twice the time.
MEMORY: Final = {
    "sort_buffer_size": 128 * 1024 * 1024,
    "tmp_table_size": 256 * 1024 * 1024,
    "max_heap_table_size": 256 * 1024 * 1024,
}

BY_PASSWORD: Final = tuple(state for state in STATES if isinstance(state, PasswordState))
BY_USER: Final = tuple(state for state in STATES if isinstance(state, UserState))
_APART: Final = (UNREADABLE, NO_PASSWORD, EXEMPT, NOT_COVERED)
BY_FAILURES: Final = tuple(
    state for state in STATES if state not in (*BY_PASSWORD, *BY_USER, *_APART)
)

# Grouped by the column itself, MariaDB reads the table in the order of an index, row by row.
_SCANNED: Final = Coalesce("domain_id", Value(""))


@dataclass(frozen=True)
class Scan:
    """What the passes found; a domain's id is "" where the row names none."""

    policy: Policy
    now: datetime
    days: Sequence[date]
    users: Counter[str] = field(default_factory=Counter)  # domain id → users of any kind
    states: Counter[tuple[str, State]] = field(default_factory=Counter)
    inactive: Counter[tuple[str, date]] = field(default_factory=Counter)  # by the first such day
    expired: Counter[tuple[str, date]] = field(default_factory=Counter)  # by the day of the expiry


def scan(*, policy: Policy, now: datetime, days: Sequence[date]) -> Scan:
    """Count, as it is at this instant, what each state holds and what the next days bring.

    Args:
        days: UTC days that follow each other, the first is today.

    Raises:
        KeystoneDatabaseDownError
    """
    found = Scan(policy=policy, now=now, days=days)
    if connections[ALIAS].vendor == "sqlite":  # one at a time, in the thread that has opened it
        for part in (_count_passwords, _count_the_rest):
            part(found)
        return found
    with ThreadPoolExecutor(max_workers=2) as threads:
        # Half of the time goes into the ranking of passwords; no two parts add to one counter.
        parts = (_count_passwords, _count_the_rest)
        running = [threads.submit(_apart, part, found) for part in parts]
    for one in running:
        one.result()
    return found


def _apart(part: Callable[[Scan], None], found: Scan) -> None:
    """In a thread of its own, whose connection nobody would close."""
    try:
        part(found)
    finally:
        connections[ALIAS].close()


@database.reading()
def _count_the_rest(found: Scan) -> None:
    _count_users(found)
    _count_failures(found)
    _count_activity(found)
    _count_unreadable(found)
    _count_without_password(found)
    _count_exempt(found)


def _count_users(found: Scan) -> None:
    users = User.objects.order_by().values_list("domain_id")
    for domain, number in users.annotate(number=Count("pk")):
        found.users[domain or ""] += number
        found.states[domain or "", NOT_COVERED] += number
    local = LocalUser.objects.order_by().values_list("domain_id")
    for domain, number in local.annotate(number=Count("pk")):
        found.states[domain, NOT_COVERED] -= number


def _count_failures(found: Scan) -> None:
    wheres = {state.name: state.where(found.policy, found.now) for state in BY_FAILURES}
    counts = {name: Count("pk", filter=where) for name, where in wheres.items()}
    failing = LocalUser.objects.order_by().filter(failed_auth_count__gt=0)
    rows = failing.filter(reduce(or_, wheres.values())).values(domain=_SCANNED)
    for row in cast("Iterable[dict[str, Any]]", rows.annotate(**counts)):
        for state in BY_FAILURES:
            found.states[row["domain"], state] += row[state.name]


def _count_activity(found: Scan) -> None:
    """By what the row of `user` says; no two of these states hold at once.

    Whether a user is exempt is looked up once for each that a rule reaches, not in each rule.
    """
    policy, now = found.policy, found.now
    limit = timedelta(days=policy.disable_user_account_days_inactive or 0)
    rules = [state.fits(policy, now) for state in BY_USER]
    ahead = INACTIVE_SOON.fits(replace(policy, inactive_soon_days=len(found.days) - 1), now)
    active_on = Coalesce("last_active_at", TruncDate("created_at", tzinfo=UTC))
    grouped = (
        User.objects.order_by()
        .filter(reduce(or_, rules, ahead))
        .values_list(
            "local_user__domain_id",
            _numbered(rules),
            Case(When(ahead, active_on), default=None),
            option_is_true(options.IGNORE_USER_INACTIVITY, user_id="pk"),
        )
    )
    for domain, number, active, exempt, users in grouped.annotate(users=Count("pk")):
        if domain is None:
            continue  # no row in local_user: not covered
        state = None if number is None else BY_USER[number]
        if state and not (exempt and state.option):
            found.states[domain, state] += users
        if active is not None and not exempt:
            found.inactive[domain, active + limit] += users


def _count_unreadable(found: Scan) -> None:
    users = UNREADABLE.users().order_by().values_list("local_user__domain_id")
    for domain, number in users.annotate(number=Count("pk")):
        if domain is not None:
            found.states[domain, UNREADABLE] += number


def _count_without_password(found: Scan) -> None:
    if NO_PASSWORD.nobody():
        return
    rows = NO_PASSWORD.among(LocalUser.objects.order_by(), found.policy, found.now)
    for domain, number in rows.values_list("domain_id").annotate(number=Count("pk")):
        found.states[domain, NO_PASSWORD] += number


def _count_exempt(found: Scan) -> None:
    users = EXEMPTIONS.order_by().values_list("user__local_user__domain_id")
    for domain, number in users.annotate(number=Count("user_id", distinct=True)):
        if domain is not None:
            found.states[domain, EXEMPT] += number


@database.reading()
def _count_passwords(found: Scan) -> None:
    """By the newest password; no two of these states hold at once.

    Django can neither group what a window ranks, nor keep MariaDB from beginning with the users,
    which takes five times as long. So the ranking is Django's and what stands around it is not.
    """
    rules = [state.fits(found.policy, found.now) for state in BY_PASSWORD]
    ends = [expires(lt=end) for end in _midnights_after(found.days)]
    # Most rows are of long ago: they are not to be held against each of the days.
    soon = expires(gt=found.now) & ends[-1]
    on = Case(When(soon, then=_numbered(ends)), default=None, output_field=IntegerField())
    passwords = ranked().annotate(state=_numbered(rules), day=on)
    exempt = UserOption.objects.filter(
        option_id=options.IGNORE_PASSWORD_EXPIRY, option_value="true"
    )
    for domain, state, day, number in _of_newest(passwords, exempt.values("user_id")):
        if state is not None:
            found.states[domain, BY_PASSWORD[state]] += number
        if day is not None:
            found.expired[domain, found.days[day]] += number


@database.reading()
def newest_passwords(rules: Sequence[Q]) -> list[tuple[int, int]]:
    """Key of each newest password of which a rule is true, and the number of the first such rule.

    One statement, as `_count_passwords` has it and for the same reason.

    Raises:
        KeystoneDatabaseDownError
    """
    connection = connections[ALIAS]
    passwords = ranked().annotate(state=_numbered(rules)).values("pk", "age", "state")
    ranking, ranked_by = passwords.query.get_compiler(connection=connection).as_sql()
    statement = (
        "SELECT newest.pk, newest.state"  # noqa: S608 Django's SQL
        f" FROM ({ranking}) newest WHERE newest.age = 1 AND newest.state IS NOT NULL"
    )
    if connection.vendor == "mysql":
        statement = _with_memory(statement, cast("MySQL", connection))
    with connection.cursor() as cursor:
        cursor.execute(statement, ranked_by)
        return list(cursor.fetchall())


def _numbered(rules: Sequence[Q]) -> Case:
    """The number of the first rule that is true of a row; NULL where none is."""
    whens = [When(rule, Value(number)) for number, rule in enumerate(rules)]
    return Case(*whens, default=None, output_field=IntegerField())


def _of_newest(
    passwords: QuerySet[Any], exempt: QuerySet[Any]
) -> list[tuple[str, int | None, int | None, int]]:
    """Domain id, state, day, and of how many accounts that are not exempt the newest is so."""
    connection = connections[ALIAS]
    columns = passwords.values("local_user_id", "age", "state", "day")
    (ranking, ranked_by), (exempted, exempted_by) = (
        rows.query.get_compiler(connection=connection).as_sql() for rows in (columns, exempt)
    )
    statement = (
        "SELECT holder.domain_id, newest.state, newest.day, COUNT(*)"  # noqa: S608 Django's SQL
        f" FROM ({ranking}) newest LEFT JOIN local_user holder ON holder.id = newest.local_user_id"
        " WHERE newest.age = 1 AND (newest.state IS NOT NULL OR newest.day IS NOT NULL)"
        f" AND holder.user_id NOT IN ({exempted}) GROUP BY 1, 2, 3"
    )
    if connection.vendor == "mysql":
        statement = _with_memory(statement, cast("MySQL", connection))
    with connection.cursor() as cursor:
        cursor.execute(statement, [*ranked_by, *exempted_by])
        return list(cursor.fetchall())


def _with_memory(statement: str, connection: MySQL) -> str:
    if connection.mysql_is_mariadb:
        sizes = ", ".join(f"{name} = {size}" for name, size in MEMORY.items())
        return f"SET STATEMENT {sizes} FOR {statement}"
    hints = " ".join(f"SET_VAR({name} = {size})" for name, size in MEMORY.items())
    return statement.replace("SELECT", f"SELECT /*+ {hints} */", 1)


def _midnights_after(days: Iterable[date]) -> list[datetime]:
    return [datetime.combine(day + timedelta(days=1), time.min, UTC) for day in days]
