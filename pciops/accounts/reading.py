"""Turns rows of Keystone's tables into accounts: the columns that are read, and nothing else.

Plain values, not model instances: of a list with a hundred thousand accounts those would take two
thirds of the time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

from django.db.models import Case, F, QuerySet, When

from pciops.accounts import privileged
from pciops.accounts.account import Account, Facts, PasswordFacts, build
from pciops.accounts.privileged import Kinds
from pciops.accounts.states.password import superseded
from pciops.keystone.models import FederatedUser, LocalUser, Password, User, UserOption

_OF_LOCAL: Final = (
    *("user_id", "name", "domain_id", "user__domain__name", "user__extra", "user__enabled"),
    *("user__created_at", "user__last_active_at", "failed_auth_count", "failed_auth_at"),
)
_OF_USER: Final = (
    *("id", "local_user__name", "domain_id", "domain__name", "extra", "enabled", "created_at"),
    *("last_active_at", "local_user__failed_auth_count", "local_user__failed_auth_at"),
    *("nonlocal_user__name",),
)


class Row(NamedTuple):
    """A row that became an account, and what else was read with it."""

    facts: Facts
    local_id: int | None  # of local_user; None where there is no such row
    rest: tuple[Any, ...] = ()  # the further columns that were asked for


def of_local_users(rows: QuerySet[LocalUser], *columns: str) -> list[Row]:
    """Read rows of `local_user`, with further columns of theirs."""
    return [
        Row(Facts._make((*row[1:9], True, *row[9:11])), row[0], row[11:])
        for row in rows.values_list("pk", *_OF_LOCAL, *columns)
    ]


def of_users(rows: QuerySet[User]) -> list[Row]:
    """Read rows of `user`, of users of any kind."""
    found = list(rows.values_list("local_user__pk", *_OF_USER))
    nameless = [row[1] for row in found if row[0] is None and row[11] is None]
    federated = _federated_names(nameless)
    read = []
    for local_id, user_id, name, *others, count, failed_at, nonlocal_name in found:
        covered = local_id is not None
        if not covered:
            # As User.name in Keystone's sql_model: nonlocal, else federated, else only the id.
            name = nonlocal_name if nonlocal_name is not None else federated.get(user_id, user_id)  # noqa: PLW2901
        facts = Facts._make((user_id, name, *others, covered, count, failed_at))
        read.append(Row(facts, local_id))
    return read


def accounts(rows: Collection[Row], *, known: Mapping[str, Kinds] | None = None) -> list[Account]:
    """The accounts of these rows, in their order, with passwords, options and kinds.

    Args:
        known: the kinds of everyone who is of any, where they have been read.
    """
    user_ids = [row.facts.id for row in rows]
    of_kind = privileged.of(user_ids) if known is None else known
    passwords = _passwords([row.local_id for row in rows if row.local_id is not None])
    options = _options(user_ids)
    return [
        build(
            row.facts,
            passwords=passwords.get(row.local_id, ()),
            options=options.get(row.facts.id, {}),
            kinds=of_kind.get(row.facts.id, ()),
        )
        for row in rows
    ]


def _passwords(local_ids: Collection[int]) -> Mapping[int | None, list[PasswordFacts]]:
    # The old columns only where they count: MySQL sends and Python parses instants as text.
    old = (Case(When(**{f"{name}_at_int": None}, then=F(f"{name}_at"))) for name in _PAIRS)
    new = (f"{name}_at_int" for name in _PAIRS)
    found = defaultdict(list)
    rows = Password.objects.filter(~superseded(), local_user__in=local_ids)
    for local_id, *facts in rows.order_by().values_list("local_user_id", "pk", *new, *old):
        found[local_id].append(PasswordFacts(*facts))
    return found


_PAIRS: Final = ("created", "expires")


def _options(user_ids: Collection[str]) -> Mapping[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = defaultdict(dict)
    rows = UserOption.objects.filter(user__in=user_ids).order_by()
    for user_id, option, value in rows.values_list("user_id", "option_id", "option_value"):
        found[user_id][option] = value
    return found


def _federated_names(user_ids: Iterable[str]) -> dict[str, str]:
    """User id → the first name that a federated user has."""
    ids = list(user_ids)
    if not ids:
        return {}
    rows = FederatedUser.objects.filter(user__in=ids).exclude(display_name=None)
    names: dict[str, str] = {}
    for user_id, name in rows.order_by("pk").values_list("user_id", "display_name"):
        if name:
            names.setdefault(user_id, name)
    return names
