"""Operators, their sessions, and the throttle of the sign-in form."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

from pciops.actions.authority import Authority
from pciops.keystone.token import Token
from pciops.signin.rights import Rights


class Operator(models.Model):
    """A person who has signed in, as Django's user. Their rights are in the session, not here."""

    id = models.CharField(primary_key=True, max_length=64)  # Keystone's user id
    name = models.CharField(max_length=255)
    domain_id = models.CharField(max_length=64)
    domain_name = models.CharField(max_length=64)
    last_login = models.DateTimeField(null=True)

    USERNAME_FIELD = "id"
    REQUIRED_FIELDS: tuple[str, ...] = ()
    is_anonymous = False
    is_authenticated = True
    is_active = True

    # Of this sign-in or request, never stored: set by the backend, the middleware and the API.
    rights: Rights | None = None
    token: Token | None = None
    others: Sequence[Rights] = ()  # the scopes that they can change to
    choices: Sequence[tuple[Token, Rights]] = ()  # the same with their tokens, only at sign-in
    # When Keystone last confirmed the rights, if it does not answer now.
    unconfirmed_since: datetime | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.domain_name})"

    @property
    def scope(self) -> str | None:
        """Return the id of the one domain that they see; None for the whole cloud.

        Raises:
            RuntimeError: the rights were not set.
        """
        if self.rights is None:
            raise RuntimeError("an operator without rights")
        return self.rights.domain_id

    @property
    def authority(self) -> Authority:
        """Return their authority over accounts, in the scope in which they act.

        Raises:
            RuntimeError: the rights were not set.
        """
        if self.rights is None:
            raise RuntimeError("an operator without rights")
        return self.rights.authority(self.id)

    def may(self, act: str) -> bool:
        """Return whether they may do this in their scope; see `rights.PERMISSIONS`."""
        return self.rights is not None and self.rights.may(act)


class StoredSession(AbstractBaseSession):
    """A session of a browser; see `session_store`. Only its contents are trusted, by signature."""

    session_key = models.CharField(primary_key=True, max_length=64)  # SHA-256 of the cookie
    operator_id = models.CharField(max_length=64, blank=True, db_index=True)  # "": not signed in
    domain_id = models.CharField(max_length=64, blank=True)  # they act in; "": the whole cloud
    address = models.CharField(max_length=45, blank=True)  # of the sign-in
    agent = models.CharField(max_length=255, blank=True)
    began_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "signin_session"

    def __str__(self) -> str:
        return f"{self.operator_id or 'not signed in'} from {self.address}"

    @classmethod
    def get_session_store_class(cls) -> type:
        from pciops.signin.session_store import SessionStore  # noqa: PLC0415 (it imports this)

        return SessionStore


class UsedCode(models.Model):
    """A one-time code that was accepted, as a keyed hash with its account."""

    digest = models.CharField(primary_key=True, max_length=64)
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest


class Throttle(models.Model):
    """Failed sign-ins from one source, and when its next attempt is allowed."""

    # A source address or network; or the receipt or account of a second factor, as a keyed hash.
    address = models.CharField(primary_key=True, max_length=45)
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
    not_before = models.DateTimeField()
    refused_at = models.DateTimeField(null=True)  # when the audit log last got a refusal

    def __str__(self) -> str:
        return f"{self.address}: {self.failures}"
