"""Rights of a Keystone token in pciops: a role of ours, in one scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from django.conf import settings

from pciops.actions.authority import Authority
from pciops.keystone import client
from pciops.keystone.token import Token

Permission = Literal["see", "unlock", "administer", "sign_off"]


SIGN_OFF: Final = "sign_off"  # of management, whatever the role


class NoRoleError(Exception):
    """A person whom Keystone knows, and who is not an operator."""


class BoundTokenError(NoRoleError):
    """A token of an application credential, on a project that gives no rights here.

    Keystone does not exchange it for another token, whatever roles its owner has elsewhere.
    """


class ScopedTokenError(NoRoleError):
    """A token of a scope that gives no rights here, and that Keystone does not exchange."""


class Role(StrEnum):
    """The role of an operator, from roles of Keystone by the settings. The weakest first."""

    AUDITOR = "auditor"
    HELPDESK = "help desk"
    ADMINISTRATOR = "administrator"

    @property
    def permissions(self) -> frozenset[Permission]:
        """Return its permissions, which include those of each weaker role."""
        return PERMISSIONS[self]


PERMISSIONS: Final[dict[Role, frozenset[Permission]]] = {
    Role.AUDITOR: frozenset({"see"}),
    Role.HELPDESK: frozenset({"see", "unlock"}),
    Role.ADMINISTRATOR: frozenset({"see", "unlock", "administer"}),
}
DESCRIPTIONS: Final = {
    Role.AUDITOR: "An auditor sees {} and changes nothing.",
    Role.HELPDESK: "The help desk unlocks accounts in {} and changes nothing else.",
    Role.ADMINISTRATOR: "An administrator has full access to {}.",
}


def keystone_roles(permission: str = "see") -> list[str]:
    """Return the roles of Keystone that give this permission, the strongest first."""
    if permission == SIGN_OFF:
        return list(settings.MANAGEMENT_ROLES)
    names = {
        Role.ADMINISTRATOR: settings.ADMIN_ROLES,
        Role.HELPDESK: settings.HELPDESK_ROLES,
        Role.AUDITOR: settings.READER_ROLES,
    }
    roles = [role for role in names if permission in role.permissions]
    return list(dict.fromkeys(name for role in roles for name in names[role]))


@dataclass(frozen=True, kw_only=True)
class Rights:
    """A role, and its scope: one domain, or the whole cloud (None)."""

    role: Role
    domain_id: str | None
    domain_name: str | None
    management: bool = False  # may sign reports off

    @classmethod
    def of(cls, token: Token) -> Rights | None:
        """Return the rights that this token itself carries, or None."""
        role = _role(token)
        if role is None:
            return None
        management = bool(token.roles & set(settings.MANAGEMENT_ROLES))
        project = (token.project_name, token.project_domain_name)
        admin_project = (settings.ADMIN_PROJECT_NAME, settings.ADMIN_PROJECT_DOMAIN_NAME)
        if token.system or (project[0] and project == admin_project):
            return cls(role=role, domain_id=None, domain_name=None, management=management)
        if token.domain_id:
            return cls(
                role=role,
                domain_id=token.domain_id,
                domain_name=token.domain_name,
                management=management,
            )
        return None

    @property
    def description(self) -> str:
        """A sentence about the role in its scope."""
        where = self.domain_name if self.domain_id else "the entire cloud"
        return DESCRIPTIONS[self.role].format(where)

    def may(self, permission: str) -> bool:
        """Return whether the operator has the permission, within the scope.

        Raises:
            ValueError: there is no such permission.
        """
        if permission == SIGN_OFF:
            return self.management
        if permission not in Role.ADMINISTRATOR.permissions:
            raise ValueError(f"there is no permission {permission!r}")
        return permission in self.role.permissions

    def authority(self, user_id: str) -> Authority:
        """Return what a user with these rights may act on."""
        return Authority(
            user_id=user_id, administers=self.may("administer"), domain_id=self.domain_id
        )

    def covers(self, other: Rights) -> bool:
        """Return whether the other rights add nothing to these."""
        wider = self.domain_id in (None, other.domain_id)
        stronger = self.role.permissions >= other.role.permissions
        return wider and stronger and self.management >= other.management

    def refusal(self, permission: str) -> str:
        """Return why a permission is missing, and the roles that have it."""
        where = f"on the domain {self.domain_name}" if self.domain_id else "on the system"
        names = " or ".join(keystone_roles(permission))
        return f"{self.description} This takes the role {names} {where}. Nothing was changed."


def strongest(token: Token) -> tuple[Token, Rights]:
    """Return a token of the same person that carries rights, with the rights.

    A token that carries rights itself is returned as it is: the caller chose its scope. Otherwise
    it is the first of `choices`.

    Raises:
        BoundTokenError, ScopedTokenError
        NoRoleError
        client.UnreachableError
    """
    if rights := Rights.of(token):
        return token, rights
    if token.application_credential:
        raise BoundTokenError
    if scopes := choices(token):
        return scopes[0]
    raise NoRoleError


def choices(token: Token) -> list[tuple[Token, Rights]]:
    """Return the scopes in which this person is an operator, the widest first, with their tokens.

    An operator acts in one scope at a time. A scope that adds nothing to another is left out: an
    administrator of the whole cloud is one in every domain.

    Raises:
        ScopedTokenError
        client.UnreachableError
    """
    kept: list[tuple[Token, Rights]] = []
    for scoped, rights in _held(token):
        if any(other.covers(rights) for _, other in kept):
            continue
        kept = [(other_token, other) for other_token, other in kept if not rights.covers(other)]
        kept.append((scoped, rights))
    return kept


def _held(token: Token) -> Iterator[tuple[Token, Rights]]:
    """Rescope the token to each scope; Keystone counts a refusal of that as no failure."""
    exchanged, found = True, False
    for scope in _scopes(token):
        try:
            scoped = client.rescope(token, scope)
        except client.NotExchangedError:
            exchanged = False
            continue
        except (client.RefusedError, client.SecondFactorError):
            continue  # SecondFactorError: rules that were made after the token
        if rights := Rights.of(scoped):
            found = True
            yield scoped, rights
            if rights.domain_id is None and rights.role is Role.ADMINISTRATOR:
                return  # nothing can add to this
    if not exchanged and not found:
        raise ScopedTokenError


def _role(token: Token) -> Role | None:
    """Return the strongest role that the token's roles give; Keystone lists implied ones too."""
    if token.roles & set(settings.ADMIN_ROLES):
        return Role.ADMINISTRATOR
    if token.roles & set(settings.HELPDESK_ROLES):
        return Role.HELPDESK
    return Role.AUDITOR if token.roles & set(settings.READER_ROLES) else None


def _scopes(token: Token) -> list[dict[str, str]]:
    scopes = [{"system_scope": "all"}, {"domain_id": token.user_domain_id}]
    if settings.ADMIN_PROJECT_NAME:
        project = {
            "project_name": settings.ADMIN_PROJECT_NAME,
            "project_domain_name": settings.ADMIN_PROJECT_DOMAIN_NAME,
        }
        scopes.insert(1, project)
    return scopes
