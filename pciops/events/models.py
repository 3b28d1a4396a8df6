"""What is kept of Keystone's notifications. Names, agents and addresses are strangers' text."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import models

WINDOW: Final = timedelta(seconds=60)  # sign-ins of one account within it are folded into a row

# Longer text is cut. The first four are as long as Keystone's own columns.
USER_ID: Final = 64
NAME: Final = 255
DOMAIN_ID: Final = 64
DOMAIN_NAME: Final = 64
ADDRESS: Final = 64
AGENT: Final = 255
HASH: Final = 64
WORDS: Final = 500
BODY: Final = 4000


class Outcome(models.TextChoices):
    """CADF's."""

    SUCCESS = "success", "Success"
    FAILURE = "failure", "Failure"


class Attempts(models.Model):
    """Sign-ins that are alike, within a minute: how often, first and last.

    Alike means the same account, outcome and reason from the same address, agent and partial
    password hash. `fold` is a hash of all these and of the minute: some of them are too long for
    an index on MySQL.
    """

    class Reason(models.TextChoices):
        """Why Keystone refused. It says so only of some; of a wrong password it says nothing."""

        NONE = "", "Signed in"
        WRONG_PASSWORD = "wrong_password", "Wrong password"
        LOCKED = "locked", "Locked"
        UNKNOWN_NAME = "unknown_name", "No such account"
        DISABLED = "disabled", "Disabled"
        EXPIRED = "expired", "Password expired"
        OTHER = "other", "Another reason"

    fold = models.UUIDField(unique=True)
    window = models.DateTimeField()  # when the minute began, UTC
    user_id = models.CharField(max_length=USER_ID, blank=True)  # "" where Keystone knows no name
    name = models.CharField(max_length=NAME, blank=True)  # as it was then; as it was typed
    # Of unknown names as they were asked for; else as we know them, "" where we do not.
    domain_id = models.CharField(max_length=DOMAIN_ID, blank=True)
    domain_name = models.CharField(max_length=DOMAIN_NAME, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    reason = models.CharField(max_length=16, choices=Reason.choices, blank=True)
    address = models.CharField(max_length=ADDRESS, blank=True)  # reported: a proxy's, or forged
    agent = models.CharField(max_length=AGENT, blank=True)
    partial_hash = models.CharField(max_length=HASH, blank=True)  # of the wrong password
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
    """Something that was done to an account, or by its owner: one row each."""

    class Action(models.TextChoices):
        """The notifications that Keystone sends about users."""

        CREATED = "created", "Created the account"
        UPDATED = "updated", "Changed the account"  # Keystone does not say what
        # Told from "updated" where Keystone's table shows that `enabled` has turned.
        ENABLED = "enabled", "Enabled the account"
        DISABLED = "disabled", "Disabled the account"
        DELETED = "deleted", "Deleted the account"
        PASSWORD = "password", "Changed the password"
        ROLE_GRANTED = "role_granted", "Granted a role"
        ROLE_REVOKED = "role_revoked", "Revoked a role"
        CREDENTIAL_CREATED = "credential_created", "Created an application credential"
        CREDENTIAL_DELETED = "credential_deleted", "Deleted an application credential"

    class Reason(models.TextChoices):
        """Why Keystone refused a new password."""

        NONE = "", "Done"
        REQUIREMENTS = "requirements", "It does not meet the requirements"
        HISTORY = "history", "It was used before"
        MINIMUM_AGE = "minimum_age", "The one before it is too young"
        SELF_SERVICE = "self_service", "The owner may not change it"
        OTHER = "other", "Another reason"

    event_id = models.CharField(max_length=64)  # CADF's
    at = models.DateTimeField()
    action = models.CharField(max_length=20, choices=Action.choices)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    reason = models.CharField(max_length=16, choices=Reason.choices, blank=True)
    words = models.CharField(max_length=WORDS, blank=True)  # Keystone's own of the reason
    # Whom it was done to. The name is kept, because a deleted account has none left.
    user_id = models.CharField(max_length=USER_ID)
    name = models.CharField(max_length=NAME, blank=True)
    domain_id = models.CharField(max_length=DOMAIN_ID, blank=True)
    domain_name = models.CharField(max_length=DOMAIN_NAME, blank=True)
    # Who did it; "" where Keystone does not know. On the command line there is no address either.
    doer_id = models.CharField(max_length=USER_ID, blank=True)
    doer_name = models.CharField(max_length=NAME, blank=True)
    doer_domain_id = models.CharField(max_length=DOMAIN_ID, blank=True)
    doer_domain_name = models.CharField(max_length=DOMAIN_NAME, blank=True)
    address = models.CharField(max_length=ADDRESS, blank=True)
    agent = models.CharField(max_length=AGENT, blank=True)
    detail = models.CharField(max_length=WORDS, blank=True)  # of a role: `role=… project=…`

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
    """A notification that has been taken in, so that it is not taken in again.

    Rows come in the order of their ids; so old ones are found without an index on `at`.
    """

    event = models.UUIDField(unique=True)  # a hash of CADF's id
    at = models.DateTimeField()

    class Meta:
        db_table = "events_seen"

    def __str__(self) -> str:
        return str(self.event)


class Name(models.Model):
    """What an id was called: Keystone forgets with the account, and its events say ids alone."""

    user_id = models.CharField(primary_key=True, max_length=USER_ID)
    name = models.CharField(max_length=NAME)
    domain_id = models.CharField(max_length=DOMAIN_ID, blank=True)
    domain_name = models.CharField(max_length=DOMAIN_NAME, blank=True)
    enabled = models.BooleanField(null=True)  # None where Keystone was not asked
    at = models.DateTimeField(db_index=True)  # when it was heard of last

    def __str__(self) -> str:
        return self.name


class DeadLetter(models.Model):
    """Messages that make no sense, alike in what is wrong with them: how many, and the last one."""

    fold = models.UUIDField(unique=True)
    reason = models.CharField(max_length=WORDS)
    event_type = models.CharField(max_length=NAME, blank=True)
    body = models.TextField()  # of the last, cut
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        db_table = "events_setaside"

    def __str__(self) -> str:
        return f"{self.count} × {self.reason}"


class ConsumerSession(models.Model):
    """A stretch of time in which a consumer was running, connected to RabbitMQ or not.

    The next stretch begins when that changes. `until` is the last sign of life.
    """

    consumer = models.CharField(max_length=NAME)  # machine and process
    connected = models.BooleanField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    last_message_at = models.DateTimeField(null=True)
    messages = models.PositiveBigIntegerField(default=0)
    error = models.CharField(max_length=WORDS, blank=True)  # why it is not connected (any more)

    class Meta:
        db_table = "events_running"
        indexes = (models.Index(fields=("until",), name="running_until"),)

    def __str__(self) -> str:
        return f"{self.consumer} from {self.since} to {self.until}"


class Storm(models.Model):
    """A lockout storm: many accounts locked, or many unknown names tried, in a short time.

    The numbers are those of its worst ten minutes; which accounts it locked is kept one by one.
    """

    began_at = models.DateTimeField()
    last_at = models.DateTimeField()  # when it was seen last
    ended_at = models.DateTimeField(null=True, db_index=True)
    few = models.BooleanField()  # whether it came from few addresses
    sources = models.JSONField()  # the worst first: address, accounts, names, tries, shared
    accounts = models.PositiveIntegerField()  # that were tried
    names = models.PositiveIntegerField()  # that were tried, and nobody has
    tries = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"lockout storm since {self.began_at}"


class StormAccount(models.Model):
    """An account that was locked in a storm."""

    storm = models.ForeignKey(Storm, on_delete=models.CASCADE, related_name="locked")
    user_id = models.CharField(max_length=USER_ID)
    name = models.CharField(max_length=NAME)
    domain_id = models.CharField(max_length=DOMAIN_ID, blank=True)
    domain_name = models.CharField(max_length=DOMAIN_NAME, blank=True)
    kinds = models.CharField(max_length=40, blank=True)  # "administrator service"
    locked_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("storm", "user_id"), name="storm_accounts_once"),
        )

    def __str__(self) -> str:
        return self.name


class SeenLock(models.Model):
    """A lock as it stood in Keystone's table a minute ago, for whoever looks whether it went."""

    user_id = models.CharField(primary_key=True, max_length=USER_ID)
    count = models.PositiveIntegerField()
    failed_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.user_id


class SeenIdle(models.Model):
    """The last activity of an account that was inactive an hour ago, or soon would be."""

    user_id = models.CharField(primary_key=True, max_length=USER_ID)
    active_on = models.DateField(null=True)
    inactive = models.BooleanField()
    seen_at = models.DateTimeField(db_index=True)
    moved_at = models.DateTimeField(null=True)  # when it was seen to have moved

    def __str__(self) -> str:
        return self.user_id


class HiddenChange(models.Model):
    """Something that was changed in Keystone past pciops, and falsifies evidence."""

    class Kind(models.TextChoices):
        UNLOCK = "unlock", "Unlocked elsewhere"
        ACTIVITY = "activity", "Last activity changed elsewhere"

    fold = models.UUIDField(unique=True)  # of what changed from what to what
    kind = models.CharField(max_length=8, choices=Kind.choices)
    user_id = models.CharField(max_length=USER_ID)
    name = models.CharField(max_length=NAME)
    domain_id = models.CharField(max_length=DOMAIN_ID, blank=True)
    domain_name = models.CharField(max_length=DOMAIN_NAME, blank=True)
    before = models.CharField(max_length=WORDS)  # in words
    after = models.CharField(max_length=WORDS)
    seen_at = models.DateTimeField()  # when it was as before for the last time that we looked
    found_at = models.DateTimeField()

    class Meta:
        indexes = (
            models.Index(fields=("user_id", "found_at"), name="hidden_account"),
            models.Index(fields=("found_at", "id"), name="hidden_at"),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.name or self.user_id} at {self.found_at}"
