"""Read models of Keystone's tables, under Keystone's own names, only the columns that we read.

Source: sql_model.py in keystone/identity/backends, keystone/resource/backends and
keystone/assignment/role_backends; sql.py in keystone/assignment/backends and
keystone/application_credential/backends.
Left out on purpose: `password.password_hash` and `application_credential.secret_hash`, which no
query of ours may ever name.
"""

from __future__ import annotations

from django.db import models

from pciops.keystone.fields import DateTimeInt, UtcDateTime


class Project(models.Model):
    """A project; a domain is a project with `is_domain` set."""

    id = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=64)
    is_domain = models.BooleanField()
    domain = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )

    class Meta:
        managed = False
        db_table = "project"

    def __str__(self) -> str:
        return self.name


class User(models.Model):
    """A user of any kind: local (SQL), nonlocal (LDAP) or federated."""

    id = models.CharField(primary_key=True, max_length=64)
    # Nullable to us: Keystone has no foreign key here, and an account must not vanish from a
    # list because its domain's row did.
    domain = models.ForeignKey(
        Project, models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )
    enabled = models.BooleanField(null=True)
    extra = models.TextField(null=True)  # noqa: DJ001 (Keystone's column is nullable)
    created_at = UtcDateTime(null=True)
    last_active_at = models.DateField(null=True)

    class Meta:
        managed = False
        db_table = "user"

    def __str__(self) -> str:
        return self.id


class LocalUser(models.Model):
    """What only a SQL user has: a name of its own, passwords and failures."""

    user = models.OneToOneField(User, models.DO_NOTHING, related_name="local_user")
    domain_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    failed_auth_count = models.IntegerField(null=True)
    failed_auth_at = UtcDateTime(null=True)

    class Meta:
        managed = False
        db_table = "local_user"

    def __str__(self) -> str:
        return self.name


class NonLocalUser(models.Model):
    """The name of an LDAP user."""

    pk = models.CompositePrimaryKey("domain_id", "name")
    domain_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    user = models.OneToOneField(User, models.DO_NOTHING, related_name="nonlocal_user")

    class Meta:
        managed = False
        db_table = "nonlocal_user"

    def __str__(self) -> str:
        return self.name


class FederatedUser(models.Model):
    """The name of a federated user; one user may have several."""

    user = models.ForeignKey(User, models.DO_NOTHING, related_name="federated_users")
    display_name = models.CharField(max_length=255, null=True)  # noqa: DJ001 (Keystone's column)

    class Meta:
        managed = False
        db_table = "federated_user"

    def __str__(self) -> str:
        return self.display_name or ""


class Password(models.Model):
    """A password of now or of before; the newest has the greatest `created_at_int`."""

    local_user = models.ForeignKey(LocalUser, models.DO_NOTHING, related_name="passwords")
    created_at_int = DateTimeInt()
    expires_at_int = DateTimeInt(null=True)
    created_at = UtcDateTime()  # the old columns: read where the new ones are unset
    expires_at = UtcDateTime(null=True)

    class Meta:
        managed = False
        db_table = "password"

    def __str__(self) -> str:
        return f"password {self.pk}"


class UserOption(models.Model):
    """An option of a user; `option_value` is JSON text, and a `false` exempts nobody."""

    pk = models.CompositePrimaryKey("user_id", "option_id")
    user = models.ForeignKey(User, models.DO_NOTHING, related_name="options")
    option_id = models.CharField(max_length=4)
    option_value = models.TextField(null=True)  # noqa: DJ001 (Keystone's column is nullable)

    class Meta:
        managed = False
        db_table = "user_option"

    def __str__(self) -> str:
        return self.option_id


class Group(models.Model):
    """A group of users; a role that it holds is held by each of them."""

    id = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=64)
    domain_id = models.CharField(max_length=64)

    class Meta:
        managed = False
        db_table = "group"

    def __str__(self) -> str:
        return self.name


class UserGroupMembership(models.Model):
    """A user in a group."""

    pk = models.CompositePrimaryKey("user_id", "group_id")
    user_id = models.CharField(max_length=64)
    group = models.ForeignKey(Group, models.DO_NOTHING, related_name="+")

    class Meta:
        managed = False
        db_table = "user_group_membership"

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}"


class Role(models.Model):
    """A role: global, or of a domain and then good only for the roles that it implies."""

    GLOBAL = "<<null>>"  # NULL_DOMAIN_ID in keystone.assignment.role_backends.base

    id = models.CharField(primary_key=True, max_length=64)
    name = models.CharField(max_length=255)
    domain_id = models.CharField(max_length=64, default=GLOBAL)

    class Meta:
        managed = False
        db_table = "role"

    def __str__(self) -> str:
        return self.name


class ImpliedRole(models.Model):
    """Who holds the prior role holds the implied one too."""

    pk = models.CompositePrimaryKey("prior_role_id", "implied_role_id")
    prior_role = models.ForeignKey(Role, models.DO_NOTHING, related_name="implied")
    implied_role = models.ForeignKey(Role, models.DO_NOTHING, related_name="+")

    class Meta:
        managed = False
        db_table = "implied_role"

    def __str__(self) -> str:
        return f"{self.prior_role_id} implies {self.implied_role_id}"


class Assignment(models.Model):
    """A role of a user or group (the actor) on a project or domain (the target)."""

    pk = models.CompositePrimaryKey("type", "actor_id", "target_id", "role_id", "inherited")
    type = models.CharField(max_length=64)  # UserProject, GroupProject, UserDomain, GroupDomain
    actor_id = models.CharField(max_length=64)
    target_id = models.CharField(max_length=64)
    role_id = models.CharField(max_length=64)
    inherited = models.BooleanField()  # not on the target itself, but on every project below it

    class Meta:
        managed = False
        db_table = "assignment"

    def __str__(self) -> str:
        return f"{self.type} {self.actor_id}"


class SystemAssignment(models.Model):
    """A role of a user or group on the whole system."""

    pk = models.CompositePrimaryKey("type", "actor_id", "target_id", "role_id", "inherited")
    type = models.CharField(max_length=64)  # UserSystem, GroupSystem
    actor_id = models.CharField(max_length=64)
    target_id = models.CharField(max_length=64)  # "system"
    role_id = models.CharField(max_length=64)
    inherited = models.BooleanField()

    class Meta:
        managed = False
        db_table = "system_assignment"

    def __str__(self) -> str:
        return f"{self.type} {self.actor_id}"


class ApplicationCredential(models.Model):
    """What a program signs in with instead of its user's password."""

    internal_id = models.IntegerField(primary_key=True)
    id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    user_id = models.CharField(max_length=64)
    project = models.ForeignKey(
        Project, models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )
    system = models.CharField(max_length=64, null=True)  # noqa: DJ001 (Keystone's column)
    expires_at = DateTimeInt(null=True)
    unrestricted = models.BooleanField(null=True)  # may make more of them, and trusts

    class Meta:
        managed = False
        db_table = "application_credential"

    def __str__(self) -> str:
        return self.name
