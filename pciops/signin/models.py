"""Operators, and the throttle of the sign-in form."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import models

from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.keystone.client import Token
from pciops.signin.rights import Rights


class Operator(models.Model):
    """A person who signed in once: Django's user. What they may do is in the session, not here."""

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
    choices: Sequence[tuple[Token, Rights]] = ()  # the same with their tokens, at sign-in alone

    def __str__(self) -> str:
        return f"{self.name} ({self.domain_name})"

    @property
    def scope(self) -> str | None:
        """The id of the one domain that they see; None for the whole cloud.

        Raises:
            RuntimeError: where nobody has set the rights; better none than all.
        """
        if self.rights is None:
            raise RuntimeError("an operator without rights")
        return self.rights.domain_id

    def may(self, act: str) -> bool:
        """Whether they may do this in their scope; see `rights.ACTS`. Without rights: nothing."""
        return self.rights is not None and self.rights.may(act)

    def initiator(self, *, via: Event.Via, address: str, agent: str) -> Initiator:
        """Who acts, for the trail."""
        return Initiator(
            type=Event.InitiatorType.KEYSTONE,
            via=via,
            id=self.id,
            name=self.name,
            domain_id=self.domain_id,
            domain_name=self.domain_name,
            address=address,
            agent=agent,
        )


class Throttle(models.Model):
    """Failed sign-ins from one source address, and when it may try again."""

    address = models.CharField(primary_key=True, max_length=45)
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
    not_before = models.DateTimeField()
    refused_at = models.DateTimeField(null=True)  # when it was last told to wait, in the trail

    def __str__(self) -> str:
        return f"{self.address}: {self.failures}"
