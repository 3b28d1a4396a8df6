"""The sessions that are open: an operator's own, and those that an administrator may end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet

from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator, Target
from pciops.signin import session_store, sessions
from pciops.signin.models import Operator, StoredSession

MAX_LISTED: Final = 200


@dataclass(frozen=True, kw_only=True)
class OpenSession:
    """A session with its operator."""

    row: StoredSession
    operator: Operator
    current: bool  # the session that asks

    @property
    def id(self) -> str:
        """The key of its row, which is not the cookie."""
        return str(self.row.pk)


def listed(viewer: Operator, *, cookie: str, now: datetime) -> list[OpenSession]:
    """Return the sessions that the viewer may see and end, the last used first."""
    rows = list(_visible(viewer, now).order_by("-seen_at")[:MAX_LISTED])
    return list(_with_operators(rows, cookie))


def find(viewer: Operator, session_id: str, *, cookie: str, now: datetime) -> OpenSession | None:
    """Return the session with this id, if the viewer may see and end it."""
    rows = list(_visible(viewer, now).filter(pk=session_id))
    return next(_with_operators(rows, cookie), None)


def end(session: OpenSession, *, initiator: Initiator, now: datetime) -> None:
    """Record the end of a session, delete it, and revoke its tokens at Keystone.

    Raises:
        AuditLogError: the session stays.
    """
    operator = session.operator
    services.record(
        Event.Action.SIGN_OUT,
        Event.Outcome.SUCCESS,
        initiator=initiator,
        target=Target(
            id=operator.id,
            name=operator.name,
            domain_id=operator.domain_id,
            domain_name=operator.domain_name,
        ),
        resource="pciops",
        remark=f"session from {session.row.address or 'an unknown address'} ended from the list",
        now=now,
    )
    contents = session_store.contents(session.row)
    StoredSession.objects.filter(pk=session.row.pk).delete()
    sessions.revoke(contents)


def _visible(viewer: Operator, now: datetime) -> QuerySet[StoredSession]:
    """Return the own sessions; for administrators also those in their scope."""
    rows = StoredSession.objects.filter(expire_date__gt=now).exclude(operator_id="")
    if not viewer.may("administer"):
        return rows.filter(operator_id=viewer.id)
    if viewer.scope is None:
        return rows
    return rows.filter(Q(operator_id=viewer.id) | Q(domain_id=viewer.scope))


def _with_operators(rows: list[StoredSession], cookie: str) -> Iterator[OpenSession]:
    operators = Operator.objects.in_bulk([row.operator_id for row in rows])
    own = session_store.row_key(cookie)
    for row in rows:
        if operator := operators.get(row.operator_id):
            yield OpenSession(row=row, operator=operator, current=row.pk == own)
