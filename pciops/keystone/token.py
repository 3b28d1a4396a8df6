"""A token of Keystone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token of Keystone with its user, roles and scope. Its id is a secret, never logged."""

    id: str = field(repr=False)
    expires_at: datetime  # aware, UTC
    user_id: str
    user_name: str
    user_domain_id: str
    user_domain_name: str
    roles: frozenset[str]
    system: bool
    domain_id: str | None  # the domain that it is scoped to
    domain_name: str | None
    project_name: str | None
    project_domain_name: str | None
    application_credential: bool = False  # bound to its project, cannot be rescoped

    @classmethod
    def of(cls, info: Any) -> Token:
        """Return the token of an AccessInfoV3, which promises no types."""
        return cls(
            id=info.auth_token,
            expires_at=info.expires,
            user_id=info.user_id,
            user_name=info.username,
            user_domain_id=info.user_domain_id,
            user_domain_name=info.user_domain_name,
            roles=frozenset(info.role_names),
            system=bool(info.system_scoped),
            domain_id=info.domain_id,
            domain_name=info.domain_name,
            project_name=info.project_name,
            project_domain_name=info.project_domain_name,
            application_credential=info.application_credential_id is not None,
        )
