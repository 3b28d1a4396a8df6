"""The sentences of the sign-in pages, and the remarks of the audit log."""

from __future__ import annotations

from shlex import quote
from typing import Final

from pciops.keystone import client
from pciops.signin.rights import NoRoleError, ScopedTokenError, keystone_roles

# One sentence for all refusals of the first page: whether a name exists, or is locked, is not for
# a visitor who does not know its password, and Keystone checks none on a locked account.
REFUSED: Final = (
    "Keystone refused this name and password. One of them is wrong, or the account is locked, "
    "disabled or inactive: nobody is told here which. Another administrator sees it in pciops, and "
    "unlocks it; where there is none: pciops unlock on the pciops host. A wrong password "
    "counts towards Keystone's lock of the account."
)
REFUSED_CODE: Final = (
    "Keystone refused this code. Take the next one that your device shows; where that is refused "
    "too, look at its clock. The code does not count towards Keystone's lock."
)
USED_CODE: Final = (
    "This code was used before. Wait for the next one on your device: each code signs in once."
)
ENDED_CODES: Final = (
    "Too many codes were wrong, and the sign-in has ended. Sign in again with the next code."
)
BUSY: Final = (
    "Too many sign-ins at once. Your password was not checked, and nothing was counted. Try again "
    "in a few seconds."
)
REFUSED_CURRENT: Final = (
    "The password is not changed. Keystone refused the current one: it is wrong, or the account "
    "has been locked or disabled since. A wrong one counts towards Keystone's lock of the account."
)
SCOPED: Final = (
    "The token's own scope carries no role that pciops accepts, and Keystone does not exchange a "
    "token of one scope for another (allow_rescope_scoped_token in keystone.conf). Send an "
    "unscoped token, or one of the scope that carries the role (OS_SYSTEM_SCOPE=all or "
    "OS_DOMAIN_ID)."
)

# For the audit log: what was missing although the password was right.
_REMARKS: Final[dict[type[Exception], str]] = {
    client.PasswordExpiredError: "the password has expired",
    client.PasswordRefusedError: "Keystone refused the new password",
    client.SecondFactorError: "a second factor is needed",
    ScopedTokenError: "Keystone does not exchange the token",
    NoRoleError: "no role of an operator",
}


def remark(error: Exception) -> str:
    """Return what was missing although the password was right, for the audit log."""
    return _REMARKS.get(type(error), "refused by Keystone")


def unreachable(error: client.UnreachableError, *, changing: bool) -> str:
    """Return what is known of an attempt when Keystone does not answer.

    Args:
        changing: it was an attempt to change the password.
    """
    if changing:
        return (
            f"Keystone does not answer: {error}. Whether the password is changed is not known. "
            "When it is back, try to sign in with the new one first."
        )
    return (
        f"Keystone does not answer: {error}. Nothing was checked, and nothing was counted. "
        "Try again when it is back; pciops unlock works without it."
    )


def missing(error: Exception, name: str, domain: str) -> str:
    """Return what is missing although the password was right."""
    if isinstance(error, client.PasswordRefusedError):
        return f"The password is not changed. Keystone refused the new one: {error}."
    if isinstance(error, client.PasswordExpiredError):
        return (
            f"The password of {name} ({domain}) has expired, and Keystone does not say whose id "
            "it is. Change it in the OpenStack dashboard, then sign in here."
        )
    if isinstance(error, client.SecondFactorError):
        ways = [" and ".join(sorted(methods)) for methods in error.missing if methods]
        wanted = ", or ".join(ways) or "another method than a password"
        return (
            f"The password is right, but Keystone wants more of {name} ({domain}): "
            f"{wanted}. pciops can ask for a TOTP code alone. Use the API with a "
            "token, or have the rules of the account changed (multi_factor_auth_rules)."
        )
    if isinstance(error, ScopedTokenError):
        return f"The password is right. {SCOPED}"
    *roles, least = keystone_roles()
    names = (
        f"none of the roles {', '.join(roles)} and {least}" if roles else f"not the role {least}"
    )
    return (
        f"The password is right, but {name} ({domain}) is not an operator: it has {names} "
        f"on the system or on its domain. An administrator can give it the least of them, on its "
        f"domain: openstack role add --user {quote(name)} --user-domain {quote(domain)} "
        f"--domain {quote(domain)} {quote(least)}"
    )
