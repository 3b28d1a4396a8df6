"""Who runs a command: the operating-system user, or whom OS_* sign in; and the accounts they name.

With credentials the same is asked as at the pages: a role, in a scope, and again before each act.
Without, whoever has the host acts on everything that needs no token: the way in on the worst day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.audit import refusals
from pciops.audit.models import Event
from pciops.audit.services import Initiator, operating_system_user
from pciops.keystone import client, clouds
from pciops.keystone.client import Token
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib.env import SettingError
from pciops.signin.rights import BoundTokenError, NoRoleError, Rights, keystone_roles, strongest

AROUND: Final = "--without-keystone"


class NotSignedInError(Exception):
    """Credentials that do not do; the text says why, without any of them."""


@dataclass(frozen=True, kw_only=True)
class Doer:
    """Who acts, and what they may; without rights it is whoever has the host."""

    initiator: Initiator
    rights: Rights | None = None
    token: Token | None = field(default=None, repr=False)

    @property
    def scope(self) -> str | None:
        """The id of the one domain whose accounts exist for them; None: of all."""
        return self.rights.domain_id if self.rights else None

    def require(self, act: str, command: str) -> None:
        """Nothing, where they may do this; else a row in the trail.

        Raises:
            CommandError
        """
        if self.rights is None or self.rights.may(act):
            return
        sentence = self.rights.refusal(act)
        resource = f"manage.py {command}"
        refusals.record_refusal(
            initiator=self.initiator, resource=resource, remark=sentence, now=timezone.now()
        )
        raise CommandError(sentence)

    def confirm(self) -> None:
        """Ask Keystone before an act whether the token still carries what it did.

        Raises:
            CommandError
        """
        if self.token is None or self.rights is None:
            return
        try:
            now = Rights.of(client.validate(self.token.id))
        except client.RefusedError:
            now = None
        except client.UnreachableError as error:
            raise CommandError(
                f"Keystone does not answer, so your rights cannot be confirmed: {error}. This and "
                "what comes after it was not tried."
            ) from None
        if now is None or not now.covers(self.rights):
            raise CommandError(
                "Keystone no longer accepts the token, or it has lost its role. This and what "
                "comes after it was not tried."
            )


def add_arguments(parser: CommandParser) -> None:
    """What all commands take that act on accounts."""
    parser.add_argument("accounts", metavar="NAME_OR_ID", nargs="+")
    parser.add_argument("--domain", default="", help="name or id of the accounts' domain")
    parser.add_argument("--reason", required=True, help="why, for whoever reads the trail")
    parser.add_argument(
        "--identity",
        choices=Event.Identity.values,
        default=Event.Identity.HOST,
        help="how the person's identity was confirmed (PCI DSS 8.3.4); default: %(default)s",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument(
        AROUND,
        action="store_true",
        help="act as the operating-system user, whatever OS_CLOUD and OS_* say",
    )


def doer(*, without_keystone: bool) -> Doer:
    """Who runs this command.

    Raises:
        CommandError: there are credentials, and they do not do.
    """
    user = operating_system_user()
    if without_keystone or not clouds.given():
        return Doer(initiator=user)
    try:
        token, rights = sign_in()
    except SettingError as error:
        raise CommandError(str(error), returncode=2) from None
    except NotSignedInError as error:
        raise CommandError(
            f"{error} Nothing was changed. {AROUND} acts as {user.name} of this host instead, "
            "where an act needs no token."
        ) from None
    initiator = replace(
        user,
        type=Event.InitiatorType.KEYSTONE,
        id=token.user_id,
        name=token.user_name,
        domain_id=token.user_domain_id,
        domain_name=token.user_domain_name,
        agent=f"operating-system user {user.name}",
    )
    return Doer(initiator=initiator, rights=rights, token=token)


def sign_in() -> tuple[Token, Rights]:
    """Sign in once with what OS_CLOUD or OS_* say, for the widest scope with a role.

    Raises:
        SettingError
        NotSignedInError
    """
    session = clouds.session_from_environment()
    try:
        return strongest(client.sign_in(session))
    except (client.KeystoneError, NoRoleError) as error:
        raise NotSignedInError(_why(error)) from None


def _why(error: Exception) -> str:
    named = clouds.given()
    match error:
        case client.PasswordExpiredError():
            return f"The password that {named} stands for has expired: change it first."
        case client.SecondFactorError():
            return (
                f"Keystone wants a second factor of whom {named} names, which a command does not "
                "ask for: use a token (OS_AUTH_TYPE=v3token, OS_TOKEN)."
            )
        case client.OtherCloudError():
            return (
                f"{named} signs in at another Keystone than that of pciops, {settings.OS_AUTH_URL}."
            )
        case client.UnreachableError():
            return f"Keystone does not answer: {error}."
        case BoundTokenError():
            return (
                f"{named} is an application credential, bound to a project without rights here: "
                "use a password, with OS_SYSTEM_SCOPE=all."
            )
        case NoRoleError():
            roles = " or ".join(keystone_roles())
            return f"{named} signs in, without a role here: that takes {roles}."
    return (
        f"Keystone refused what {named} names: name, password or scope is wrong, or the account is "
        "locked, disabled or inactive. A wrong password counts towards its lock."
    )


def find_all(texts: Sequence[str], domain: str, *, scope: str | None) -> list[Account]:
    """The accounts of these ids or names, each once; all are looked up before anything is done.

    Raises:
        CommandError: one of them is none or several; or the database does not answer.
    """
    try:
        found = [_find(text, domain, scope) for text in texts]
    except KeystoneDatabaseDownError as error:
        raise CommandError(f"Keystone's database does not answer: {error}") from None
    return list({account.id: account for account in found}.values())


def _find(text: str, domain: str, scope: str | None) -> Account:
    """The one account of this id, or of this name."""
    found = [account] if (account := selectors.get(text, scope=scope)) else []
    if domain:
        found = [account for account in found if domain in {account.domain_id, account.domain_name}]
    found = found or [
        account
        for account in selectors.get_by_name(text, domain=domain)
        if scope in (None, account.domain_id)
    ]
    if not found:
        where = f" in the domain {domain!r}" if domain else ""
        raise CommandError(f"There is no account {text!r}{where}.")
    if len(found) > 1:
        domains = ", ".join(account.domain_name for account in found)
        problem = f"--domain: {text!r} exists in {domains}; say which"
        raise CommandError(problem, returncode=2)
    return found[0]
