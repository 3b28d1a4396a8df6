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
    "disabled, or inactive; this page doesn't say which. Ask another administrator to check and "
    "unlock it in pciops. If there is none, run pciops unlock on the pciops host. A wrong "
    "password counts as a failed attempt."
)
REFUSED_CODE: Final = (
    "Keystone refused this code. Enter the next code that your device shows. If that fails too, "
    "check the clock of your device. The code does not count as a failed attempt."
)
USED_CODE: Final = (
    "This code was used before. Wait for the next code on your device: each code works once."
)
ENDED_CODES: Final = "Too many wrong codes. Start over with your password and the next code."
BUSY: Final = (
    "Too many sign-ins at once. pciops did not check your password, and it does not count as a "
    "failed attempt. Try again in a few seconds."
)
REFUSED_CURRENT: Final = (
    "The password was not changed. Keystone refused the current one: it is wrong, or the account "
    "is now locked or disabled. A wrong password counts as a failed attempt."
)
SCOPED: Final = (
    "The token's own scope carries no role that pciops accepts. Keystone does not exchange a "
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
            f"Keystone does not answer: {error}. pciops doesn't know whether the password was "
            "changed. When Keystone answers, try to sign in with the new password first."
        )
    return (
        f"Keystone does not answer: {error}. Your password was not checked and counts as no "
        "failed attempt. Try again later; pciops unlock works without Keystone."
    )


def missing(error: Exception, name: str, domain: str) -> str:
    """Return what is missing although the password was right."""
    if isinstance(error, client.PasswordRefusedError):
        return f"The password was not changed. Keystone refused the new one: {error}."
    if isinstance(error, client.PasswordExpiredError):
        return (
            f"The password of {name} ({domain}) has expired, but Keystone did not report the "
            "account's ID. Change it in the OpenStack dashboard, then sign in here."
        )
    if isinstance(error, client.SecondFactorError):
        ways = [" and ".join(sorted(methods)) for methods in error.missing if methods]
        wanted = ", or ".join(ways) or "another method than a password"
        return (
            f"The password is right, but Keystone also requires {wanted} for {name} ({domain}). "
            "pciops supports only TOTP codes. Use the API with a token, or ask an administrator "
            "to change the account's rules (multi_factor_auth_rules)."
        )
    if isinstance(error, ScopedTokenError):
        return f"The password is right. {SCOPED}"
    *roles, least = keystone_roles()
    names = (
        f"none of the roles {', '.join(roles)} and {least}" if roles else f"not the role {least}"
    )
    return (
        f"The password is right, but {name} ({domain}) is not an operator: it has {names} on the "
        "system or on its domain. An administrator can grant the lowest role, on its domain: "
        f"openstack role add --user {quote(name)} --user-domain {quote(domain)} --domain "
        f"{quote(domain)} {quote(least)}"
    )
