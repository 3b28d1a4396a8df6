"""Rows in Keystone's tables that Keystone no longer needs: how to count and to delete them.

pciops only counts. A database administrator deletes, in small steps, with the SQL from here; its
conditions are those of the counts. It is for MariaDB and MySQL; the counts run on SQLite too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pciops.keystone.fields import EPOCH, MICROSECOND

BATCH: Final = 1000  # rows that one DELETE takes
UNLOCKED: Final = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;"
REPEAT: Final = "Repeat until 0 rows are deleted, one second apart."
MANY: Final = 1000  # rows that do harm by their number


class NotCountedError(Exception):
    """A number that cannot be known.

    Args:
        reason: a sentence for operators.
        remedy: what to do about it.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What decides whether a row is needed; None if no source says it."""

    now: datetime
    # `[token] expiration` and `[revoke] expiration_buffer`: keystone.revoke.backends.base
    revocations_kept: timedelta | None
    # Rows of `password` that Keystone keeps of a user: keystone.identity.backends.sql_model.User
    passwords_kept: int | None


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """One kind of unneeded rows in a table.

    Attributes:
        why: what they do.
        advice: what Keystone does about them itself, or its command.
        rows: the condition in SQL; `{now}` is a DATETIME and `{now_int}` a DateTimeInt.
        backup: the tables to back up before.
        counts_all: all rows of the table are counted too, because each of them matters.
        warns_from: the number from which the doctor warns.
        readable: `pciops grants` lets pciops read the columns.
    """

    name: str
    title: str
    why: str
    advice: str
    table: str
    key: str
    rows: str = ""
    backup: tuple[str, ...]
    counts_all: bool = False
    warns_from: int = MANY
    readable: bool = True

    def condition(self, limits: Limits) -> str:
        """Return the condition of the rows, or raise NotCountedError."""
        return self.rows.format(now=_datetime(limits.now), now_int=_datetime_int(limits.now))

    def count(self, limits: Limits) -> str:
        """Return the SELECT of their number, or raise NotCountedError."""
        return f"SELECT COUNT(*) FROM {self.table} WHERE {self.condition(limits)}"

    @property
    def count_all(self) -> str:
        """The SELECT of the number of all rows of the table."""
        return f"SELECT COUNT(*) FROM {self.table}"

    def sql(self, limits: Limits) -> str:
        """Return the steps for a database administrator as SQL, or raise NotCountedError."""
        count = f"{self.count(limits)};"
        steps = [("Count them.", count), *self.cleaning(limits), ("Count again.", count)]
        if self.backup:
            dump = f"mariadb-dump --single-transaction keystone {' '.join(self.backup)}"
            steps.insert(0, ("Back up, in a shell:", f"-- {dump} > {self.name}.sql"))
        lines = [
            f"-- {self.title}. Run this in Keystone's database, as its administrator, at a quiet "
            "time.",
            f"-- {self.advice}",
            *(f"-- {number}. {text}\n{sql}" for number, (text, sql) in enumerate(steps, start=1)),
        ]
        return "\n".join(lines) + "\n"

    def cleaning(self, limits: Limits) -> list[tuple[str, str]]:
        """Return what happens between the two counts, as pairs of a comment and SQL."""
        delete = (
            f"DELETE FROM {self.table} WHERE {self.condition(limits)}"
            f" ORDER BY {self.key} LIMIT {BATCH};"
        )
        return [
            ("Do not lock rows that stay.", UNLOCKED),
            ("Check how one step finds its rows; this deletes nothing.", f"EXPLAIN {delete}"),
            (REPEAT, delete),
        ]


class _Revocations(Leftover):
    """Revocation events that are older than every token (`_prune_expired_events`)."""

    def condition(self, limits: Limits) -> str:
        if limits.revocations_kept is None:
            raise NotCountedError(
                "The age of revocation events that are still needed depends on [token] "
                "expiration and [revoke] expiration_buffer, and pciops reads no keystone.conf.",
                "Set PCIOPS_KEYSTONE_CONF.",
            )
        return f"revoked_at < '{_datetime(limits.now - limits.revocations_kept)}'"


class _Passwords(Leftover):
    """Former passwords that Keystone would drop at the next change (`User.password`)."""

    def _kept(self, limits: Limits) -> int:
        if limits.passwords_kept is None:
            raise NotCountedError(
                "The number of passwords that Keystone keeps depends on "
                "unique_last_password_count, which is unknown.",
                "Set PCIOPS_KEYSTONE_CONF or PCIOPS_POLICY_UNIQUE_LAST_PASSWORD_COUNT.",
            )
        return limits.passwords_kept

    def count(self, limits: Limits) -> str:
        kept = self._kept(limits)
        return (
            f"SELECT COALESCE(SUM(held - {kept}), 0) FROM (SELECT COUNT(*) AS held FROM password"
            f" GROUP BY local_user_id HAVING COUNT(*) > {kept}) holders"
        )

    def cleaning(self, limits: Limits) -> list[tuple[str, str]]:
        """Return DELETEs by primary key, so that no step ranks or locks the whole table."""
        kept = self._kept(limits)
        ranked = (
            "SELECT id, ROW_NUMBER() OVER (PARTITION BY local_user_id"
            " ORDER BY created_at_int DESC, id DESC) AS place FROM password"
        )
        batch = f"(SELECT id FROM old_password ORDER BY id LIMIT {BATCH}) batch"
        delete = f"DELETE password FROM password JOIN {batch} ON batch.id = password.id;"
        noted = f"INSERT INTO old_password SELECT id FROM ({ranked}) ranked WHERE place > {kept};"
        return [
            ("Do not lock rows that stay.", UNLOCKED),
            (
                f"Note the IDs for this session only; the newest {kept} of each user stay.",
                "DROP TEMPORARY TABLE IF EXISTS old_password;\n"
                f"CREATE TEMPORARY TABLE old_password (id INT PRIMARY KEY);\n{noted}",
            ),
            ("Check how one step finds its rows; this deletes nothing.", f"EXPLAIN {delete}"),
            (REPEAT, f"{delete}\nDELETE FROM old_password ORDER BY id LIMIT {BATCH};"),
        ]


@dataclass(frozen=True, kw_only=True)
class _Listed(Leftover):
    """Rows that no DELETE should remove: the SQL lists them for Keystone's API.

    Attributes:
        listed: the columns of the list.
    """

    listed: str

    def cleaning(self, limits: Limits) -> list[tuple[str, str]]:
        select = f"SELECT {self.listed} FROM {self.table} WHERE {self.condition(limits)}"
        return [(f"List the first {BATCH}.", f"{select} ORDER BY {self.key} LIMIT {BATCH};")]


@dataclass(frozen=True, kw_only=True)
class _Orphans(Leftover):
    """Rows whose row in another table is gone.

    Attributes:
        parent: the other table.
    """

    parent: str
    key: str = "id"
    advice: str = (
        "Keystone's foreign keys prevent these rows. Look for a restore or import with "
        "foreign_key_checks = 0."
    )
    warns_from: int = 1

    @property
    def _is_child(self) -> str:
        return f"{self.parent}.id = {self.table}.{self.parent}_id"

    def condition(self, limits: Limits) -> str:
        return f"NOT EXISTS (SELECT 1 FROM {self.parent} WHERE {self._is_child})"

    def count(self, limits: Limits) -> str:
        """Return a join: for NOT EXISTS, MariaDB copies the ids of the other table to disk."""
        return (
            f"SELECT COUNT(*) FROM {self.table} LEFT JOIN {self.parent} ON {self._is_child}"
            f" WHERE {self.parent}.id IS NULL"
        )


_APPLICATION_CREDENTIAL: Final = (
    "application_credential",
    *("application_credential_role", "application_credential_access_rule"),
)
# The schemes that Keystone 30 verifies (keystone.common.password_hashing.SUPPORTED_HASHERS).
_SCHEMES: Final = ("$2$", "$2_$", "$bcrypt-sha256$", "$scrypt$", "$7$", "$pbkdf2-sha512$")

LEFTOVERS: Final = (
    _Revocations(
        name="old_revocation_events",
        title="Revocation events older than any token",
        why="Keystone searches this table each time it validates a token.",
        advice="Keystone deletes them at its next revocation: openstack token revoke TOKEN. It "
        "uses one statement, so if there are very many, run the steps first.",
        table="revocation_event",
        key="revoked_at, id",  # the order of an index
        backup=("revocation_event",),
        counts_all=True,
    ),
    Leftover(
        name="expired_trusts",
        title="Expired and deleted trusts",
        why="Keystone marks deleted trusts and keeps expired ones. Lists of trusts read them all.",
        advice="keystone-manage trust_flush deletes them in one statement. If there are very "
        "many, run the steps first.",
        table="trust",
        key="id",
        # As TrustModel.expires_at; rows of old releases have only the old column.
        rows="deleted_at IS NOT NULL OR expires_at_int < {now_int}"
        " OR (expires_at_int IS NULL AND expires_at < '{now}')",
        backup=("trust", "trust_role"),
    ),
    _Orphans(
        name="trust_roles_without_trust",
        title="Roles of trusts that no longer exist",
        table="trust_role",
        parent="trust",
        key="trust_id, role_id",
        why="keystone-manage trust_flush and the steps for trusts leave these rows.",
        advice="Keystone has no command for them.",
        warns_from=MANY,
        backup=("trust_role",),
    ),
    Leftover(
        name="expired_application_credentials",
        title="Expired application credentials",
        why="They no longer work, but they count toward [application_credential] user_limit.",
        advice="Keystone has no command for them. Their owners can delete them with openstack "
        "application credential delete.",
        table="application_credential",
        key="internal_id",
        rows="expires_at <= {now_int}",
        backup=_APPLICATION_CREDENTIAL,
    ),
    _Orphans(
        name="application_credentials_without_user",
        title="Application credentials of users that no longer exist",
        table="application_credential",
        parent="user",
        key="internal_id",
        why="They name a user ID that Keystone does not know.",
        advice="Keystone deletes them with the user. A DELETE in SQL does not.",
        backup=_APPLICATION_CREDENTIAL,
    ),
    _Passwords(
        name="old_passwords",
        title="Passwords beyond unique_last_password_count",
        why="Keystone reads all passwords of a user at each sign-in, but never needs these.",
        advice="Keystone deletes them when the user changes the password. It has no command.",
        table="password",
        key="id",
        backup=("password",),
    ),
    _Listed(
        name="old_password_hashes",
        title="Password hashes that Keystone 30 cannot verify",
        why="Keystone 25 verifies sha512_crypt ($6$), Keystone 30 does not. These accounts can't "
        "sign in after the upgrade.",
        advice="No SQL can convert a hash. Before the upgrade, ask the owners to change their "
        "passwords, or set new ones: openstack user set --password-prompt USER.",
        table="password",
        key="local_user_id",
        rows=" AND ".join(f"password_hash NOT LIKE '{scheme}%'" for scheme in _SCHEMES),
        backup=(),
        warns_from=1,
        readable=False,
        listed="(SELECT user_id FROM local_user WHERE local_user.id = local_user_id) AS user_id,"
        " SUBSTRING_INDEX(password_hash, '$', 2) AS scheme",
    ),
    _Listed(
        name="users_without_name",
        title="Users without a name",
        why="In Keystone 25, deleting an identity provider removes the names of its users, but "
        "not the users. Their roles stay.",
        advice="openstack user delete ID deletes a user and the user's roles. When any identity "
        "provider or protocol is deleted, Keystone 30 deletes these users without their "
        "roles.",
        table="user",
        key="id",
        rows=" AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.user_id = user.id)"
            for table in ("local_user", "nonlocal_user", "federated_user")
        ),
        backup=("user", "assignment", "system_assignment"),
        listed="id, domain_id",
    ),
    _Orphans(
        name="local_users_without_user",
        title="Names and failures of local users that no longer exist",
        table="local_user",
        parent="user",
        why="They block their names for new accounts.",
        backup=("local_user", "password"),
    ),
    _Orphans(
        name="passwords_without_user",
        title="Passwords of local users that no longer exist",
        table="password",
        parent="local_user",
        why="They are password hashes without an account.",
        backup=("password",),
    ),
    _Orphans(
        name="nonlocal_users_without_user",
        title="Names of LDAP users that no longer exist",
        table="nonlocal_user",
        parent="user",
        key="domain_id, name",
        why="They block their names for new accounts.",
        backup=("nonlocal_user",),
    ),
    _Orphans(
        name="federated_users_without_user",
        title="Names of federated users that no longer exist",
        table="federated_user",
        parent="user",
        why="They block their identities for new accounts.",
        backup=("federated_user",),
    ),
    _Orphans(
        name="options_without_user",
        title="Options of users that no longer exist",
        table="user_option",
        parent="user",
        key="user_id, option_id",
        why="They are exemptions and rules without an account.",
        backup=("user_option",),
    ),
)
BY_NAME: Final = {leftover.name: leftover for leftover in LEFTOVERS}


def _datetime(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _datetime_int(value: datetime) -> int:
    return (value - EPOCH) // MICROSECOND
