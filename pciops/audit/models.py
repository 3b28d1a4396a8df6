"""The audit log: one row for each act in terms of CADF (DMTF DSP0262), as PCI DSS 10.2.2 asks."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Final, NoReturn

from django.db import models

from pciops.lib.claims import Claimable


def new_id() -> str:
    """Return an id like Keystone's: 32 hexadecimal digits."""
    return uuid.uuid4().hex


class AppendOnlyError(Exception):
    """An attempt to change or delete a row of the audit log."""


class EventQuerySet(models.QuerySet["Event"]):
    """Rows that can only be read, settled once, and pruned."""

    def settle(self, **values: Any) -> int:
        """Set these values in the rows that are not in the chain yet; return their number."""
        return super(EventQuerySet, self.filter(position=None)).update(**values)

    def prune(self) -> int:
        """Delete the rows; only for `pciops.audit.prune`, which leaves a stub."""
        return super().delete()[0]

    def update(self, **values: Any) -> NoReturn:
        raise AppendOnlyError("update")

    def delete(self) -> NoReturn:
        raise AppendOnlyError("delete")

    def bulk_create(self, *args: Any, **options: Any) -> NoReturn:
        raise AppendOnlyError("bulk_create")


_EventManager = models.Manager.from_queryset(EventQuerySet)


class ActManager(_EventManager["Event"]):
    """The rows without those of intents, which belong to the acts that followed them."""

    def get_queryset(self) -> EventQuerySet:
        rows: EventQuerySet = super().get_queryset()  # type: ignore[assignment] # from_queryset made it
        return rows.exclude(action=Event.Action.INTENT)


# The columns that settling an act writes. The others never change.
SETTLED: Final = (
    *("outcome", "remark", "settled_at", "position", "previous_hash", "hash", "seal"),
)


class Event(models.Model):
    """An act, in the chain and unchangeable as soon as it is settled.

    An act on an account is written as `pending` before it and settled after it. What is over in
    one step, such as a sign-in, is written settled.
    """

    class Action(models.TextChoices):
        UNLOCK = "unlock", "Unlocked"
        ENABLE = "enable", "Enabled"
        DISABLE = "disable", "Disabled"
        EXEMPT = "exempt", "Exemption added"
        LIFT = "lift", "Exemption removed"
        RECORD = "record", "Exemption recorded"
        END_SESSIONS = "revoke/tokens", "Sessions ended"
        MACHINE = "machine", "Marked as used by a machine"
        PERSON = "person", "Marked as used by a person"
        SIGN_IN = "authenticate", "Signed in"
        SIGN_OUT = "authenticate/logout", "Signed out"
        PASSWORD = "update/password", "Password changed"
        DENY = "deny", "Request refused"  # without permission, or with an invalid token
        EXPORT = "read/export", "Exported"
        REPORT = "read/report", "Report downloaded"
        SAMPLE = "send/sample", "Sample email sent"
        AGAIN = "send/notice", "Notice queued again"
        BUILD = "create/report", "Report built"
        SIGN_OFF = "update/report", "Report signed off"
        POLICY = "update/policy", "Policy changed"
        PRUNE = "delete/trail", "Audit log pruned"
        ACKNOWLEDGE = "update/trail", "Failed integrity check acknowledged"
        INTENT = (
            "begin/act",
            "Action begun",
        )  # resource: the action; remark: the row, and its digest
        READ = "read/audit", "Audit log viewed"
        START = "start/process", "Process started"
        STOP = "stop/process", "Process stopped"
        KEY = "update/key", "Evidence key replaced"
        SECRET_KEY = "update/secret-key", "Secret key replaced"
        DROP_KEYS = "delete/secret-key", "Old secret keys dropped"

    class Outcome(models.TextChoices):
        PENDING = "pending", "Pending"
        SUCCESS = "success", "Success"
        FAILURE = "failure", "Failure"
        UNKNOWN = "unknown", "Unknown"

    class Via(models.TextChoices):
        PAGE = "page", "Web page"
        API = "api", "API"
        COMMAND = "command", "Command line"
        TASK = "task", "Task"

    class InitiatorType(models.TextChoices):
        KEYSTONE = "keystone", "Keystone user"
        OS = "os", "Operating-system user"
        PCIOPS = "pciops", "pciops itself"

    class Identity(models.TextChoices):
        """The way the user's identity was confirmed before an early unlock (PCI DSS 8.3.4)."""

        CALLBACK = "callback", "Called back on a number on file"
        IN_PERSON = "in_person", "In person"
        MANAGER = "manager", "Confirmed by their manager"
        TICKET = "ticket", "Ticket from an authenticated channel"
        SERVICE_ACCOUNT = "service_account", "Not applicable: service account"
        HOST = "host", "Has the pciops host (command line)"

        @classmethod
        def for_operators(cls) -> list[tuple[str, str]]:
            """Return the choices of form and API, without the one of the command line."""
            return [(item.value, item.label) for item in cls if item is not cls.HOST]

    id = models.CharField(primary_key=True, max_length=32, default=new_id)
    event_time = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    observer = models.CharField(max_length=255)
    action = models.CharField(max_length=32, choices=Action.choices)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.PENDING)

    initiator_type = models.CharField(max_length=8, choices=InitiatorType.choices)
    initiator_id = models.CharField(max_length=64, blank=True)  # "": an unknown username
    initiator_name = models.CharField(max_length=255)
    initiator_domain_id = models.CharField(max_length=64, blank=True)
    initiator_domain_name = models.CharField(max_length=64, blank=True)
    initiator_address = models.CharField(max_length=45, blank=True)
    initiator_agent = models.CharField(max_length=255, blank=True)
    # The domain that the operator acted for, "*" for the whole cloud; "": not known, or none.
    initiator_scope = models.CharField(max_length=64, blank=True)
    via = models.CharField(max_length=8, choices=Via.choices)

    # The account that was affected; without one, `resource` says what was.
    target_id = models.CharField(max_length=64, blank=True)
    target_name = models.CharField(max_length=255, blank=True)
    target_domain_id = models.CharField(max_length=64, blank=True)
    target_domain_name = models.CharField(max_length=64, blank=True)
    resource = models.CharField(max_length=255, blank=True)

    reason = models.TextField(blank=True)
    identity = models.CharField(max_length=32, choices=Identity.choices, blank=True)
    # The expected old state; of an unlock the failures (accounts.account.Failures), which identify
    # the lock.
    precondition = models.CharField(max_length=64, blank=True, db_column="seen")
    # The reason of the outcome.
    remark = models.TextField(blank=True)

    # The place in the chain, set when the row is settled; see pciops.audit.chain.
    position = models.BigIntegerField(null=True, unique=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, blank=True)
    seal = models.CharField(max_length=100, blank=True)  # see pciops.audit.evidence

    objects = ActManager()
    rows = EventQuerySet.as_manager()  # with those of intents: the whole chain

    MAY_UPDATE: ClassVar = SETTLED  # what the run-time login may update: see keystone.grants

    class Meta:
        indexes = (
            models.Index(fields=("target_id", "event_time"), name="event_of_target"),
            models.Index(fields=("event_time", "id"), name="event_newest"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.affected} {self.outcome}"

    def save(self, *args: Any, **options: Any) -> None:
        """Insert the row; saving it again is an error."""
        if not self._state.adding:
            raise AppendOnlyError("save")
        super().save(*args, **{**options, "force_insert": True})

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise AppendOnlyError("delete")

    @property
    def initiator(self) -> str:
        """The initiator as text for people."""
        if self.initiator_type == self.InitiatorType.OS:
            return f"{self.initiator_name} (on {self.observer})"
        if self.initiator_type == self.InitiatorType.PCIOPS:
            return self.initiator_name
        return f"{self.initiator_name} ({self.initiator_domain_name})"

    @property
    def affected(self) -> str:
        """The account or resource as text for logs and lists."""
        return f"{self.target_name} ({self.target_id})" if self.target_id else self.resource


class ChainHead(models.Model):
    """The end of the chain: one row, locked by the process that appends."""

    MAY_UPDATE: ClassVar = ("position", "hash")

    position = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.position} {self.hash}"


class PruneStub(models.Model):
    """The signed place of rows that were pruned."""

    first_position = models.BigIntegerField()
    last_position = models.BigIntegerField(unique=True)
    last_hash = models.CharField(max_length=64)
    count = models.BigIntegerField()
    pruned_at = models.DateTimeField()
    signature = models.CharField(max_length=100)  # a seal; up to 0.1.0 an HMAC of SECRET_KEY

    MAY_UPDATE: ClassVar[tuple[str, ...]] = ()

    class Meta:
        db_table = "audit_stub"

    def __str__(self) -> str:
        return f"{self.first_position} to {self.last_position}"


class ChainCheck(models.Model):
    """The result of one verification of the chain."""

    checked_at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField()
    rows = models.BigIntegerField()
    position = models.BigIntegerField()  # of the last right row
    hash = models.CharField(max_length=64, blank=True)
    problem = models.TextField(blank=True)  # "": every row is right
    # Of a check with a problem: who has acknowledged it, when and why.
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=400, blank=True)
    acknowledged_reason = models.TextField(blank=True)
    seal = models.CharField(max_length=100, blank=True)

    MAY_UPDATE: ClassVar = ("acknowledged_at", "acknowledged_by", "acknowledged_reason")

    class Meta:
        db_table = "audit_check"

    def __str__(self) -> str:
        return self.problem or f"{self.rows} rows, head {self.hash}"


class Anchor(models.Model):
    """The head of the chain at a time, signed by the evidence key; see pciops.audit.anchors."""

    made_at = models.DateTimeField()
    position = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    note = models.TextField()  # a signed note
    note_hash = models.CharField(max_length=64, unique=True)  # SHA-256 of the note

    MAY_UPDATE: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        return f"anchor of row {self.position}, {self.made_at:%Y-%m-%d %H:%M} UTC"


class Timestamp(models.Model):
    """The reply of a time-stamping authority about an anchor (RFC 3161)."""

    anchor = models.OneToOneField(Anchor, models.PROTECT)
    reply = models.BinaryField()  # DER

    MAY_UPDATE: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        return f"time stamp of {self.anchor}"


class SyslogCursor(Claimable):
    """The last row that the syslog receiver took: one row, claimed by the process that sends."""

    position = models.BigIntegerField(default=0)
    anchor = models.BigIntegerField(default=0)  # the key of the last anchor that was sent

    def __str__(self) -> str:
        return f"row {self.position}, anchor {self.anchor}"


class KnownOption(models.Model):
    """The value of an option of Keystone's policy at the last look."""

    name = models.CharField(primary_key=True, max_length=64)
    value = models.TextField(blank=True)  # JSON

    class Meta:
        db_table = "audit_seenoption"

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"


class RefusalCounter(models.Model):
    """The refusals of one caller in the current window; see pciops.audit.refusals."""

    key = models.CharField(primary_key=True, max_length=128)  # "": of all callers
    caller = models.CharField(max_length=400, blank=True)  # as text for people
    since = models.DateTimeField()  # the begin of the window
    rows = models.PositiveIntegerField(default=0)  # in the audit log in this window
    more = models.PositiveIntegerField(default=0)  # counted without a row

    class Meta:
        db_table = "audit_refusals"

    def __str__(self) -> str:
        return f"{self.key}: {self.rows} and {self.more}"
