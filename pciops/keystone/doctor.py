"""Checks of Keystone's database and its grants, of its API, and of all clocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.utils import timezone

from pciops.keystone import (
    ALIAS,
    PRIMARY_ALIAS,
    UNLOCK_ALIAS,
    client,
    database,
    grants,
    hosts,
    releases,
    unlock,
)
from pciops.keystone.models import HOUSEKEEPING, AlembicVersion, LocalUser
from pciops.keystone.mysql.base import DatabaseWrapper
from pciops.lib.doctor import TIMEOUT, CheckResult, check, ok, problem, warning

SKEW_WARNS: Final = timedelta(seconds=2)
SKEW_FAILS: Final = timedelta(seconds=30)
LAG_WARNS: Final = timedelta(minutes=1)

# What finds locked accounts without reading all of `local_user`, and the rows from which it helps.
INDEXED: Final = ("failed_auth_count", "failed_auth_at")
INDEX: Final = f"CREATE INDEX local_user_failures ON local_user ({', '.join(INDEXED)})"
LARGE: Final = 100_000


@check("Keystone's database")
def answers() -> Iterator[CheckResult]:
    """Check that it answers."""
    if settings.DATABASES[ALIAS]["ENGINE"] == "django.db.backends.dummy":
        yield problem("It is not set.", "Set PCIOPS_KEYSTONE_DATABASE_URL.")
        return
    try:
        database.ping()
    except database.KeystoneDatabaseDownError as error:
        yield problem(
            f"It does not answer: {error}.",
            "Check PCIOPS_KEYSTONE_DATABASE_URL and its server, and run what pciops grants prints.",
        )
    else:
        yield ok(f"It answers ({connections[ALIAS].display_name}).")


@check("hosts of Keystone's database", after="Keystone's database")
def each_host() -> Iterator[CheckResult]:
    """Tell the state of each host, those of unlocks among them, and which of them answers."""
    reading, primary = connections[ALIAS], connections[PRIMARY_ALIAS]
    if not isinstance(reading, DatabaseWrapper) or not isinstance(primary, DatabaseWrapper):
        return
    for host in dict.fromkeys([*reading.hosts, *primary.hosts]):
        yield of_host(hosts.look_at(reading, host), answers=host == reading.host)


def of_host(host: hosts.HostFacts, *, answers: bool) -> CheckResult:
    """Return the finding about one host.

    Args:
        answers: whether pages come from it.
    """
    pages = " Pages come from it." if answers else ""
    if host.error:
        return warning(
            f"{host.name} does not answer: {host.error}.",
            "Check the server and run what pciops grants prints, or remove the host from the "
            "setting.",
        )
    sentence = f"{host.name}: {host}.{pages}"
    if not host.ready:
        return warning(
            sentence, "Let the node join its cluster. Until then it counts as not answering."
        )
    if host.lag_unknown:
        return warning(
            sentence,
            "Start replication, and let the login see it: GRANT REPLICA MONITOR ON *.* (MariaDB) "
            "or REPLICATION CLIENT ON *.* (MySQL).",
        )
    if host.lag is not None and host.lag > LAG_WARNS:
        return warning(sentence, "Its pages are out of date by that much. Check its replication.")
    return ok(sentence)


@check("Keystone's tables", after="Keystone's database")
def tables() -> Iterator[CheckResult]:
    """Check that every column exists and may be read, without reading a row."""
    columns = grants.columns()
    for model in (AlembicVersion, *HOUSEKEEPING):  # other checks read them
        del columns[model._meta.db_table]
    missing = [
        (f"{table}.{name}", reason)
        for table, names in columns.items()
        if _refusal(_select(names, table))
        for name in names
        if (reason := _refusal(_select([name], table)))
    ]
    for name, reason in missing:
        yield problem(
            f"{name} cannot be read: {reason}.",
            "Run what pciops grants prints. If the column doesn't exist, pciops doesn't know "
            "this release of Keystone.",
        )
    if not missing:
        number = sum(map(len, columns.values()))
        yield ok(f"pciops can read all {number} columns that it needs.")


@check("optional index", after="Keystone's tables")
def optional_index() -> Iterator[CheckResult]:
    """Name the index that finds locked accounts faster, if the cloud is large and has none."""
    if any(columns[: len(INDEXED)] == INDEXED for columns in _indexes("local_user")):
        yield ok("local_user has the optional index, which finds locked accounts fast.")
    elif LocalUser.objects.values("pk")[:LARGE].count() < LARGE:
        yield ok(f"The optional index of failures is not needed below {LARGE:,} accounts.")
    else:
        yield replace(
            ok(
                "Without the optional index, finding locked accounts reads all of local_user, at "
                "most once in 3 s."
            ),
            remedy=f"Add the index (docs/install.md): {INDEX};",
        )


@check("Keystone's release", after="Keystone's database")
def release() -> Iterator[CheckResult]:
    """Compare PCIOPS_KEYSTONE_RELEASE with the revision of Keystone's tables."""
    named = settings.KEYSTONE_RELEASE
    try:
        seen = releases.from_revisions(_revisions())
    except database.KeystoneDatabaseDownError as error:
        reason, seen = f"alembic_version cannot be read ({error})", None
    else:
        reason = "their revision is unknown"
    tables = releases.display_range(*seen) if seen else ""
    if named is None:
        visible = f"Keystone's tables come from {tables}" if seen else reason
        yield warning(
            f"PCIOPS_KEYSTONE_RELEASE is not set ({visible}). Where releases differ, pciops "
            "applies the less favorable rule.",
            "Set PCIOPS_KEYSTONE_RELEASE to Keystone's version, for example "
            f"{seen[0] if seen else max(releases.SERIES)}.",
        )
    elif seen is None:
        yield ok(f"PCIOPS_KEYSTONE_RELEASE says {releases.display(named)}. Not checked: {reason}.")
    elif named < seen[0]:
        yield warning(
            f"PCIOPS_KEYSTONE_RELEASE is {releases.display(named)}, but Keystone's tables come "
            f"from {tables}.",
            "Correct the setting, unless an upgrade of Keystone is running.",
        )
    elif seen[1] is not None and named > seen[1]:
        yield problem(
            f"PCIOPS_KEYSTONE_RELEASE is {releases.display(named)}, but Keystone's tables come "
            f"from {tables}. pciops judges second factors by the wrong release.",
            "Correct the setting.",
        )
    else:
        yield ok(f"{releases.display(named)}, which fits Keystone's tables.")


@database.reading()
def _revisions() -> set[str]:
    return set(AlembicVersion.objects.values_list("version_num", flat=True))


@check("unlocking", after="Keystone's database")
def unlocking() -> Iterator[CheckResult]:
    """Check that the one UPDATE is allowed, with a condition that matches no row."""
    try:
        unlock.clear_failures("", failed_auth_count=-1, failed_auth_at=None)
    except (DatabaseError, InterfaceError) as error:
        yield problem(
            f"pciops can't unlock any account: {database.reason(error)}.",
            "Run what pciops grants prints, with --unlock-user if unlocks use another login.",
        )
    else:
        yield ok(f"pciops can update {' and '.join(grants.UPDATED)} of local_user.")


@check("grants", after="Keystone's database")
def least_privilege() -> Iterator[CheckResult]:
    """Check that no login of pciops has more rights than it needs."""
    logins = {str(settings.DATABASES[alias].get("USER")): alias for alias in (UNLOCK_ALIAS, ALIAS)}
    if connections[ALIAS].vendor != "mysql":
        yield ok(f"{connections[ALIAS].display_name} has no grants.")
        return
    for login, alias in logins.items():
        held = [line for (line,) in _rows("SHOW GRANTS", alias)]
        surplus = grants.surplus(held, database=settings.DATABASES[alias]["NAME"])
        if surplus and _is_own_login(alias):
            yield problem(
                f"{login} is also the login of pciops' own database, so it has more rights than "
                f"it needs: {'; '.join(surplus)}.",
                "Keep that login: pciops needs its rights. Create another one for Keystone's "
                "database: run what pciops grants --user pciops_keystone prints.",
            )
        elif surplus:
            yield problem(
                f"{login} has more rights than it needs: {'; '.join(surplus)}.",
                "REVOKE those rights, or create a new login with what pciops grants prints.",
            )
        else:
            yield ok(f"{login} has no more rights than it needs.")


def _is_own_login(alias: str) -> bool:
    """Return whether a connection to Keystone's database has the login of pciops' own database."""
    ours, theirs = connections[DEFAULT_DB_ALIAS].settings_dict, settings.DATABASES[alias]
    return connections[DEFAULT_DB_ALIAS].vendor == "mysql" and all(
        str(ours[key]) == str(theirs.get(key, "")) for key in ("USER", "HOST", "PORT")
    )


@check("Keystone's API")
def api() -> Iterator[CheckResult]:
    """Check that it answers, and that the clock in its answer is right."""
    if not settings.OS_AUTH_URL:
        yield problem("It is not set.", "Set OS_AUTH_URL.")
        return
    before = timezone.now()
    try:
        keystone_time = client.ping(TIMEOUT)
    except client.UnreachableError as error:
        yield problem(
            f"{settings.OS_AUTH_URL} does not answer: {error}.",
            "Check OS_AUTH_URL and OS_CACERT. Until it answers, operators can't sign in; pciops "
            "unlock works without it.",
        )
        return
    yield ok(f"{settings.OS_AUTH_URL} answers.")
    if keystone_time is not None:  # in whole seconds, so up to one second later
        window = (keystone_time, keystone_time + timedelta(seconds=1))
        yield skew("Keystone's clock", window, (before, timezone.now()))


@check("the database's clock", after="Keystone's database")
def database_clock() -> Iterator[CheckResult]:
    """Check the clock of Keystone's database, which usually agrees with those of its nodes."""
    if connections[ALIAS].vendor != "mysql":
        yield ok(f"{connections[ALIAS].display_name} uses our clock.")
        return
    before = timezone.now()
    [[database_time]] = _rows("SELECT UTC_TIMESTAMP(6)")
    database_time = database_time.replace(tzinfo=UTC)
    yield skew(
        "The clock of Keystone's database", (database_time, database_time), (before, timezone.now())
    )


def skew(
    name: str, remote: tuple[datetime, datetime], local: tuple[datetime, datetime]
) -> CheckResult:
    """Compare two clocks, each of which was read within a span of its own time."""
    behind, ahead = local[0] - remote[1], remote[0] - local[1]
    apart = max(behind, ahead, timedelta(0))
    if apart <= SKEW_WARNS:
        return ok(f"{name} agrees with ours.")
    word = "behind" if behind > ahead else "ahead of"
    sentence = f"{name} is {apart.total_seconds():.0f} s {word} ours."
    remedy = (
        "Set both to the same time servers. Here our clock decides when locks and passwords end; "
        "in Keystone its own clock does."
    )
    return (problem if apart > SKEW_FAILS else warning)(sentence, remedy)


def _indexes(table: str) -> list[tuple[str, ...]]:
    """Return the columns of each index of a table.

    Django's introspection of MariaDB and MySQL needs rights that the login has not.
    """
    connection = connections[ALIAS]
    if connection.vendor != "mysql":
        with connection.cursor() as cursor:
            constraints = connection.introspection.get_constraints(cursor, table)
        return [tuple(one["columns"]) for one in constraints.values() if one["index"]]
    columns: dict[str, list[str]] = {}
    for _, _, name, _, column, *_ in _rows(f"SHOW INDEX FROM {table}"):
        columns.setdefault(name, []).append(column)
    return [tuple(names) for names in columns.values()]


@database.reading()
def _rows(statement: str, alias: str = ALIAS) -> list[Any]:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _select(names: list[str], table: str) -> str:
    quoted = connections[ALIAS].ops.quote_name
    columns = ", ".join(map(quoted, names))
    return f"SELECT {columns} FROM {quoted(table)} WHERE 1 = 0"  # noqa: S608 (names from the models)


def _refusal(statement: str) -> str:
    """Return why the database refuses a statement; "" if it does not."""
    try:
        _rows(statement)
    except database.KeystoneDatabaseDownError as error:
        return str(error)
    return ""
