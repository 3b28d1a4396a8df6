"""What a token of Keystone lets its holder do here: a role of ours, in one scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from django.conf import settings

from pciops.keystone import client
from pciops.keystone.client import Token

Act = Literal["see", "unlock", "administer", "sign_off"]


class NoRoleError(Exception):
    """The person is known to Keystone and is no operator."""


class BoundTokenError(NoRoleError):
    """The token of an application credential, on a project that gives no rights here.

    Keystone lets nobody turn it into another token, whatever roles its owner has elsewhere.
    """


class Role(StrEnum):
    """What an operator is; settings say which roles of Keystone make one. The weakest first."""

    AUDITOR = "auditor"
    HELPDESK = "help desk"
    ADMINISTRATOR = "administrator"

    @property
    def acts(self) -> frozenset[Act]:
        """What it lets its holder do; each role may all that a weaker one may."""
        return ACTS[self]

    @property
    def says(self) -> str:
        """The role in a sentence."""
        return SENTENCES[self]


ACTS: Final[dict[Role, frozenset[Act]]] = {
    Role.AUDITOR: frozenset({"see", "sign_off"}),
    Role.HELPDESK: frozenset({"see", "sign_off", "unlock"}),
    Role.ADMINISTRATOR: frozenset({"see", "sign_off", "unlock", "administer"}),
}
SENTENCES: Final = {
    Role.AUDITOR: "An auditor sees everything, signs reports off, and changes nothing else.",
    Role.HELPDESK: "The help desk unlocks accounts, signs reports off, and changes nothing else.",
    Role.ADMINISTRATOR: "An administrator may do everything.",
}


def keystone_roles(act: str = "see") -> list[str]:
    """The roles of Keystone that let their holder do this, the strongest first."""
    names = {
        Role.ADMINISTRATOR: settings.ADMIN_ROLES,
        Role.HELPDESK: settings.HELPDESK_ROLES,
        Role.AUDITOR: settings.READER_ROLES,
    }
    return list(dict.fromkeys(name for role in names if act in role.acts for name in names[role]))


@dataclass(frozen=True, kw_only=True)
class Rights:
    """A role, and where it counts: in one domain, or in the whole cloud (None)."""

    role: Role
    domain_id: str | None
    domain_name: str | None

    @classmethod
    def of(cls, token: Token) -> Rights | None:
        """The rights that this very token carries; None where it carries none."""
        role = _role(token)
        if role is None:
            return None
        project = (token.project_name, token.project_domain_name)
        admin_project = (settings.ADMIN_PROJECT_NAME, settings.ADMIN_PROJECT_DOMAIN_NAME)
        if token.system or (project[0] and project == admin_project):
            return cls(role=role, domain_id=None, domain_name=None)
        if token.domain_id:
            return cls(role=role, domain_id=token.domain_id, domain_name=token.domain_name)
        return None

    def may(self, act: str) -> bool:
        """Whether the role lets its holder do this, within the scope.

        Raises:
            ValueError: there is no such act.
        """
        if act not in Role.ADMINISTRATOR.acts:
            raise ValueError(f"{act!r} is no act that a role could allow")
        return act in self.role.acts

    def covers(self, other: Rights) -> bool:
        """Whether the other rights add nothing to these."""
        return self.domain_id in (None, other.domain_id) and self.role.acts >= other.role.acts

    def refusal(self, act: str) -> str:
        """Why this cannot be done, and what it takes."""
        where = f"on the domain {self.domain_name}" if self.domain_id else "on the system"
        names = " or ".join(keystone_roles(act))
        return f"{self.role.says} This takes the role {names} {where}. Nothing was changed."


def strongest(token: Token) -> tuple[Token, Rights]:
    """A token of the same person that carries rights.

    A token that carries rights as it is stays as it is: its scope is what the caller chose.
    Otherwise it is the first of `choices`.

    Raises:
        BoundTokenError
        NoRoleError
        client.UnreachableError
    """
    if rights := Rights.of(token):
        return token, rights
    if token.application_credential:
        raise BoundTokenError
    if found := choices(token):
        return found[0]
    raise NoRoleError


def choices(token: Token) -> list[tuple[Token, Rights]]:
    """The scopes in which this person is an operator, the widest first, each with its token.

    One acts in one scope at a time. A scope that adds nothing to another is no choice: who is an
    administrator of the whole cloud is that in every domain.

    Raises:
        client.UnreachableError
    """
    found: list[tuple[Token, Rights]] = []
    for scoped, rights in _held(token):
        if any(other.covers(rights) for _, other in found):
            continue
        found = [it for it in found if not rights.covers(it[1])]
        found.append((scoped, rights))
    return found


def _held(token: Token) -> Iterator[tuple[Token, Rights]]:
    """Each scope is asked for with the token, so a refusal counts as no failure in Keystone."""
    for scope in _scopes(token):
        try:
            scoped = client.rescope(token, scope)
        except (client.RefusedError, client.SecondFactorError):
            continue  # the latter: rules that were made after the token
        if rights := Rights.of(scoped):
            yield scoped, rights
            if rights.domain_id is None and rights.role is Role.ADMINISTRATOR:
                return  # nothing can add to this


def _role(token: Token) -> Role | None:
    """The strongest role of ours that the token's roles make; Keystone lists implied ones too."""
    if token.roles & set(settings.ADMIN_ROLES):
        return Role.ADMINISTRATOR
    if token.roles & set(settings.HELPDESK_ROLES):
        return Role.HELPDESK
    return Role.AUDITOR if token.roles & set(settings.READER_ROLES) else None


def _scopes(token: Token) -> list[dict[str, str]]:
    """System, admin project, own domain."""
    scopes = [{"system_scope": "all"}, {"domain_id": token.user_domain_id}]
    if settings.ADMIN_PROJECT_NAME:
        project = {
            "project_name": settings.ADMIN_PROJECT_NAME,
            "project_domain_name": settings.ADMIN_PROJECT_DOMAIN_NAME,
        }
        scopes.insert(1, project)
    return scopes
