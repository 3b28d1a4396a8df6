"""Models of Keystone's tables under Keystone's own names, with only the columns that are read.

Source: sql_model.py in keystone/identity/backends, keystone/resource/backends and
keystone/assignment/role_backends; sql.py in keystone/assignment/backends,
keystone/application_credential/backends, keystone/credential/backends, keystone/trust/backends and
keystone/revoke/backends.
Left out on purpose: `password.password_hash`, `application_credential.secret_hash` and
`credential.encrypted_blob`, of which no query may ever return anything but the number of rows.
"""

from __future__ import annotations

from typing import Final

from django.db import models

from pciops.keystone.fields import DateTimeInt, UtcDateTime


class KeystoneTable(models.Model):
    """The base of all models here: Keystone's own migrations make their tables."""

    class Meta:
        abstract = True
        managed = False

    def __str__(self) -> str:
        return f"{self._meta.db_table} {self.pk}"


class Project(KeystoneTable):
    """A project; a domain is a project with `is_domain` set, in the hidden domain `ROOT`."""

    ROOT: Final = "<<keystone.domain.root>>"

    id = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=64)
    is_domain = models.BooleanField()
    domain = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )

    class Meta(KeystoneTable.Meta):
        db_table = "project"


class User(KeystoneTable):
    """A user of any kind: local (SQL), nonlocal (LDAP) or federated."""

    id = models.CharField(primary_key=True, max_length=64)
    # Nullable here: Keystone has no foreign key, and an account must not be missing from a list
    # because the row of its domain is.
    domain = models.ForeignKey(
        Project, models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )
    enabled = models.BooleanField(null=True)
    extra = models.TextField(null=True)  # noqa: DJ001 (Keystone's column is nullable)
    created_at = UtcDateTime(null=True)
    last_active_at = models.DateField(null=True)

    class Meta(KeystoneTable.Meta):
        db_table = "user"


class LocalUser(KeystoneTable):
    """The part of a user that only SQL users have: name, passwords and failures."""

    user = models.OneToOneField(User, models.DO_NOTHING, related_name="local_user")
    domain_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    failed_auth_count = models.IntegerField(null=True)
    failed_auth_at = UtcDateTime(null=True)

    class Meta(KeystoneTable.Meta):
        db_table = "local_user"


class NonLocalUser(KeystoneTable):
    """The name of an LDAP user."""

    pk = models.CompositePrimaryKey("domain_id", "name")
    domain_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    user = models.OneToOneField(User, models.DO_NOTHING, related_name="nonlocal_user")

    class Meta(KeystoneTable.Meta):
        db_table = "nonlocal_user"


class FederatedUser(KeystoneTable):
    """The name of a federated user; one user may have several."""

    user = models.ForeignKey(User, models.DO_NOTHING, related_name="federated_users")
    display_name = models.CharField(max_length=255, null=True)  # noqa: DJ001 (Keystone's column)

    class Meta(KeystoneTable.Meta):
        db_table = "federated_user"


class Password(KeystoneTable):
    """A current or former password; the newest has the greatest `created_at_int`."""

    local_user = models.ForeignKey(LocalUser, models.DO_NOTHING)
    created_at_int = DateTimeInt()
    expires_at_int = DateTimeInt(null=True)
    created_at = UtcDateTime()  # the old columns, read if the new ones are unset
    expires_at = UtcDateTime(null=True)

    class Meta(KeystoneTable.Meta):
        db_table = "password"


class UserOption(KeystoneTable):
    """An option of a user; `option_value` is JSON text, often `false`."""

    pk = models.CompositePrimaryKey("user_id", "option_id")
    user = models.ForeignKey(User, models.DO_NOTHING, related_name="options")
    option_id = models.CharField(max_length=4)
    option_value = models.TextField(null=True)  # noqa: DJ001 (Keystone's column is nullable)

    class Meta(KeystoneTable.Meta):
        db_table = "user_option"


class Group(KeystoneTable):
    """A group of users, each of whom has the roles of the group."""

    id = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=64)
    domain_id = models.CharField(max_length=64)

    class Meta(KeystoneTable.Meta):
        db_table = "group"


class UserGroupMembership(KeystoneTable):
    """A user in a group."""

    pk = models.CompositePrimaryKey("user_id", "group_id")
    user_id = models.CharField(max_length=64)
    group = models.ForeignKey(Group, models.DO_NOTHING, related_name="+")

    class Meta(KeystoneTable.Meta):
        db_table = "user_group_membership"


class Role(KeystoneTable):
    """A role: global, or domain-specific, which counts only for the roles that it implies."""

    GLOBAL = "<<null>>"  # NULL_DOMAIN_ID in keystone.assignment.role_backends.base

    id = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=255)
    domain_id = models.CharField(max_length=64, default=GLOBAL)

    class Meta(KeystoneTable.Meta):
        db_table = "role"


class ImpliedRole(KeystoneTable):
    """A role that another one implies: its holders have both."""

    pk = models.CompositePrimaryKey("prior_role_id", "implied_role_id")
    prior_role = models.ForeignKey(Role, models.DO_NOTHING, related_name="implied")
    implied_role = models.ForeignKey(Role, models.DO_NOTHING, related_name="+")

    class Meta(KeystoneTable.Meta):
        db_table = "implied_role"


class RoleAssignment(KeystoneTable):
    """A role of a user or group (the actor) on a target."""

    pk = models.CompositePrimaryKey("type", "actor_id", "target_id", "role_id", "inherited")
    type = models.CharField(max_length=64)
    actor_id = models.CharField(max_length=64)
    target_id = models.CharField(max_length=64)
    role_id = models.CharField(max_length=64)
    inherited = models.BooleanField()  # on every project below the target, not on it
    local_user = models.ForeignObject(  # None: a group, an LDAP or federated user, or deleted
        LocalUser,
        models.DO_NOTHING,
        from_fields=["actor_id"],
        to_fields=["user"],
        null=True,
        related_name="+",
    )

    class Meta(KeystoneTable.Meta):
        abstract = True


class Assignment(RoleAssignment):
    """A role on a project or domain: UserProject, GroupProject, UserDomain, GroupDomain."""

    class Meta(RoleAssignment.Meta):
        db_table = "assignment"


class SystemAssignment(RoleAssignment):
    """A role on the whole system, with the target "system": UserSystem, GroupSystem."""

    class Meta(RoleAssignment.Meta):
        db_table = "system_assignment"


class Credential(KeystoneTable):
    """A credential such as the secret of a TOTP device, or an EC2 key; never the secret itself."""

    TOTP = "totp"
    EC2 = "ec2"

    pk = models.CompositePrimaryKey("user_id", "type")  # `id`, the real one, is not read
    user_id = models.CharField(max_length=64)  # without an index
    type = models.CharField(max_length=255)

    class Meta(KeystoneTable.Meta):
        db_table = "credential"


class AlembicVersion(KeystoneTable):
    """The revisions of Keystone's tables, which show its release."""

    version_num = models.CharField(primary_key=True, max_length=32)

    class Meta(KeystoneTable.Meta):
        db_table = "alembic_version"


class ApplicationCredential(KeystoneTable):
    """A credential with which a program signs in instead of its user's password."""

    internal_id = models.IntegerField(primary_key=True)
    id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    user_id = models.CharField(max_length=64)
    project = models.ForeignKey(
        Project, models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )
    system = models.CharField(max_length=64, null=True)  # noqa: DJ001 (Keystone's column)
    expires_at = DateTimeInt(null=True)
    unrestricted = models.BooleanField(null=True)  # may create more of them, and trusts

    class Meta(KeystoneTable.Meta):
        db_table = "application_credential"


# --- Read only by counts of housekeeping ----------------------------------------------------------
class Trust(KeystoneTable):
    """The right of one user to act as another."""

    id = models.CharField(primary_key=True, max_length=64)
    deleted_at = UtcDateTime(null=True)  # a deleted trust stays until trust_flush
    expires_at = UtcDateTime(null=True)  # the old column, read if the new one is unset
    expires_at_int = DateTimeInt(null=True)

    class Meta(KeystoneTable.Meta):
        db_table = "trust"


class TrustRole(KeystoneTable):
    """A role of a trust."""

    pk = models.CompositePrimaryKey("trust_id", "role_id")
    trust_id = models.CharField(max_length=64)
    role_id = models.CharField(max_length=64)

    class Meta(KeystoneTable.Meta):
        db_table = "trust_role"


class RevocationEvent(KeystoneTable):
    """Tokens that Keystone refuses before they expire."""

    id = models.IntegerField(primary_key=True)
    revoked_at = UtcDateTime()

    class Meta(KeystoneTable.Meta):
        db_table = "revocation_event"


HOUSEKEEPING: Final = (Trust, TrustRole, RevocationEvent)
