"""Searches of accounts by a text that an operator typed, in two ways.

The beginning of a name is found in milliseconds: the unique index of names has them by domain, and
domains are few. Any part of a name or email address is found only by a scan. Both find a whole id.
Upper and lower case are the same, by the rules of the column.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, TextField
from django.db.models.sql.compiler import SQLCompiler

from pciops.keystone.models import FederatedUser, LocalUser, NonLocalUser, User

FEW: Final = 20_000  # ids in one statement
MOST_DOMAINS: Final = 5000  # in one statement


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


@dataclass(frozen=True, kw_only=True)
class Search:
    """A text, and the way in which it is looked for."""

    text: str
    begins: bool  # the name begins with the text; else it is anywhere in name or email address

    def local(self, rows: QuerySet[LocalUser]) -> QuerySet[LocalUser]:
        """Return the rows that match."""
        text = self.text
        if self.begins:
            return rows.filter(_named("istartswith", text))
        return rows.alias(email=Email(F("user__extra"))).filter(
            Q(name__icontains=text) | Q(user_id=text) | Q(email__contains=text.lower())
        )

    def exact(self, rows: QuerySet[LocalUser]) -> QuerySet[LocalUser]:
        """Return the rows with exactly this name, or this id."""
        return rows.filter(_named("iexact", self.text))

    def without_local(self, rows: QuerySet[User]) -> QuerySet[User]:
        """Return the LDAP and federated users that match."""
        text, lookup = self.text, "icontains"
        if self.begins:
            if (few := _ids_without_local(text)) is not None:
                return rows.filter(pk__in=few)
            lookup = "istartswith"
        federated = FederatedUser.objects.filter(
            user=OuterRef("pk"), **{f"display_name__{lookup}": text}
        )
        named = Q(**{f"nonlocal_user__name__{lookup}": text}) | Exists(federated) | Q(id=text)
        if self.begins:
            return rows.filter(named)
        return rows.alias(email=Email(F("extra"))).filter(named | Q(email__contains=text.lower()))

    def ids(self) -> set[int] | None:
        """Return the ids of `local` among all rows; None if they are not few."""
        text = self.text
        if self.begins:
            return if_few(self.local(LocalUser.objects.all()).values_list("pk", flat=True))
        rows = LocalUser.objects.filter(Q(name__icontains=text) | Q(user_id=text))
        by_name = if_few(rows.values_list("pk", flat=True))
        if by_name is None:
            return None
        users = User.objects.all()
        if text.isascii() and json.dumps(text) == f'"{text}"':
            users = users.filter(extra__icontains=text)  # JSON has it unescaped: parse only these
        users = users.alias(email=Email(F("extra"))).filter(email__contains=text.lower())
        by_email = if_few(users.values_list("local_user__pk", flat=True))
        return None if by_email is None else by_name | by_email


def if_few(ids: QuerySet[Any, Any]) -> set[Any] | None:
    """Return the ids without NULL, or None if they are not few."""
    found = list(ids[: FEW + 1])
    return None if len(found) > FEW else {pk for pk in found if pk is not None}


def _named(lookup: str, text: str) -> Q:
    """Match rows of `local_user` by name, or by the user's id."""
    named = _name(LocalUser, lookup, text)
    # An OR of two indexes is slow for many rows; but a text that is an id begins hardly any name.
    is_id = LocalUser.objects.filter(user_id=text).exists()
    return named | Q(user_id=text) if is_id else named


def _name(model: type[LocalUser | NonLocalUser], lookup: str, text: str) -> Q:
    """Match names in each domain, if these are few: the index on names begins with the domain."""
    named = Q(**{f"name__{lookup}": text})
    ids = model.objects.order_by().values_list("domain_id", flat=True).distinct()
    domains = list(ids[: MOST_DOMAINS + 1])
    return named if len(domains) > MOST_DOMAINS else Q(domain_id__in=domains) & named


def _ids_without_local(text: str) -> set[str] | None:
    """Return the ids of LDAP and federated users whose name begins with the text, if few."""
    directory = NonLocalUser.objects.filter(_name(NonLocalUser, "istartswith", text))
    federated = FederatedUser.objects.filter(display_name__istartswith=text)
    parts = [if_few(rows.values_list("user_id", flat=True)) for rows in (directory, federated)]
    return None if None in parts else {text}.union(*filter(None, parts))
