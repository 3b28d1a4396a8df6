"""The one place that turns Keystone's rows into accounts; every list and page starts here.

What an operator may see is an argument of all of it: `scope` is the id of the one domain that
they see, or None for the whole cloud.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Q, QuerySet, TextField
from django.db.models.sql.compiler import SQLCompiler

from pciops.accounts.account import Account, from_rows
from pciops.accounts.policy import Policy
from pciops.accounts.states import LOCK_LAPSED, LOCKED, State
from pciops.keystone import database
from pciops.keystone.models import LocalUser, Project, User
from pciops.lib.keyset import Column, Order

NEWEST_FAILURE: Order[LocalUser] = Order(
    (
        Column(name="failed_auth_at", kind=datetime, falling=True),
        Column(name="id", kind=int, falling=True),
    )
)
BY_NAME: Order[LocalUser] = Order((Column(name="name", kind=str), Column(name="id", kind=int)))


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which accounts: those that fit all of it."""

    state: State | None = None
    domain_id: str = ""
    text: str = ""  # part of a name or of an e-mail address, or an id

    @property
    def order(self) -> Order[LocalUser]:
        """Locks by the newest failure, everything else by name."""
        return NEWEST_FAILURE if self.state in {LOCKED, LOCK_LAPSED} else BY_NAME


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some accounts, and the marker of the next page; "" where this is the last."""

    accounts: list[Account]
    next: str


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A domain of Keystone."""

    id: str
    name: str


class _Email(Func):
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


@database.reading()
def page(
    query: Query, *, scope: str | None, policy: Policy, now: datetime, marker: str, limit: int
) -> Page:
    """One page of accounts, in three queries however many there are.

    Raises:
        MarkerError: where the marker is of another list.
        KeystoneDatabaseDownError
    """
    rows = _matching(query, scope=scope, policy=policy, now=now)
    rows = query.order.sort(rows)
    if marker:
        rows = query.order.after(rows, marker)
    found = list(_with_facts(rows)[: limit + 1])
    more = query.order.marker(found[limit - 1], getattr) if len(found) > limit else ""
    return Page(accounts=[_account(row) for row in found[:limit]], next=more)


@database.reading()
def count(query: Query, *, scope: str | None, policy: Policy, now: datetime) -> int:
    """How many fit, counted now: for `locked`, whose scan is short.

    Raises:
        KeystoneDatabaseDownError
    """
    return _matching(query, scope=scope, policy=policy, now=now).count()


@database.reading()
def get(user_id: str, *, scope: str | None) -> Account | None:
    """The account of this id, of any kind of user; None where there is none in scope.

    Raises:
        KeystoneDatabaseDownError
    """
    users = User.objects.select_related("domain", "local_user", "nonlocal_user")
    user = users.prefetch_related("options", "local_user__passwords").filter(id=user_id).first()
    if user is None or (scope is not None and user.domain_id != scope):
        return None
    local: LocalUser | None = getattr(user, "local_user", None)
    return from_rows(user, local, local.name if local else _foreign_name(user))


@database.reading()
def named(name: str, *, domain: str) -> list[Account]:
    """Local accounts of exactly this name, in the domain of this name or id, or in any for "".

    Raises:
        KeystoneDatabaseDownError
    """
    rows = LocalUser.objects.filter(name=name)
    if domain:
        rows = rows.filter(Q(domain_id=domain) | Q(user__domain__name=domain))
    return [_account(row) for row in _with_facts(rows.order_by("domain_id"))]


@database.reading()
def domains(*, scope: str | None) -> list[Domain]:
    """The domains in scope, by name. Keystone's hidden root is none.

    Raises:
        KeystoneDatabaseDownError
    """
    rows = Project.objects.filter(is_domain=True).exclude(id="<<keystone.domain.root>>")
    if scope is not None:
        rows = rows.filter(id=scope)
    return [Domain(id=row.id, name=row.name) for row in rows.order_by("name")]


def _matching(
    query: Query, *, scope: str | None, policy: Policy, now: datetime
) -> QuerySet[LocalUser]:
    rows = LocalUser.objects.all()
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    if query.domain_id:
        rows = rows.filter(domain_id=query.domain_id)
    if query.state is not None:
        rows = query.state.among(rows, policy, now)
    if query.text:
        email = _Email(F("user__extra"))
        rows = rows.alias(email=email).filter(
            Q(name__icontains=query.text)
            | Q(user_id=query.text)
            | Q(email__contains=query.text.lower())
        )
    return rows


def _with_facts(rows: QuerySet[LocalUser]) -> QuerySet[LocalUser]:
    return rows.select_related("user", "user__domain").prefetch_related(
        "user__options", "passwords"
    )


def _account(row: LocalUser) -> Account:
    return from_rows(row.user, row, row.name)


def _foreign_name(user: User) -> str:
    """As User.name in Keystone's sql_model: nonlocal, else federated, else nothing but the id."""
    if hasattr(user, "nonlocal_user"):
        return user.nonlocal_user.name
    names: Iterable[str | None] = (row.display_name for row in user.federated_users.all())
    return next((name for name in names if name), user.id)
