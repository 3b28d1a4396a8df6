"""Commands that act on accounts: their operator, their inputs, and the accounts they name.

With credentials in OS_CLOUD or OS_*, the operator needs the same rights as on the pages, and
Keystone confirms them before each act. Without, the operating-system user may do all acts that need
no token, so that an unlock is possible while Keystone is down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions.act import Act, ActRequest
from pciops.actions.authority import HOST, Authority
from pciops.actions.inputs import InputError, checked_inputs
from pciops.audit import refusals
from pciops.audit.models import Event
from pciops.audit.services import Initiator, operating_system_user
from pciops.keystone import client, clouds
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.token import Token
from pciops.lib.env import SettingError
from pciops.signin import audit
from pciops.signin.rights import (
    BoundTokenError,
    NoRoleError,
    Rights,
    ScopedTokenError,
    keystone_roles,
    strongest,
)
from pciops.signin.sentences import SCOPED

WITHOUT_KEYSTONE: Final = "--without-keystone"


class NotSignedInError(Exception):
    """Credentials that do not sign an operator in; the text says why, without any of them."""


@dataclass(frozen=True, kw_only=True)
class CommandOperator:
    """The operator who runs a command; without rights, a user of the host."""

    initiator: Initiator
    rights: Rights | None = None
    token: Token | None = field(default=None, repr=False)

    @property
    def scope(self) -> str | None:
        """Return the id of the one domain whose accounts exist for them; None: of all."""
        return self.rights.domain_id if self.rights else None

    @property
    def authority(self) -> Authority:
        """Return their authority over accounts."""
        return self.rights.authority(self.initiator.id) if self.rights else HOST

    def require(self, act: Act, command: str) -> None:
        """Check that they may do the act, or write a refusal and raise CommandError."""
        if self.rights is None or self.rights.may(act.needs):
            return
        sentence = self.rights.refusal(act.needs)
        resource = f"manage.py {command}"
        refusals.record_refusal(
            initiator=self.initiator, resource=resource, remark=sentence, now=timezone.now()
        )
        raise CommandError(sentence)

    def request(self, act: Act, verdict: SigninVerdict, inputs: Mapping[str, Any]) -> ActRequest:
        """Return their request for an act on the account as it is."""
        return ActRequest(
            initiator=self.initiator,
            authority=self.authority,
            precondition=act.precondition(verdict),
            token_id=self.token.id if self.token else "",
            **inputs,
        )

    def requests(
        self, act: Act, verdicts: Sequence[SigninVerdict], inputs: Mapping[str, Any]
    ) -> Iterator[tuple[SigninVerdict, ActRequest]]:
        """Yield a request for each account after a check of rights, or raise CommandError."""
        for verdict in verdicts:
            self._confirm()
            yield verdict, self.request(act, verdict, inputs)

    def _confirm(self) -> None:
        """Ask Keystone whether the token still carries the rights, or raise CommandError."""
        if self.token is None or self.rights is None:
            return
        try:
            now = Rights.of(client.validate(self.token.id))
        except client.RefusedError:
            now = None
        except client.UnreachableError as error:
            raise CommandError(
                f"Keystone does not answer, so pciops can't confirm your rights: {error}. This "
                "account and the following ones were not attempted."
            ) from None
        if now is None or not now.covers(self.rights):
            raise CommandError(
                "Keystone no longer accepts the token, or it has lost its role. This account and "
                "the following ones were not attempted."
            )


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of all commands that act on accounts."""
    parser.add_argument("accounts", metavar="NAME_OR_ID", nargs="+")
    parser.add_argument("--domain", default="", help="name or ID of the accounts' domain")
    parser.add_argument("--reason", required=True, help="the reason, for the audit log")
    parser.add_argument(
        "--identity",
        choices=Event.Identity.values,
        default=Event.Identity.HOST,
        help="how the user's identity was confirmed (PCI DSS 8.3.4); default: %(default)s",
    )
    parser.add_argument(
        "--beyond-limit",
        action="store_true",
        help="unlock beyond the limit of unlocks in an hour; an alert is sent",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        WITHOUT_KEYSTONE,
        action="store_true",
        help="act as the operating-system user, even if OS_CLOUD or OS_* is set",
    )


def inputs_of(act: Act, options: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the inputs that the act asks for, as fields of an ActRequest.

    Raises:
        CommandError: wrong usage, with the name of the option.
    """
    try:
        return checked_inputs(act, options, now, on_host=True)
    except InputError as error:
        flag = error.field.replace("_", "-")
        raise CommandError(f"--{flag}: {error}", returncode=2) from None


def operator(*, without_keystone: bool) -> CommandOperator:
    """Return the operator who runs this command.

    Raises:
        CommandError: there are credentials, and they sign no operator in.
    """
    user = operating_system_user()
    if without_keystone or not clouds.credential_variable():
        return CommandOperator(initiator=user)
    try:
        token, rights = sign_in()
    except SettingError as error:
        raise CommandError(str(error), returncode=2) from None
    except NotSignedInError as error:
        raise CommandError(
            f"{error} Nothing was changed. {WITHOUT_KEYSTONE} acts as {user.name} of this host, "
            "if the action needs no token."
        ) from None
    initiator = replace(
        user,
        type=Event.InitiatorType.KEYSTONE,
        id=token.user_id,
        name=token.user_name,
        domain_id=token.user_domain_id,
        domain_name=token.user_domain_name,
        agent=f"operating-system user {user.name}",
        scope=audit.acting_scope(rights),
    )
    return CommandOperator(initiator=initiator, rights=rights, token=token)


def sign_in() -> tuple[Token, Rights]:
    """Sign in for the widest scope with a role, or raise SettingError or NotSignedInError."""
    session = clouds.session_from_environment()
    try:
        return strongest(client.sign_in(session))
    except (client.KeystoneError, NoRoleError) as error:
        raise NotSignedInError(_why_not(error)) from None


def _why_not(error: Exception) -> str:
    named = clouds.credential_variable()
    match error:
        case client.PasswordExpiredError():
            return f"The password of {named} has expired. Change it first."
        case client.SecondFactorError():
            return (
                f"Keystone requires a second factor for {named}, which commands can't ask for. "
                "Use a token (OS_AUTH_TYPE=v3token, OS_TOKEN)."
            )
        case client.OtherCloudError():
            return (
                f"{named} signs in at another Keystone than {settings.OS_AUTH_URL}, the one of "
                "pciops."
            )
        case client.UnreachableError():
            return f"Keystone does not answer: {error}."
        case BoundTokenError():
            return (
                f"{named} is an application credential, bound to a project without rights here. "
                "Use a password, with OS_SYSTEM_SCOPE=all."
            )
        case ScopedTokenError():
            return f"{named} signs in. {SCOPED}"
        case NoRoleError():
            roles = " or ".join(keystone_roles())
            return f"{named} signs in, but has no role here. It needs {roles}."
    return (
        f"Keystone refused {named}. The name, password, or scope is wrong, or the account is "
        "locked, disabled, or inactive. A wrong password counts as a failed attempt."
    )


def find_all(
    options: Mapping[str, Any], *, scope: str | None, policy: Policy, now: datetime
) -> list[SigninVerdict]:
    """Return the accounts that the command names, each once; no act begins before all are found.

    Raises:
        CommandError: a name is of no account or of several; or the database does not answer.
    """
    try:
        accounts = [_find(text, options["domain"], scope) for text in options["accounts"]]
    except KeystoneDatabaseDownError as error:
        raise CommandError(f"Keystone's database does not answer: {error}") from None
    unique = {account.id: account for account in accounts}
    return [judge(account, policy, now) for account in unique.values()]


def _find(text: str, domain: str, scope: str | None) -> Account:
    """Return the one account of this id, or of this name."""
    by_id = selectors.get(text, scope=scope)
    if by_id and domain in {"", by_id.domain_id, by_id.domain_name}:
        return by_id
    accounts = [
        account
        for account in selectors.get_by_name(text, domain=domain)
        if scope in (None, account.domain_id)
    ]
    if not accounts:
        where = f" in the domain {domain!r}" if domain else ""
        raise CommandError(f"There is no account {text!r}{where}.")
    if len(accounts) > 1:
        domains = ", ".join(account.domain_name for account in accounts)
        problem = f"--domain: {text!r} exists in {domains}; set one of them"
        raise CommandError(problem, returncode=2)
    return accounts[0]
