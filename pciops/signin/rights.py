"""What a token of Keystone lets its holder do here."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from pciops.keystone import client
from pciops.keystone.client import Token


class NoRoleError(Exception):
    """The person is known to Keystone and is no operator."""


class BoundTokenError(NoRoleError):
    """The token of an application credential, on a project that gives no rights here.

    Keystone lets nobody turn it into another token, whatever roles its owner has elsewhere.
    """


@dataclass(frozen=True, kw_only=True)
class Rights:
    """The scope in which a person is an operator: one domain, or the whole cloud (None)."""

    domain_id: str | None
    domain_name: str | None

    @classmethod
    def of(cls, token: Token) -> Rights | None:
        """The rights that this very token carries; None where it carries none."""
        if not token.roles & set(settings.ADMIN_ROLES):
            return None
        project = (token.project_name, token.project_domain_name)
        admin_project = (settings.ADMIN_PROJECT_NAME, settings.ADMIN_PROJECT_DOMAIN_NAME)
        if token.system or (project[0] and project == admin_project):
            return cls(domain_id=None, domain_name=None)
        if token.domain_id:
            return cls(domain_id=token.domain_id, domain_name=token.domain_name)
        return None


def strongest(token: Token) -> tuple[Token, Rights]:
    """A token of the same person that carries rights: system, admin project, own domain.

    A token that carries rights as it is stays as it is. The other scopes are asked for with the
    token, not with the password, so a refusal counts as no failure in Keystone.

    Raises:
        BoundTokenError
        NoRoleError
        client.UnreachableError
    """
    if rights := Rights.of(token):
        return token, rights
    if token.application_credential:
        raise BoundTokenError
    for scope in _scopes(token):
        try:
            scoped = client.rescope(token, scope)
        except (client.RefusedError, client.SecondFactorError):
            continue  # the latter: rules that were made after the token
        if rights := Rights.of(scoped):
            return scoped, rights
    raise NoRoleError


def _scopes(token: Token) -> list[dict[str, str]]:
    scopes = [{"system_scope": "all"}, {"domain_id": token.user_domain_id}]
    if settings.ADMIN_PROJECT_NAME:
        project = {
            "project_name": settings.ADMIN_PROJECT_NAME,
            "project_domain_name": settings.ADMIN_PROJECT_DOMAIN_NAME,
        }
        scopes.insert(1, project)
    return scopes
