"""Finds the few accounts of a list among a million without checking each one, which takes seconds.

A list is read in the order of an index, and each account is checked until the page is full: fast if
many match. If few match, a scan of one table finds candidates, and only they are checked.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Model, Q, QuerySet, TextField
from django.db.models.sql.compiler import SQLCompiler

from pciops.accounts import machines, privileged
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind
from pciops.accounts.states.state import Ids, State
from pciops.keystone.models import LocalUser, User
from pciops.lib.keyset import Order

M = TypeVar("M", bound=Model)

SAMPLE: Final = 4000  # accounts, in the order of the list, that show whether many match
MANY: Final = 10  # matches in the sample; a page then fills soon
FEW: Final = 20_000  # candidates in one statement


class Email(Func):
    """`email` in `user.extra`, in lower case; NULL if the JSON is invalid or has none."""

    output_field = TextField()
    template = (
        "CASE WHEN JSON_VALID(%(expressions)s) "
        "THEN LOWER(JSON_EXTRACT(%(expressions)s, '$.email')) END"
    )

    def as_mysql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        template = self.template.replace("JSON_EXTRACT(", "JSON_VALUE(")  # text, without quotes
        return super().as_sql(compiler, connection, template=template, **context)


def narrow(
    rows: QuerySet[LocalUser],
    order: Order[LocalUser],
    *,
    state: State | None,
    text: str,
    policy: Policy,
    now: datetime,
) -> QuerySet[LocalUser]:
    """Return all rows that match the state and the text, and as few others as possible."""
    candidates = state.candidates(policy, now) if state else None
    if candidates is None and (state or not text):
        return rows  # each row is checked by itself, or there is nothing to check
    end = _end_of_sample(rows, order)
    if end is None:
        return rows  # so few that all are checked soon
    ids = ids_with_text(text) if text else None
    if ids is None and state and candidates is not None:
        sample = order.until(rows, end)
        ids = None if _has_many(state.filter(sample, policy, now)) else _if_few(candidates)
    return rows if ids is None else rows.filter(pk__in=ids)


def with_text(rows: QuerySet[LocalUser], text: str) -> QuerySet[LocalUser]:
    """Return the rows with the text in name or email address, or as the user's id."""
    return rows.alias(email=Email(F("user__extra"))).filter(
        Q(name__icontains=text) | Q(user_id=text) | Q(email__contains=text.lower())
    )


def _end_of_sample(rows: QuerySet[LocalUser], order: Order[LocalUser]) -> LocalUser | None:
    """Return the last row of the sample; None if there are fewer rows."""
    return order.sort(rows)[SAMPLE : SAMPLE + 1].first()


def _has_many(rows: QuerySet[LocalUser]) -> bool:
    return len(rows.values_list("pk")[:MANY]) == MANY


def _if_few(candidates: Ids) -> set[int] | None:
    """Return the ids, or None if they are not few."""
    ids = list(candidates[: FEW + 1])
    return None if len(ids) > FEW else {pk for pk in ids if pk is not None}


def ids_with_text(text: str) -> set[int] | None:
    """Return the ids of `with_text` by a scan of each of the two tables; None if not few."""
    rows = LocalUser.objects.filter(Q(name__icontains=text) | Q(user_id=text))
    by_name = _if_few(rows.values_list("pk", flat=True))
    if by_name is None:
        return None
    users = User.objects.all()
    if text.isascii() and json.dumps(text) == f'"{text}"':
        users = users.filter(extra__icontains=text)  # JSON has it unescaped: parse only these
    users = users.alias(email=Email(F("extra"))).filter(email__contains=text.lower())
    by_email = _if_few(users.values_list("local_user__pk", flat=True))
    return None if by_email is None else by_name | by_email


def within(rows: QuerySet[M], scope: str | None, domain_id: str) -> QuerySet[M]:
    """Return the rows of LocalUser or User in the operator's scope, and in the domain if given."""
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    return rows.filter(domain_id=domain_id) if domain_id else rows


def of_kind(
    rows: QuerySet[M],
    kind: AccountKind | None,
    machine: bool | None,
    columns: machines.Columns,
    *,
    few: bool,
) -> QuerySet[M]:
    """Return the rows of the kind if given, used by machines or people if given.

    Call it last: it costs the most for each row.

    Args:
        few: as of `privileged.filter_by_kind`.
    """
    if kind is not None:
        rows = privileged.filter_by_kind(rows, kind, few=few)
    if machine is not None:
        rows = machines.only(rows, columns, machines=machine)
    return rows
