"""Counts all accounts for a census in one pass over each of Keystone's tables.

The rules are those of the states. Each pass groups only the rows that are in a state, and begins
with the table that it scans: grouping a million domain names, or looking up a million rows of
another table, takes longer than everything else.
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

# The memory of Keystone's database for the statement that ranks three million passwords. With
# MariaDB's defaults it sorts on disk, which takes twice the time.
MEMORY: Final = {
    "sort_buffer_size": 128 * 1024 * 1024,
    "tmp_table_size": 256 * 1024 * 1024,
    "max_heap_table_size": 256 * 1024 * 1024,
}

BY_PASSWORD: Final = tuple(state for state in STATES if isinstance(state, PasswordState))
BY_USER: Final = tuple(state for state in STATES if isinstance(state, UserState))
_OTHERS: Final = (UNREADABLE, NO_PASSWORD, EXEMPT, NOT_COVERED)
BY_FAILURES: Final = tuple(
    state for state in STATES if state not in (*BY_PASSWORD, *BY_USER, *_OTHERS)
)

# MariaDB would read the table row by row in the order of an index, if grouped by the column itself.
_SCANNED: Final = Coalesce("domain_id", Value(""))


@dataclass(frozen=True)
class CensusScan:
    """The counts of all passes, by domain id; "" for rows without a domain."""

    policy: Policy
    now: datetime
    days: Sequence[date]
    users: Counter[str] = field(default_factory=Counter)  # all users
    states: Counter[tuple[str, State]] = field(default_factory=Counter)
    inactive: Counter[tuple[str, date]] = field(default_factory=Counter)  # by first inactive day
    expired: Counter[tuple[str, date]] = field(default_factory=Counter)  # by day of expiry


def scan(*, policy: Policy, now: datetime, days: Sequence[date]) -> CensusScan:
    """Count the accounts in each state at `now`, and those that enter one in the next days.

    Args:
        days: consecutive UTC days, the first is today.

    Raises:
        KeystoneDatabaseDownError
    """
    result = CensusScan(policy=policy, now=now, days=days)
    # Half of the time is the ranking of passwords. The two parts add to different counters.
    parts = (_count_passwords, _count_the_rest)
    if connections[ALIAS].vendor == "sqlite":  # only for the thread that opened it
        for part in parts:
            part(result)
        return result
    with ThreadPoolExecutor(max_workers=len(parts)) as threads:
        futures = [threads.submit(_in_thread, part, result) for part in parts]
    for future in futures:
        future.result()
    return result


def _in_thread(part: Callable[[CensusScan], None], result: CensusScan) -> None:
    """Run a part, and close the connection of this thread."""
    try:
        part(result)
    finally:
        connections[ALIAS].close()


@database.reading()
def _count_the_rest(result: CensusScan) -> None:
    _count_users(result)
    _count_failures(result)
    _count_activity(result)
    _count_unreadable(result)
    _count_without_password(result)
    _count_exempt(result)


def _count_users(result: CensusScan) -> None:
    users = User.objects.order_by().values_list("domain_id")
    for domain, number in users.annotate(number=Count("pk")):
        result.users[domain or ""] += number
        result.states[domain or "", NOT_COVERED] += number
    local = LocalUser.objects.order_by().values_list("domain_id")
    for domain, number in local.annotate(number=Count("pk")):
        result.states[domain, NOT_COVERED] -= number


def _count_failures(result: CensusScan) -> None:
    conditions = {state.name: state.condition(result.policy, result.now) for state in BY_FAILURES}
    counts = {name: Count("pk", filter=where) for name, where in conditions.items()}
    failing = LocalUser.objects.order_by().filter(failed_auth_count__gt=0)
    rows = failing.filter(reduce(or_, conditions.values())).values(domain=_SCANNED)
    for row in cast("Iterable[dict[str, Any]]", rows.annotate(**counts)):
        for state in BY_FAILURES:
            result.states[row["domain"], state] += row[state.name]


def _count_activity(result: CensusScan) -> None:
    """Count the states of the row of `user`, no two of which hold at once.

    The exemption is looked up once for each user that a rule reaches, not in each rule.
    """
    policy, now = result.policy, result.now
    limit = timedelta(days=policy.disable_user_account_days_inactive or 0)
    rules = [state.row_condition(policy, now) for state in BY_USER]
    ahead = INACTIVE_SOON.row_condition(
        replace(policy, inactive_soon_days=len(result.days) - 1), now
    )
    active_on = Coalesce("last_active_at", TruncDate("created_at", tzinfo=UTC))
    grouped = (
        User.objects.order_by()
        .filter(reduce(or_, rules, ahead))
        .values_list(
            "local_user__domain_id",
            _first_match(rules),
            Case(When(ahead, active_on), default=None),
            option_is_true(options.IGNORE_USER_INACTIVITY, user_id="pk"),
        )
    )
    for domain, number, active, exempt, users in grouped.annotate(users=Count("pk")):
        if domain is None:
            continue  # no row in local_user: not covered
        state = None if number is None else BY_USER[number]
        if state and not (exempt and state.option):
            result.states[domain, state] += users
        if active is not None and not exempt:
            result.inactive[domain, active + limit] += users


def _count_unreadable(result: CensusScan) -> None:
    users = UNREADABLE.users().order_by().values_list("local_user__domain_id")
    for domain, number in users.annotate(number=Count("pk")):
        if domain is not None:
            result.states[domain, UNREADABLE] += number


def _count_without_password(result: CensusScan) -> None:
    if NO_PASSWORD.is_empty():
        return
    rows = NO_PASSWORD.filter(LocalUser.objects.order_by(), result.policy, result.now)
    for domain, number in rows.values_list("domain_id").annotate(number=Count("pk")):
        result.states[domain, NO_PASSWORD] += number


def _count_exempt(result: CensusScan) -> None:
    users = EXEMPTIONS.order_by().values_list("user__local_user__domain_id")
    for domain, number in users.annotate(number=Count("user_id", distinct=True)):
        if domain is not None:
            result.states[domain, EXEMPT] += number


@database.reading()
def _count_passwords(result: CensusScan) -> None:
    """Count the states of the newest password, no two of which hold at once.

    Django can neither group the result of a window function, nor keep MariaDB from beginning with
    the users, which takes five times as long. So only the inner SELECT, the ranking, is Django's.
    """
    rules = [state.row_condition(result.policy, result.now) for state in BY_PASSWORD]
    ends = [expires(lt=end) for end in _midnights_after(result.days)]
    # Most rows are old, and need no comparison with each of the days.
    soon = expires(gt=result.now) & ends[-1]
    on = Case(When(soon, then=_first_match(ends)), default=None, output_field=IntegerField())
    passwords = ranked().annotate(state=_first_match(rules), day=on)
    exempt = UserOption.objects.filter(
        option_id=options.IGNORE_PASSWORD_EXPIRY, option_value="true"
    )
    for domain, state, day, number in _of_newest(passwords, exempt.values("user_id")):
        if state is not None:
            result.states[domain, BY_PASSWORD[state]] += number
        if day is not None:
            result.expired[domain, result.days[day]] += number


@database.reading()
def newest_passwords(rules: Sequence[Q]) -> list[tuple[int, int]]:
    """Return the key of each newest password that matches a rule, with the first rule's number.

    This is one statement for the same reason as in `_count_passwords`.

    Raises:
        KeystoneDatabaseDownError
    """
    ranking, parameters = _sql(
        ranked().annotate(state=_first_match(rules)).values("pk", "age", "state")
    )
    return _fetch(
        "SELECT newest.pk, newest.state"  # noqa: S608 (Django's SQL)
        f" FROM ({ranking}) newest WHERE newest.age = 1 AND newest.state IS NOT NULL",
        parameters,
    )


def _first_match(rules: Sequence[Q]) -> Case:
    """Return the number of the first rule that a row matches; NULL if it matches none."""
    whens = [When(rule, Value(number)) for number, rule in enumerate(rules)]
    return Case(*whens, default=None, output_field=IntegerField())


def _of_newest(
    passwords: QuerySet[Any], exempt: QuerySet[Any]
) -> list[tuple[str, int | None, int | None, int]]:
    """Count the newest passwords of accounts that are not exempt, by domain id, state and day."""
    ranking, parameters = _sql(passwords.values("local_user_id", "age", "state", "day"))
    exempt_users, exempt_parameters = _sql(exempt)
    return _fetch(
        "SELECT holder.domain_id, newest.state, newest.day, COUNT(*)"  # noqa: S608 (Django's SQL)
        f" FROM ({ranking}) newest LEFT JOIN local_user holder ON holder.id = newest.local_user_id"
        " WHERE newest.age = 1 AND (newest.state IS NOT NULL OR newest.day IS NOT NULL)"
        f" AND holder.user_id NOT IN ({exempt_users}) GROUP BY 1, 2, 3",
        [*parameters, *exempt_parameters],
    )


def _sql(rows: QuerySet[Any]) -> tuple[str, list[Any]]:
    statement, parameters = rows.query.get_compiler(connection=connections[ALIAS]).as_sql()
    return statement, list(parameters)


def _fetch(statement: str, parameters: list[Any]) -> list[Any]:
    connection = connections[ALIAS]
    if connection.vendor == "mysql":
        statement = _with_memory(statement, cast("MySQL", connection))
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _with_memory(statement: str, connection: MySQL) -> str:
    if connection.mysql_is_mariadb:
        sizes = ", ".join(f"{name} = {size}" for name, size in MEMORY.items())
        return f"SET STATEMENT {sizes} FOR {statement}"
    hints = " ".join(f"SET_VAR({name} = {size})" for name, size in MEMORY.items())
    return statement.replace("SELECT", f"SELECT /*+ {hints} */", 1)


def _midnights_after(days: Iterable[date]) -> list[datetime]:
    return [datetime.combine(day + timedelta(days=1), time.min, UTC) for day in days]
