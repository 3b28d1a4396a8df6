"""The newest password of each user, the only one that Keystone checks, by one sort of `password`.

The table has no index that finds them. Each row is packed into one number, the largest of which is
the newest password's: a window function takes twice the time, and 128 MiB of Keystone's database to
sort in. Which one is the newest is the rule of `loading.newest_password`.

Django can neither hint how to group, nor keep MariaDB from beginning with the users, which takes
five times as long. So only the inner SELECT is Django's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.db import connections
from django.db.models import BigIntegerField, Case, ExpressionWrapper, Max, Q, QuerySet, Value, When
from django.db.models.functions import Greatest, Least

from pciops.accounts.loading import newest_password, passwords
from pciops.keystone import ALIAS, database
from pciops.keystone.models import Password

BUCKETS: Final = 64
_PACKED: Final = 2 * BUCKETS
_LATEST: Final = 2**55  # microseconds: so that no time overflows the number

# Conditions on rows of `password`. Of two that a user set at the same time, the one in the earlier
# bucket expires first. None stands for all rows that match no other.
Buckets = Sequence[Q | None]


class NewestPassword(NamedTuple):
    """The newest password of a user, as the database has it, and the first bucket it is in."""

    pk: int
    local_id: int  # of local_user
    created_at_int: int
    expires_at_int: int | None
    bucket: int


@database.reading()
def count(buckets: Buckets, *, exempt: QuerySet[Any]) -> list[tuple[str, int, int]]:
    """Return domain id, bucket and number of users; without those in the bucket None.

    Args:
        exempt: the ids of users to leave out.
    """
    packed, parameters = _packed(buckets)
    exempt_users, exempt_parameters = _sql(exempt)
    rows = _fetch(
        f"SELECT holder.domain_id, newest.packed %% {BUCKETS}, COUNT(*)"  # noqa: S608 (Django's SQL)
        f" FROM ({packed}) newest LEFT JOIN local_user holder ON holder.id = newest.local_user_id"
        f" WHERE newest.packed %% {BUCKETS} <> %s AND holder.user_id NOT IN ({exempt_users})"
        " GROUP BY 1, 2",
        [*parameters, _code(buckets.index(None)), *exempt_parameters],
    )
    return [(domain_id, _code(code), number) for domain_id, code, number in rows]


@database.reading()
def read(buckets: Buckets) -> list[NewestPassword]:
    """Return the newest passwords, without those in the bucket None."""
    packed, parameters = _packed(buckets)
    # The last column is the bucket, as `_code` returns it.
    rows = _fetch(
        "SELECT own.id, own.local_user_id, own.created_at_int, own.expires_at_int,"  # noqa: S608 (Django's SQL)
        f" {BUCKETS - 1} - newest.packed %% {BUCKETS} FROM ({packed}) newest LEFT JOIN password own"
        f" ON own.local_user_id = newest.local_user_id AND (newest.packed < {_PACKED}"
        f" OR own.created_at_int >= (newest.packed - newest.packed %% {_PACKED}) / {_PACKED})"
        f" WHERE newest.packed %% {BUCKETS} <> %s",
        [*parameters, _code(buckets.index(None))],
    )
    found = list(map(NewestPassword._make, rows))
    numbers = Counter(password.local_id for password in found)
    equally_old = [local_id for local_id, number in numbers.items() if number > 1]
    newest = [newest_password(own) for own in passwords(equally_old).values()]
    chosen = {password.pk for password in newest if password}
    return [row for row in found if numbers[row.local_id] == 1 or row.pk in chosen]


def _packed(buckets: Buckets) -> tuple[str, list[Any]]:
    """Return the SELECT of `local_user_id` and `packed`."""
    whens = [
        When(condition, then=Value(_code(bucket)))
        for bucket, condition in enumerate(buckets)
        if condition is not None
    ]
    # An expiry in the new column counts before one in the old.
    dated = Case(When(expires_at_int=None, then=Value(0)), default=Value(BUCKETS))
    created = Least(Greatest("created_at_int", Value(0)), Value(_LATEST))
    packed = (
        created * Value(_PACKED) + dated + Case(*whens, default=Value(_code(buckets.index(None))))
    )
    rows: QuerySet[Any, Any] = Password.objects.order_by().values("local_user_id")
    rows = rows.annotate(packed=Max(ExpressionWrapper(packed, output_field=BigIntegerField())))
    sql, parameters = _sql(rows)
    if connections[ALIAS].vendor == "mysql":
        # Sort the table, instead of reading it by an index: a fifth of the time.
        sql = sql.replace("SELECT", "SELECT SQL_BIG_RESULT", 1)
    return sql, parameters


def _code(bucket: int) -> int:
    """Return what is larger for an earlier bucket, and its own inverse."""
    return BUCKETS - 1 - bucket


def _sql(rows: QuerySet[Any]) -> tuple[str, list[Any]]:
    statement, parameters = rows.query.get_compiler(connection=connections[ALIAS]).as_sql()
    return statement, list(parameters)


def _fetch(statement: str, parameters: list[Any]) -> list[Any]:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
