"""The record of Keystone's notifications. Names, agents and addresses are untrusted text."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import models

WINDOW: Final = timedelta(seconds=60)  # equal sign-ins within it become one row

# Characters; longer text is cut. The first four are as long as Keystone's own columns.
MAX_USER_ID: Final = 64
MAX_NAME: Final = 255
MAX_DOMAIN_ID: Final = 64
MAX_DOMAIN_NAME: Final = 64
MAX_ADDRESS: Final = 64
MAX_AGENT: Final = 255
MAX_HASH: Final = 64
MAX_TEXT: Final = 500
MAX_BODY: Final = 4000


class Outcome(models.TextChoices):
    """CADF's outcome of an event."""

    SUCCESS = "success", "Success"
    FAILURE = "failure", "Failure"


class Attempts(models.Model):
    """Equal sign-ins within a minute: their count, the first and the last time.

    Equal means the same account, outcome, reason, address, agent and partial password hash.
    `dedup_key` is a hash of all these and of the minute, which together are too long for an index
    on MySQL.
    """

    class Reason(models.TextChoices):
        """Keystone's reason for a refusal. It gives none for a wrong password."""

        NONE = "", "Signed in"
        WRONG_PASSWORD = "wrong_password", "Wrong password"
        LOCKED = "locked", "Locked"
        UNKNOWN_NAME = "unknown_name", "No such account"
        DISABLED = "disabled", "Disabled"
        EXPIRED = "expired", "Password expired"
        OTHER = "other", "Another reason"

    dedup_key = models.UUIDField(unique=True, db_column="fold")
    window = models.DateTimeField()  # start of the minute, UTC
    user_id = models.CharField(max_length=MAX_USER_ID, blank=True)  # "" for an unknown username
    name = models.CharField(max_length=MAX_NAME, blank=True)  # an unknown one as typed
    # Of an unknown username as requested; else as far as known.
    domain_id = models.CharField(max_length=MAX_DOMAIN_ID, blank=True)
    domain_name = models.CharField(max_length=MAX_DOMAIN_NAME, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    reason = models.CharField(max_length=16, choices=Reason.choices, blank=True)
    address = models.CharField(max_length=MAX_ADDRESS, blank=True)  # may be a proxy's or forged
    agent = models.CharField(max_length=MAX_AGENT, blank=True)
    partial_hash = models.CharField(max_length=MAX_HASH, blank=True)  # of the wrong password
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        indexes = (
            models.Index(fields=("user_id", "window", "id"), name="attempts_account"),
            models.Index(fields=("window", "id"), name="attempts_window"),
            models.Index(fields=("domain_id", "window", "id"), name="attempts_domain"),
            models.Index(fields=("address", "window", "id"), name="attempts_address"),
        )

    def __str__(self) -> str:
        return f"{self.count} × {self.outcome} of {self.name or self.user_id} at {self.window}"


class Activity(models.Model):
    """A change of an account, or an act of its owner."""

    class Action(models.TextChoices):
        """The notifications that Keystone sends about users."""

        CREATED = "created", "Account created"
        UPDATED = "updated", "Account changed"  # Keystone does not say which attribute
        # "updated" by Keystone, and its table shows that `enabled` has changed.
        ENABLED = "enabled", "Account enabled"
        DISABLED = "disabled", "Account disabled"
        DELETED = "deleted", "Account deleted"
        PASSWORD = "password", "Password changed"
        ROLE_GRANTED = "role_granted", "Role granted"
        ROLE_REVOKED = "role_revoked", "Role revoked"
        CREDENTIAL_CREATED = "credential_created", "Application credential created"
        CREDENTIAL_DELETED = "credential_deleted", "Application credential deleted"

    class Reason(models.TextChoices):
        """Keystone's reason for refusing a new password."""

        NONE = "", "Done"
        REQUIREMENTS = "requirements", "It does not meet the requirements"
        HISTORY = "history", "It was used before"
        MINIMUM_AGE = "minimum_age", "The current one is too new"
        SELF_SERVICE = "self_service", "The owner may not change it"
        OTHER = "other", "Another reason"

    event_id = models.CharField(max_length=64)  # CADF's
    at = models.DateTimeField()
    action = models.CharField(max_length=20, choices=Action.choices)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    reason = models.CharField(max_length=16, choices=Reason.choices, blank=True)
    reason_text = models.CharField(max_length=MAX_TEXT, blank=True, db_column="words")  # Keystone's
    # The account that was changed. Keystone forgets the name of a deleted account.
    user_id = models.CharField(max_length=MAX_USER_ID)
    name = models.CharField(max_length=MAX_NAME, blank=True)
    domain_id = models.CharField(max_length=MAX_DOMAIN_ID, blank=True)
    domain_name = models.CharField(max_length=MAX_DOMAIN_NAME, blank=True)
    # The account that did it; "" if Keystone does not say, as for its command line.
    doer_id = models.CharField(max_length=MAX_USER_ID, blank=True)
    doer_name = models.CharField(max_length=MAX_NAME, blank=True)
    doer_domain_id = models.CharField(max_length=MAX_DOMAIN_ID, blank=True)
    doer_domain_name = models.CharField(max_length=MAX_DOMAIN_NAME, blank=True)
    address = models.CharField(max_length=MAX_ADDRESS, blank=True)
    agent = models.CharField(max_length=MAX_AGENT, blank=True)
    detail = models.CharField(max_length=MAX_TEXT, blank=True)  # of a role: `role=… project=…`

    class Meta:
        indexes = (
            models.Index(fields=("user_id", "at", "id"), name="activity_account"),
            models.Index(fields=("doer_id", "at", "id"), name="activity_doer"),
            models.Index(fields=("at", "id"), name="activity_at"),
            models.Index(fields=("domain_id", "at", "id"), name="activity_domain"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.name or self.user_id} at {self.at}"


class ProcessedNotification(models.Model):
    """A notification that was recorded, so that it is not recorded again.

    Rows are inserted in the order of time, so pruning needs no index on `at`.
    """

    event = models.UUIDField(unique=True)  # hash of CADF's id
    at = models.DateTimeField()

    class Meta:
        db_table = "events_seen"

    def __str__(self) -> str:
        return str(self.event)


class KnownName(models.Model):
    """The last known name of an account, since notifications often have only its id."""

    user_id = models.CharField(primary_key=True, max_length=MAX_USER_ID)
    name = models.CharField(max_length=MAX_NAME)
    domain_id = models.CharField(max_length=MAX_DOMAIN_ID, blank=True)
    domain_name = models.CharField(max_length=MAX_DOMAIN_NAME, blank=True)
    enabled = models.BooleanField(null=True)  # None if not read from Keystone's tables
    at = models.DateTimeField(db_index=True)  # last use

    class Meta:
        db_table = "events_name"

    def __str__(self) -> str:
        return self.name


class DeadLetter(models.Model):
    """Messages that could not be processed for the same reason: their count and the last one."""

    dedup_key = models.UUIDField(unique=True, db_column="fold")
    reason = models.CharField(max_length=MAX_TEXT)
    event_type = models.CharField(max_length=MAX_NAME, blank=True)
    body = models.TextField()  # of the last message, cut
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        db_table = "events_setaside"

    def __str__(self) -> str:
        return f"{self.count} × {self.reason}"


class ConsumerSession(models.Model):
    """A period in which a consumer was running, and was connected to RabbitMQ or not.

    The next one begins when the connection is made or lost. `until` is the last heartbeat.
    """

    consumer = models.CharField(max_length=MAX_NAME)  # machine and process
    connected = models.BooleanField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    last_message_at = models.DateTimeField(null=True)
    messages = models.PositiveBigIntegerField(default=0)
    lag_seconds = models.FloatField(null=True)  # age of the oldest of the last batch, when recorded
    error = models.CharField(max_length=MAX_TEXT, blank=True)  # the reason if it is not connected

    class Meta:
        db_table = "events_running"
        indexes = (models.Index(fields=("until",), name="running_until"),)

    def __str__(self) -> str:
        return f"{self.consumer} from {self.since} to {self.until}"


class Storm(models.Model):
    """A lockout storm: many locked accounts or many unknown usernames in a short time.

    The numbers are those of its worst ten minutes. Each locked account has a row of its own.
    """

    began_at = models.DateTimeField()
    last_at = models.DateTimeField()  # last detection
    ended_at = models.DateTimeField(null=True, db_index=True)
    few = models.BooleanField()  # most attempts came from few addresses
    sources = models.JSONField()  # the worst first: address, accounts, names, tries, shared
    accounts = models.PositiveIntegerField()  # with attempts
    names = models.PositiveIntegerField()  # unknown usernames
    tries = models.PositiveIntegerField()  # failed attempts

    def __str__(self) -> str:
        return f"possible attack since {self.began_at}"


class StormAccount(models.Model):
    """An account that was locked in a storm."""

    storm = models.ForeignKey(Storm, on_delete=models.CASCADE, related_name="locked")
    user_id = models.CharField(max_length=MAX_USER_ID)
    name = models.CharField(max_length=MAX_NAME)
    domain_id = models.CharField(max_length=MAX_DOMAIN_ID, blank=True)
    domain_name = models.CharField(max_length=MAX_DOMAIN_NAME, blank=True)
    kinds = models.CharField(max_length=40, blank=True)  # "administrator service"
    locked_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("storm", "user_id"), name="storm_accounts_once"),
        )

    def __str__(self) -> str:
        return self.name


class LockSnapshot(models.Model):
    """A lock in Keystone's table at the last check, a minute ago."""

    user_id = models.CharField(primary_key=True, max_length=MAX_USER_ID)
    count = models.PositiveIntegerField()
    failed_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(db_column="seen_at")

    class Meta:
        db_table = "events_seenlock"

    def __str__(self) -> str:
        return self.user_id


class IdleSnapshot(models.Model):
    """The last activity, an hour ago, of an account that was or would soon be inactive."""

    user_id = models.CharField(primary_key=True, max_length=MAX_USER_ID)
    active_on = models.DateField(null=True)
    inactive = models.BooleanField()
    checked_at = models.DateTimeField(db_index=True, db_column="seen_at")
    # First check that found another last activity, which the next check has to confirm.
    suspected_at = models.DateTimeField(null=True, db_column="moved_at")

    class Meta:
        db_table = "events_seenidle"

    def __str__(self) -> str:
        return self.user_id


class OutOfBandChange(models.Model):
    """A change in Keystone outside pciops that falsifies evidence."""

    class Kind(models.TextChoices):
        UNLOCK = "unlock", "Unlocked elsewhere"
        ACTIVITY = "activity", "Last activity changed elsewhere"

    dedup_key = models.UUIDField(unique=True, db_column="fold")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    user_id = models.CharField(max_length=MAX_USER_ID)
    name = models.CharField(max_length=MAX_NAME)
    domain_id = models.CharField(max_length=MAX_DOMAIN_ID, blank=True)
    domain_name = models.CharField(max_length=MAX_DOMAIN_NAME, blank=True)
    before = models.CharField(max_length=MAX_TEXT)
    after = models.CharField(max_length=MAX_TEXT)
    checked_at = models.DateTimeField(db_column="seen_at")  # last check that found `before`
    found_at = models.DateTimeField()

    class Meta:
        db_table = "events_hiddenchange"
        indexes = (
            models.Index(fields=("user_id", "found_at"), name="hidden_account"),
            models.Index(fields=("found_at", "id"), name="hidden_at"),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.name or self.user_id} at {self.found_at}"
