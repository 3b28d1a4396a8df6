"""Django's session engine on `StoredSession`: a copy of its table opens no session.

The table is keyed by the SHA-256 of the cookie, so what it contains is not accepted as a cookie.
The signature of the contents covers that key, so that they cannot be moved to another row.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DjangosStore
from django.utils import timezone

from pciops.lib import retries
from pciops.signin.models import StoredSession

ORIGIN = "origin"  # the key of the facts about a session that its row shows
MOMENTS: Final = 30  # of the idle time: 15 minutes are counted with an accuracy of 30 seconds


class SessionStore(DjangosStore):
    """The contents of one session, found by the value of its cookie."""

    seen_at: datetime | None = None  # the last time that its end was moved; None: not loaded

    @classmethod
    def get_model_class(cls) -> type[StoredSession]:
        return StoredSession

    @property
    def key_salt(self) -> str:
        return _salt(row_key(self.session_key or ""))

    def exists(self, session_key: str) -> bool:
        return StoredSession.objects.filter(pk=row_key(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> StoredSession:
        """Return the row, with the facts that the list of sessions shows."""
        origin = data.get(ORIGIN, {})
        return StoredSession(
            session_key=row_key(self._cookie()),
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
            operator_id=data.get(SESSION_KEY, ""),
            domain_id=origin.get("domain_id", ""),
            address=origin.get("address", ""),
            agent=origin.get("agent", ""),
            began_at=origin.get("began_at"),
            seen_at=timezone.now(),
        )

    def save(self, must_create: bool = False) -> None:
        # Django would take a conflict of the database for the end of the session.
        retries.run(lambda: super(SessionStore, self).save(must_create), idempotent=True)

    def _cookie(self) -> str:
        if self._session_key is None:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]  # Django's
        return str(self._session_key)

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            StoredSession.objects.filter(pk=row_key(key)).delete()

    def _get_session_from_db(self) -> StoredSession | None:
        row = StoredSession.objects.filter(
            pk=row_key(self.session_key or ""), expire_date__gt=timezone.now()
        ).first()
        if row is None:
            self._session_key = None
        self.seen_at = row.seen_at if row else None
        return row

    def must_be_renewed(self, now: datetime) -> bool:
        """Return whether this use of the session has to move its end.

        A session that was used a moment ago ends that moment too early, and never too late.
        """
        moment = timedelta(seconds=settings.SESSION_COOKIE_AGE) / MOMENTS
        return self.seen_at is not None and not timedelta(0) <= now - self.seen_at < moment


class _OfRow(SessionStore):
    """The contents of a session whose cookie is not known, for its end."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self._row_key = key

    @property
    def key_salt(self) -> str:
        return _salt(self._row_key)


def row_key(cookie: str) -> str:
    """Return the primary key of the session with this cookie."""
    return hashlib.sha256(cookie.encode()).hexdigest()


def contents(row: StoredSession) -> dict[str, Any]:
    """Return the contents of a session by its row; empty if they are not of this row."""
    found: dict[str, Any] = _OfRow(row.pk).decode(row.session_data)
    return found


def _salt(key: str) -> str:
    return f"pciops.signin.session_store {key}"
