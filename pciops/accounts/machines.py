"""Machines: accounts that programs use, not people. The rule is here and nowhere else.

An account is a machine for the first of these reasons that holds:

1. It is a service account (`privileged`).
2. An administrator recorded it as a machine. If they recorded it as a person, it is none.
3. Its domain is one of `MACHINE_DOMAINS`, by name or id.
4. Its name matches one of `SERVICE_NAME_PATTERNS`, without regard to case.
5. It has an application credential and no email address, and is not an administrator: that an
   administrator is a program is never guessed, or their missing second factor would not show.

The rule has two forms: `reasons_of` for accounts that are in memory, and `only` for rows of a
query. The second is there because a machine domain may hold more accounts than memory does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final, NamedTuple, TypeVar, cast

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    BooleanField,
    Case,
    F,
    Func,
    IntegerField,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextChoices,
    When,
)
from django.db.models.functions import Coalesce
from django.db.models.sql.compiler import SQLCompiler

from pciops.accounts import privileged
from pciops.accounts.models import MachineRecord
from pciops.accounts.privileged import FEW_IDS, AccountKind, AccountKinds
from pciops.keystone import database
from pciops.keystone.models import ApplicationCredential, FederatedUser, Project, User
from pciops.lib import globs
from pciops.lib.jsontext import decoded

M = TypeVar("M", bound=Model)

FEW_RECORDS: Final = 1000  # that are read by their ids


class MachineReason(TextChoices):
    """The reasons for which an account is a machine, as the API and files name them."""

    ROLE = "role", "It holds a service role, or a role on a service project."
    REGISTER = "register", "An administrator recorded it as a machine."
    DOMAIN = "domain", "Its domain is in PCIOPS_MACHINE_DOMAINS."
    NAME = "name", "Its name matches PCIOPS_SERVICE_NAME_PATTERNS."
    CREDENTIALS = (
        "application_credentials",
        "It has application credentials and no email address.",
    )


class Named(NamedTuple):
    """The facts of an account that the rule begins with."""

    user_id: str
    name: str
    domain_id: str | None
    has_email: bool | None = None  # None: read if it decides


class _HasEmail(Func):
    """Whether `email` in the JSON is a text that is not blank, as in `Account.email`."""

    output_field = BooleanField()
    template = (
        "CASE WHEN JSON_VALID(%(expressions)s) THEN COALESCE("
        "JSON_TYPE(%(expressions)s, '$.email') = 'text'"
        " AND TRIM(JSON_EXTRACT(%(expressions)s, '$.email')) <> '', 0) ELSE 0 END"
    )

    def as_mysql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        template = (
            "CASE WHEN JSON_VALID(%(expressions)s) THEN COALESCE("
            "JSON_TYPE(JSON_EXTRACT(%(expressions)s, '$.email')) = 'STRING'"
            " AND TRIM(JSON_VALUE(%(expressions)s, '$.email')) <> '', 0) ELSE 0 END"
        )
        return super().as_sql(compiler, connection, template=template, **context)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of a query by which it reaches users."""

    user_id: str
    domain_id: str
    extra: str
    name: Any  # a column, or an expression


LOCAL: Final = Columns(
    user_id="user_id", domain_id="domain_id", extra="user__extra", name=F("name")
)
OF_PASSWORD: Final = Columns(
    user_id="local_user__user_id",
    domain_id="local_user__domain_id",
    extra="local_user__user__extra",
    name=F("local_user__name"),
)
# As loading.user_rows: the name of a local user, or of an LDAP one, or the first federated one.
USER: Final = Columns(
    user_id="id",
    domain_id="domain_id",
    extra="extra",
    name=Coalesce(
        "local_user__name",
        "nonlocal_user__name",
        Subquery(
            FederatedUser.objects.filter(user=OuterRef("pk"), display_name__gt="")
            .order_by("pk")
            .values("display_name")[:1]
        ),
        "id",
    ),
)


def reasons_of(
    users: Iterable[Named], kinds: Mapping[str, AccountKinds]
) -> dict[str, MachineReason]:
    """Return the reasons of those that are machines, in at most four queries for any number.

    Args:
        kinds: the kinds of all of them that are privileged.

    Raises:
        KeystoneDatabaseDownError
    """
    by_id = {user.user_id: user for user in users}
    if not by_id:
        return {}
    recorded = _recorded(by_id)
    domains, patterns = _domain_ids(), _patterns()
    reasons: dict[str, MachineReason] = {}
    open_: list[str] = []
    for user in by_id.values():
        held = kinds.get(user.user_id, ())
        if AccountKind.SERVICE in held:
            reasons[user.user_id] = MachineReason.ROLE
        elif user.user_id in recorded:
            if recorded[user.user_id]:
                reasons[user.user_id] = MachineReason.REGISTER
        elif user.domain_id in domains:
            reasons[user.user_id] = MachineReason.DOMAIN
        elif patterns and any(pattern.search(user.name) for pattern in patterns):
            reasons[user.user_id] = MachineReason.NAME
        elif AccountKind.ADMINISTRATOR not in held and not user.has_email:
            open_.append(user.user_id)
    for user_id in _with_credentials_only(open_):
        reasons[user_id] = MachineReason.CREDENTIALS
    return reasons


def only(rows: QuerySet[M, Any], columns: Columns, *, machines: bool) -> QuerySet[M, Any]:
    """Return the rows of machines, or of people; reads the rule at once.

    Call it last, as `privileged.filter_by_kind`: other conditions cost less for each row.
    """
    named = rows.alias(machine_name=columns.name, has_email=_HasEmail(F(columns.extra)))
    found = named.alias(is_machine=_is_machine(columns, Q(has_email=False)))
    return cast("QuerySet[M, Any]", found.filter(is_machine=int(machines)))


def candidates(rows: QuerySet[M, Any], columns: Columns) -> QuerySet[M, Any]:
    """Return the rows of all machines and a few more; reads the rule at once.

    It does not read JSON, for which a database has to find the row of each user: half the time.
    """
    named = rows.alias(machine_name=columns.name)
    found = named.alias(is_machine=_is_machine(columns, Q())).filter(is_machine=1)
    return cast("QuerySet[M, Any]", found)


@database.reading()
def candidate_ids() -> set[str] | None:
    """Return the ids of all machines that are no service accounts, and of a few other users.

    Returns:
        None if names or domains make machines, which only the rows of all users tell.
    """
    if settings.MACHINE_DOMAINS or settings.SERVICE_NAME_PATTERNS:
        return None
    holders = ApplicationCredential.objects.values_list("user_id", flat=True).distinct()
    return {*holders, *(user_id for user_id, is_it in _all_recorded().items() if is_it)}


def _is_machine(columns: Columns, without_email: Q) -> Case:
    """Return the rule for a row with a `machine_name`."""
    user_id = columns.user_id
    recorded = _all_recorded()
    by_hand = {
        flag: [id_ for id_, is_it in recorded.items() if is_it is flag] for flag in (True, False)
    }
    kinds = privileged.all_kinds()
    guessed = [
        Q(**{f"{columns.domain_id}__in": _domain_ids()}),
        *(Q(machine_name__iregex=globs.regex(glob)) for glob in settings.SERVICE_NAME_PATTERNS),
        Q(**{f"{user_id}__in": ApplicationCredential.objects.values("user_id")})
        & ~_of_kind(AccountKind.ADMINISTRATOR, kinds, user_id)
        & without_email,
    ]
    return Case(
        When(Q(**{f"{user_id}__in": by_hand[True]}), then=1),
        When(~Q(**{f"{user_id}__in": by_hand[False]}) & reduce(or_, guessed), then=1),
        When(_of_kind(AccountKind.SERVICE, kinds, user_id), then=1),
        default=0,
        output_field=IntegerField(),
    )


def record(user_id: str, *, is_machine: bool, event_id: str) -> None:
    """Keep what an administrator said of the account, instead of what was recorded before."""
    MachineRecord.objects.update_or_create(
        user_id=user_id, defaults={"is_machine": is_machine, "event_id": event_id}
    )


@database.reading_own()
def _all_recorded() -> dict[str, bool]:
    return dict(MachineRecord.objects.values_list("user_id", "is_machine"))


@database.reading_own()
def _recorded(user_ids: Collection[str]) -> dict[str, bool]:
    if len(user_ids) > FEW_RECORDS:  # a longer list of ids takes longer than this short table
        return _all_recorded()
    rows = MachineRecord.objects.filter(user_id__in=list(user_ids))
    return dict(rows.values_list("user_id", "is_machine"))


@database.reading()
def _domain_ids() -> set[str]:
    named = settings.MACHINE_DOMAINS
    if not named:
        return set()
    condition = reduce(or_, (Q(name__iexact=name) | Q(id=name) for name in named))
    rows = Project.objects.filter(condition, is_domain=True)
    return set(rows.values_list("id", flat=True))


def _patterns() -> list[re.Pattern[str]]:
    return [re.compile(globs.regex(glob), re.IGNORECASE) for glob in settings.SERVICE_NAME_PATTERNS]


@database.reading()
def _with_credentials_only(user_ids: list[str]) -> list[str]:
    """Return those of the users that have application credentials and no email address.

    These are two statements: for one with a subquery, MariaDB may read all users.
    """
    if not user_ids:
        return []
    credentials = ApplicationCredential.objects.filter(user_id__in=user_ids)
    holders = set(credentials.values_list("user_id", flat=True))
    rows = User.objects.filter(id__in=holders).values_list("id", "extra")
    return [user_id for user_id, extra in rows if not _has_email(decoded(extra))]


def _has_email(extra: object) -> bool:
    return isinstance(extra, dict) and is_not_blank(extra.get("email"))


def is_not_blank(email: object) -> bool:
    """Return whether a value of `email` is a text that is not blank."""
    return isinstance(email, str) and bool(email.strip(" "))


def _of_kind(kind: AccountKind, kinds: Mapping[str, AccountKinds], user_id: str) -> Q:
    """Return the condition that a row's user is of the kind, by ids if they are few."""
    ids = [id_ for id_, held in kinds.items() if kind in held]
    if len(ids) > FEW_IDS:
        return privileged.has_kind(kind, user_id=user_id)
    return Q(**{f"{user_id}__in": ids})
