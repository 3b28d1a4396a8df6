"""The credentials of an account's programs: application credentials and EC2 keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pciops.accounts.privileged import MAX_LISTED
from pciops.keystone import database, models
from pciops.keystone.models import ApplicationCredential


@dataclass(frozen=True, kw_only=True)
class Credential:
    """An application credential. Names are untrusted."""

    id: str
    name: str
    project_name: str  # "" on the system, and if the operator may not see the name
    domain_name: str  # of the project
    on_system: bool
    expires_at: datetime | None
    unrestricted: bool  # may create and delete application credentials


@database.reading()
def list_credentials(user_id: str, *, scope: str | None) -> list[Credential]:
    """Return the first `MAX_LISTED` application credentials of the account, by name.

    Args:
        scope: the one domain that the operator sees; projects elsewhere are not named.
    """
    rows = ApplicationCredential.objects.filter(user_id=user_id)
    rows = rows.select_related("project__domain").order_by("name")[:MAX_LISTED]
    return [_credential(row, scope) for row in rows]


@database.reading()
def count_ec2(user_id: str) -> int:
    """Return how many EC2 credentials the account has, by a scan: the table has no index on users.

    A sign-in with one asks neither for a second factor nor for the lock or the password's expiry;
    Keystone only looks whether the account is enabled (keystone.api._shared.EC2_S3_Resource).
    """
    return models.Credential.objects.filter(user_id=user_id, type=models.Credential.EC2).count()


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
