"""The state of `multi_factor_auth_rules`: UserMFARulesValidator in keystone.auth.core."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BinaryField, Exists, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Coalesce, Length, Substr
from django.db.models.sql.compiler import SQLCompiler

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.second_factor import is_not_enrolled, rules_need_totp
from pciops.accounts.states.remedies import Remedy, openstack
from pciops.accounts.states.state import NOTHING, Ids, State
from pciops.keystone import options
from pciops.keystone.models import Credential, LocalUser, UserOption

SHORT: Final = 200  # characters of an option's text
_TEXT: Final = Coalesce("option_value", Value(""), output_field=TextField())


class _Bytes(Func):
    """The text of a column as bytes: MariaDB compares text without regard to case."""

    output_field = BinaryField()
    template = "CAST(%(expressions)s AS BINARY)"

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        return super().as_sql(
            compiler, connection, template="CAST(%(expressions)s AS BLOB)", **context
        )


class SecondFactorNotEnrolled(State):
    """Every rule for people wants a TOTP code, and the account has no TOTP credential."""

    name = "second_factor_not_enrolled"
    label = "Second factor not enrolled"
    title = "Accounts whose second factor is not enrolled"
    explanation = "Its sign-in rules require a TOTP code, but it has no TOTP credential."
    blocks_signin = True
    tone = "bad"
    of_options = True

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return is_not_enrolled(account, policy)

    def condition(self, policy: Policy, now: datetime) -> Q:
        """Return the condition; reads which rules there are, of which few are different."""
        rules = _rows(policy)
        if rules is None:
            return NOTHING
        enrolled = Q(user_id__in=_enrolled().values("user_id"))
        return Q(user_id__in=rules.values("user_id")) & ~enrolled

    def candidates(self, policy: Policy, now: datetime) -> Ids:
        rules = _rows(policy)
        if rules is None:
            return LocalUser.objects.none().values_list("pk", flat=True)
        rules = rules.exclude(user_id__in=_enrolled().values("user_id"))
        return rules.values_list("user__local_user__pk", flat=True)

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        return "a TOTP code is required, but no TOTP credential is enrolled"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(
            sentence="An administrator creates a TOTP credential and gives the secret to the "
            "owner:",
            command=openstack(
                "credential", "create", "--type", "totp", account.id, "<secret in base32>"
            ),
        )


def _enrolled() -> QuerySet[Credential]:
    return Credential.objects.filter(type=Credential.TOTP)


def _rows(policy: Policy) -> QuerySet[UserOption] | None:
    """Return the rules that admit people only with a TOTP code, and are on; None without any."""
    wanting, off = [], []
    for option_id, text in _different_texts():
        value = _decoded(text)
        if option_id == options.MFA_ENABLED:
            if not value:
                off.append(text)
        elif rules_need_totp(value, policy):
            wanting.append(text)
    if not wanting:
        return None
    rows = UserOption.objects.annotate(text=_Bytes(_TEXT))
    rules = rows.filter(option_id=options.MFA_RULES, text__in=wanting)
    if off:
        switched_off = rows.filter(
            user_id=OuterRef("user_id"), option_id=options.MFA_ENABLED, text__in=off
        )
        rules = rules.filter(~Exists(switched_off))
    return rules


def _different_texts() -> Iterator[tuple[str, bytes]]:
    """Yield id and text of the options for second factors, each text once.

    Long texts are rare, and read apart: MariaDB compares values of unlimited length on disk, which
    takes ten times as long.
    """
    both = UserOption.objects.filter(option_id__in=(options.MFA_RULES, options.MFA_ENABLED))
    both = both.annotate(length=Length(_TEXT))
    short = both.filter(length__lt=SHORT).annotate(text=_Bytes(Substr(_TEXT, 1, SHORT)))
    long = both.filter(length__gte=SHORT).annotate(text=_Bytes(_TEXT))
    for rows in (short, long):
        for option_id, text in rows.values_list("option_id", "text").distinct():
            yield option_id, bytes(text)


def _decoded(text: bytes) -> object:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
