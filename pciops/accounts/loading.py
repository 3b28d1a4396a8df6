"""Loads accounts from rows of Keystone's tables: the columns that are read, and no others.

Rows are plain values instead of model instances, which would take two thirds of the time of a list
with 100,000 accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from django.db.models import Case, Exists, F, OuterRef, QuerySet, Subquery, When
from django.db.models.expressions import Combinable

from pciops.accounts import machines, privileged
from pciops.accounts.account import Account
from pciops.accounts.machines import Named
from pciops.accounts.privileged import AccountKinds
from pciops.accounts.second_factor import wants_totp
from pciops.accounts.states.password import FIRST_EXPIRY, passwords_newest_first, superseded
from pciops.keystone import database
from pciops.keystone.fields import EPOCH, from_int
from pciops.keystone.models import Credential, FederatedUser, LocalUser, Password, User, UserOption
from pciops.keystone.options import MFA_RULES
from pciops.lib import times
from pciops.lib.jsontext import decoded, decoded_all, json_array

Options = Mapping[str, Mapping[str, Any]]  # user id → option id → decoded value

MOST_OPTIONS: Final = 20_000  # of all users that are kept in memory, with about 500 bytes each
LAST: Final = datetime.max.replace(tzinfo=UTC)

_LOCAL_USER_COLUMNS: Final = (
    *("user_id", "name", "domain_id", "user__domain__name", "user__extra", "user__enabled"),
    *("user__created_at", "user__last_active_at", "failed_auth_count", "failed_auth_at"),
)
NAMES: Final = ("local_user__name", "nonlocal_user__name")  # of `user_names`, after the id
_USER_COLUMNS: Final = (
    *("id", "local_user__name", "domain_id", "domain__name", "extra", "enabled", "created_at"),
    *("last_active_at", "local_user__failed_auth_count", "local_user__failed_auth_at"),
    *("nonlocal_user__name",),
)


class AccountFacts(NamedTuple):
    """The columns of `user`, `project` and `local_user` that make an account."""

    id: str
    name: str
    domain_id: str | None
    domain_name: str | None
    extra: str | None
    enabled: bool | None
    created_at: datetime | None
    last_active_at: date | None
    covered: bool
    failed_auth_count: int | None = None
    failed_auth_at: datetime | None = None
    in_directory: bool = False


class PasswordFacts(NamedTuple):
    """The columns of `password`; the old ones count if the new ones are NULL."""

    pk: int
    created_at_int: datetime | None
    expires_at_int: datetime | None
    created_at: datetime | None
    expires_at: datetime | None


class HeldPassword(NamedTuple):
    """A password that no newer one supersedes, and its holder."""

    facts: PasswordFacts
    local_id: int  # of local_user
    user_id: str
    domain_id: str
    has_twin: bool  # an equally old one; `newest_password` decides


class AccountRow(NamedTuple):
    """The facts of one account, with other columns of its row."""

    facts: AccountFacts
    local_id: int | None  # of local_user; None for LDAP and federated users
    extra_columns: tuple[Any, ...] = ()


def local_user_rows(rows: QuerySet[LocalUser], *columns: str | Combinable) -> list[AccountRow]:
    """Read rows of `local_user`, with extra columns."""
    return [
        AccountRow(AccountFacts._make((*row[1:9], True, *row[9:11], False)), row[0], row[11:])
        for row in rows.values_list("pk", *_LOCAL_USER_COLUMNS, *columns)
    ]


def rows_with_passwords(
    rows: QuerySet[LocalUser],
) -> tuple[dict[int | None, AccountRow], dict[int, PasswordFacts]]:
    """Read rows of `local_user` and the newest passwords, both by its id, with one statement.

    For thousands of accounts that takes less time than two statements. A join would have to look
    at each password and ask whether there is a newer one.
    """
    columns = json_array(*_password_columns())
    newest = Subquery(passwords_newest_first().values(columns=columns)[:1])
    found = {row.local_id: row for row in local_user_rows(rows, newest)}
    held = {
        local_id: row.extra_columns[0]
        for local_id, row in found.items()
        if local_id is not None and row.extra_columns[0] is not None
    }
    facts = decoded_all(held.values())
    return found, {
        local_id: PasswordFacts(pk, *map(_time, own_times))
        for local_id, (pk, *own_times) in zip(held, facts, strict=True)
    }


def _time(value: int | str | None) -> datetime | None:
    """Return a time that came as JSON: a DateTimeInt as it is, a DATETIME as text in UTC."""
    if value is None:
        return None
    return from_int(value) if isinstance(value, int) else times.parse(value)


def rows_in_order(rows: QuerySet[LocalUser], local_ids: Collection[int]) -> list[AccountRow]:
    """Read those of the rows of `local_user` that have these ids, in the order of the ids."""
    found = {row.local_id: row for row in local_user_rows(rows.filter(pk__in=local_ids))}
    return [found[local_id] for local_id in local_ids if local_id in found]


def user_rows(rows: QuerySet[User]) -> list[AccountRow]:
    """Read rows of `user`, of users of any kind."""
    raw_rows = list(rows.values_list("local_user__pk", *_USER_COLUMNS))
    names = user_names((row[1], row[2], row[11]) for row in raw_rows)
    account_rows = []
    for local_id, user_id, _, *others, count, failed_at, nonlocal_name in raw_rows:
        covered = local_id is not None
        in_directory = not covered and nonlocal_name is not None
        facts = AccountFacts._make(
            (user_id, names[user_id], *others, covered, count, failed_at, in_directory)
        )
        account_rows.append(AccountRow(facts, local_id))
    return account_rows


def user_names(rows: Iterable[tuple[str, str | None, str | None]]) -> dict[str, str]:
    """Return the names of users of any kind by id, as User.name in Keystone's sql_model.

    Args:
        rows: the id with the names in `local_user` and `nonlocal_user`. Without both it is the
            name of a federated user, or else the id.
    """
    names = {user_id: local if local is not None else other for user_id, local, other in rows}
    nameless = [user_id for user_id, name in names.items() if name is None]
    federated = _federated_names(nameless)
    found = {user_id: name for user_id, name in names.items() if name is not None}
    return found | {user_id: federated.get(user_id, user_id) for user_id in nameless}


def accounts(
    rows: Collection[AccountRow],
    *,
    kinds: Mapping[str, AccountKinds] | None = None,
    newest: Mapping[int, PasswordFacts] | None = None,
    options: Options | None = None,
) -> list[Account]:
    """Return the accounts of these rows, in their order, with passwords, options and kinds.

    Args:
        kinds: the kinds of all privileged accounts by user id; read for these rows if left out.
        newest: the newest passwords by the id of `local_user`; read if left out.
        options: those of all users; read for these rows if left out.
    """
    user_ids = [row.facts.id for row in rows]
    by_user = privileged.kinds_of(user_ids) if kinds is None else kinds
    held = _newest_passwords(rows) if newest is None else newest
    found = _accounts(rows, held, kinds=by_user, options=options)
    named = (
        Named(one.id, one.name, one.domain_id, machines.is_not_blank(one.email)) for one in found
    )
    reasons = machines.reasons_of(named, by_user)
    return [one._replace(machine=reasons[one.id]) if one.id in reasons else one for one in found]


def owners(
    rows: Collection[AccountRow], *, newest: Mapping[int, PasswordFacts] | None = None
) -> list[Account]:
    """Return the accounts without kinds, and without whether programs use them.

    Args:
        newest: the newest passwords by the id of `local_user`; read if left out.
    """
    held = _newest_passwords(rows) if newest is None else newest
    return _accounts(rows, held, kinds={})


def _accounts(
    rows: Iterable[AccountRow],
    newest: Mapping[int, PasswordFacts],
    *,
    kinds: Mapping[str, AccountKinds],
    options: Options | None = None,
) -> list[Account]:
    user_ids = [row.facts.id for row in rows]
    if options is None:  # by `pk`: Django looks twice as long at the values of a relation
        own = _options(UserOption.objects.filter(user__pk__in=user_ids))
    else:
        own = {user_id: options[user_id] for user_id in user_ids if user_id in options}
    enrolled = _totp_enrolled(own)
    return [
        _account(
            row.facts,
            None if row.local_id is None else newest.get(row.local_id),
            own.get(row.facts.id, {}),
            kinds.get(row.facts.id, ()),
            totp_enrolled=row.facts.id in enrolled,
        )
        for row in rows
    ]


def _account(
    facts: AccountFacts,
    password: PasswordFacts | None,
    options: Mapping[str, Any],
    kinds: AccountKinds,
    *,
    totp_enrolled: bool,
) -> Account:
    extra = decoded(facts.extra)
    email = extra.get("email") if isinstance(extra, dict) else None
    domain_id = facts.domain_id or ""
    return Account(
        id=facts.id,
        name=facts.name,
        domain_id=domain_id,
        domain_name=domain_id if facts.domain_name is None else facts.domain_name,
        kinds=kinds,
        email=email if isinstance(email, str) else "",
        enabled=facts.enabled,
        covered=facts.covered,
        in_directory=facts.in_directory,
        readable=isinstance(extra, dict),
        failed_auth_count=facts.failed_auth_count or 0,
        failed_auth_at=facts.failed_auth_at,
        created_at=facts.created_at,
        last_active_at=facts.last_active_at,
        password_created_at=created_at(password) if password else None,
        password_expires_at=expires_at(password) if password else None,
        password_expired_when_set=password is not None and _expired_when_set(password),
        totp_enrolled=totp_enrolled,
        options=options,
    )


def _newest_passwords(rows: Iterable[AccountRow]) -> dict[int, PasswordFacts]:
    return _newest(passwords([row.local_id for row in rows if row.local_id is not None]))


def _newest(held: Mapping[int, list[PasswordFacts]]) -> dict[int, PasswordFacts]:
    return {
        local_id: own[0] if len(own) == 1 else min(own, key=_newest_first)
        for local_id, own in held.items()
    }


def newest_password(passwords: Iterable[PasswordFacts]) -> PasswordFacts | None:
    """Return the password that Keystone checks: the last by `created_at_int`.

    Of several that are equally old Keystone takes the one that its database happens to send last,
    which on MariaDB may change from one sign-in to the next. This takes the one that expires
    first, so "can sign in" is never wrong.
    """
    return min(passwords, key=_newest_first, default=None)


def _newest_first(password: PasswordFacts) -> tuple[object, ...]:
    """Sort as PasswordState does in SQL: the newest first, NULL after every expiry."""
    new, old = password.expires_at_int, password.expires_at
    age = LAST - (password.created_at_int or EPOCH)
    return age, new is None, new or LAST, old is None, old or LAST, -password.pk


def created_at(password: PasswordFacts) -> datetime | None:
    """Return the time of creation: the old column if the new is unset."""
    return password.created_at_int or password.created_at


def expires_at(password: PasswordFacts) -> datetime | None:
    """Return the expiry as Password.expires_at in sql_model: the old column if the new is NULL."""
    return password.expires_at if password.expires_at_int is None else password.expires_at_int


def _expired_when_set(password: PasswordFacts) -> bool:
    """Return whether `change_password_upon_first_use` made the password expire when created.

    Every other expiry is at least one day later (User._get_password_expires_at).
    """
    created, expires = password.created_at_int, password.expires_at_int
    if created is None or expires is None:
        return False
    return expires < times.later(created, FIRST_EXPIRY)


_TIMES: Final = ("created", "expires")


def passwords(local_ids: Collection[int]) -> Mapping[int, list[PasswordFacts]]:
    """Return the passwords of local users; of several, none that a newer one supersedes."""
    found = defaultdict(list)
    rows = Password.objects.filter(local_user__in=local_ids)
    if len(local_ids) > 1:
        rows = rows.filter(~superseded())
    for local_id, *facts in rows.order_by().values_list("local_user_id", *_password_columns()):
        found[local_id].append(PasswordFacts(*facts))
    return found


def held_passwords(rows: QuerySet[Password]) -> list[HeldPassword]:
    """Read these passwords, none of which a newer one supersedes, with their holders.

    A join would let MariaDB begin with `local_user`, and sort all that it finds.
    """
    equal = Password.objects.filter(
        local_user=OuterRef("local_user"), created_at_int=OuterRef("created_at_int")
    )
    holder = LocalUser.objects.filter(pk=OuterRef("local_user_id"))
    ids = (Subquery(holder.values(column)) for column in ("user_id", "domain_id"))
    twin = Exists(equal.exclude(pk=OuterRef("pk")))
    found = rows.values_list(*_password_columns(), "local_user_id", *ids, twin)
    return [HeldPassword(PasswordFacts(*row[:5]), *row[5:]) for row in found]


def _password_columns() -> tuple[Any, ...]:
    """Return the columns of PasswordFacts.

    The old ones only if they count: MySQL sends times as text, which Python has to parse.
    """
    old = (Case(When(**{f"{name}_at_int": None}, then=F(f"{name}_at"))) for name in _TIMES)
    return "pk", *(f"{name}_at_int" for name in _TIMES), *old


@database.reading()
def all_options() -> Options | None:
    """Return the options of all users, or None if they are too many to keep in memory."""
    rows = UserOption.objects.all()
    return None if rows[MOST_OPTIONS:].exists() else _options(rows)


def _options(rows: QuerySet[UserOption]) -> Options:
    options: dict[str, dict[str, Any]] = defaultdict(dict)
    columns = ("user_id", "option_id", "option_value")
    for user_id, option, value in rows.order_by().values_list(*columns):
        options[user_id][option] = decoded(value)
    return options


def _totp_enrolled(options: Options) -> set[str]:
    """Return the users with a TOTP credential among those whose rules name TOTP.

    The table has no index on users, so it is read only if there are such rules.
    """
    wanting = [user_id for user_id, own in options.items() if wants_totp(own.get(MFA_RULES))]
    if not wanting:
        return set()
    rows = Credential.objects.filter(user_id__in=wanting, type=Credential.TOTP)
    return set(rows.values_list("user_id", flat=True))


def _federated_names(user_ids: Collection[str]) -> dict[str, str]:
    """Return the first name that each of these federated users has."""
    if not user_ids:
        return {}
    rows = FederatedUser.objects.filter(user__in=user_ids).exclude(display_name=None)
    names: dict[str, str] = {}
    for user_id, name in rows.order_by("pk").values_list("user_id", "display_name"):
        if name:
            names.setdefault(user_id, name)
    return names
