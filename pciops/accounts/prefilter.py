"""Finds quickly the few accounts of a list among a million, where trying each would take seconds.

A list is read in the order of an index, and each account is tried until the page is full: quick
where many fit. Where few do, a scan of one table names those that may, and only they are tried.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Q, QuerySet, TextField
from django.db.models.sql.compiler import SQLCompiler

from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.state import Ids, State
from pciops.keystone.models import LocalUser, User
from pciops.lib.keyset import Order

STRETCH: Final = 4000  # accounts that are tried in the list's order, to see how many fit
MANY: Final = 10  # of a stretch: then a page is full soon
FEW: Final = 20_000  # candidates that one statement may name


class Email(Func):
    """`email` in `user.extra`, in lower case; NULL where the JSON is broken or has none."""

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


def narrowed(
    rows: QuerySet[LocalUser],
    order: Order[LocalUser],
    *,
    state: State | None,
    text: str,
    policy: Policy,
    now: datetime,
) -> QuerySet[LocalUser]:
    """The rows that may be in the state and fit the text: never fewer than those that do."""
    scan = state.candidates(policy, now) if state else None
    if scan is None and (state or not text):
        return rows  # the row itself says it, or there is nothing to say
    end = _end(rows, order)
    if end is None:
        return rows  # so few that all are tried soon
    ids = _with_text(text) if text else None
    if ids is None and state and scan is not None:
        stretch = order.until(rows, end)
        ids = None if _many(state.among(stretch, policy, now)) else _few(scan)
    return rows if ids is None else rows.filter(pk__in=ids)


def with_text(rows: QuerySet[LocalUser], text: str) -> QuerySet[LocalUser]:
    """Rows whose name or e-mail address has the text as a part, or whose user's id it is."""
    return rows.alias(email=Email(F("user__extra"))).filter(
        Q(name__icontains=text) | Q(user_id=text) | Q(email__contains=text.lower())
    )


def _end(rows: QuerySet[LocalUser], order: Order[LocalUser]) -> LocalUser | None:
    """The row at which the first stretch ends; None where there are not so many."""
    return order.sort(rows)[STRETCH : STRETCH + 1].first()


def _many(rows: QuerySet[LocalUser]) -> bool:
    return len(rows.values_list("pk")[:MANY]) == MANY


def _few(ids: Ids) -> set[int] | None:
    """The ids, or None where they are not few."""
    found = list(ids[: FEW + 1])
    return None if len(found) > FEW else {pk for pk in found if pk is not None}


def _with_text(text: str) -> set[int] | None:
    """As `with_text`, by a scan of each of the two tables; None where that finds many."""
    rows = LocalUser.objects.filter(Q(name__icontains=text) | Q(user_id=text))
    named = _few(rows.values_list("pk", flat=True))
    if named is None:
        return None
    users = User.objects.all()
    if text.isascii() and json.dumps(text) == f'"{text}"':
        users = users.filter(extra__icontains=text)  # JSON has it as it is: parse only where it is
    users = users.alias(email=Email(F("extra"))).filter(email__contains=text.lower())
    addressed = _few(users.values_list("local_user__pk", flat=True))
    return None if addressed is None else named | addressed
