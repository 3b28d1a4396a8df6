"""The application credentials that stop with an account: what programs sign in with as it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pciops.accounts.privileged import SHOWN
from pciops.keystone import database
from pciops.keystone.models import ApplicationCredential


@dataclass(frozen=True, kw_only=True)
class Credential:
    """An application credential. Names are text of others."""

    id: str
    name: str
    project_name: str  # "" for one on the system, and where the project may not be named
    domain_name: str  # of the project
    on_system: bool
    expires_at: datetime | None
    unrestricted: bool  # may make and delete others like it


@database.reading()
def of(user_id: str, *, scope: str | None) -> list[Credential]:
    """The account's application credentials by name, the first `SHOWN` of them.

    Args:
        scope: the one domain that the operator sees; projects elsewhere are not named.

    Raises:
        KeystoneDatabaseDownError
    """
    rows = ApplicationCredential.objects.filter(user_id=user_id)
    rows = rows.select_related("project__domain").order_by("name")[:SHOWN]
    return [_credential(row, scope) for row in rows]


def _credential(row: ApplicationCredential, scope: str | None) -> Credential:
    project = row.project
    if project and scope not in {None, project.domain_id}:
        project = None
    return Credential(
        id=row.id,
        name=row.name,
        project_name=project.name if project else "",
        domain_name=project.domain.name if project and project.domain else "",
        on_system=bool(row.system),
        expires_at=row.expires_at,
        unrestricted=bool(row.unrestricted),
    )
