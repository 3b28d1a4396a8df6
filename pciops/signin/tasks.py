"""The task of sign-in: sessions that have ended are deleted."""

from __future__ import annotations

from pciops.celery import app
from pciops.signin.session_store import SessionStore


@app.task(name="signin.clear_sessions")
def clear_sessions() -> None:
    """Delete the sessions that have ended by themselves."""
    SessionStore.clear_expired()
