"""A cloud of any size, written into Keystone's tables in minutes; the same rows at every run.

Every row is computed from its number alone, so that two runs measure the same, and a share of
something is what it says: `_roll` spreads the numbers evenly, whatever their order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.support.mariadb import MariaDB

DOMAINS = 20
PROJECTS_PER_DOMAIN = 500
LDAP = 50  # one user in so many has no row in local_user
DAYS = 90  # of inactivity, and of a password's age
ATTEMPTS = 6
SETTLING = 180  # seconds
SERVICES = ("nova", "neutron", "cinder", "glance", "swift", "heat", "barbican", "octavia")

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the cloud is; three passwords for each user."""

    users: int = 1_000_000

    @property
    def numbers(self) -> str:
        """MariaDB's table of the users' numbers, in the column `seq`."""
        return f"seq_1_to_{self.users}"


def fill(server: MariaDB, size: Size, say: Say) -> None:
    """Write the rows into the database `keystone`, whose tables are there and nearly empty."""
    for words, statement in statements(size):
        began = time.monotonic()
        server.execute(f"{_SESSION}; {statement}", database=_DB)
        say(f"{words}: {time.monotonic() - began:.0f} s")
    for table in ("user", "local_user", "password", "user_option", "assignment", "project"):
        server.execute(f"ANALYZE TABLE `{table}`", database=_DB)
    _settle(server, say)


def _settle(server: MariaDB, say: Say) -> None:
    """Wait until what was written is on disk: until then the server is busy with that."""
    begun = time.monotonic()
    server.execute("SET GLOBAL innodb_max_dirty_pages_pct = 0")
    while time.monotonic() - begun < SETTLING:
        [row] = server.execute("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'")
        if int(row["Value"]) < 1000:
            break
        time.sleep(1)
    server.execute("SET GLOBAL innodb_max_dirty_pages_pct = 90")
    say(f"on disk: {time.monotonic() - begun:.0f} s")


def refresh(server: MariaDB) -> None:
    """Lock again what was locked when the rows were written, for locks end by themselves."""
    server.execute(
        f"UPDATE local_user SET failed_auth_at = {_NOW} - INTERVAL id % 1200 SECOND WHERE"
        f" failed_auth_count >= {ATTEMPTS} AND failed_auth_at > {_NOW} - INTERVAL 12 HOUR",
        database=_DB,
    )


_DB = "keystone"
_SESSION = "SET time_zone = '+00:00', unique_checks = 0, foreign_key_checks = 0"


def _roll(what: str, sides: int, number: str = "seq") -> str:
    """An even number from 0 on below `sides`, another one for each `what`."""
    return f"(CONV(LEFT(MD5(CONCAT('{what}', {number})), 12), 16, 10) % {sides})"


_ID = "MD5(CONCAT('user', seq))"
_DOMAIN = f"CONCAT('domain-', {_roll('domain', DOMAINS)})"
_TODAY = "UTC_DATE()"
_NOW = "UTC_TIMESTAMP(6)"
_MICROS = "(UNIX_TIMESTAMP() * 1000000)"
_DAY = 86_400_000_000  # microseconds


def statements(size: Size) -> Iterator[tuple[str, str]]:
    """What is written, in words and in SQL."""
    numbers = size.numbers
    yield (
        f"{DOMAINS} domains with {PROJECTS_PER_DOMAIN} projects each",
        f"""
        INSERT INTO project (id, name, extra, description, enabled, domain_id, is_domain)
        SELECT CONCAT('domain-', seq), CONCAT('Domain ', seq), '{{}}', '', 1,
          '<<keystone.domain.root>>', 1 FROM seq_0_to_{DOMAINS - 1};
        INSERT INTO project (id, name, extra, description, enabled, domain_id, is_domain, parent_id)
        SELECT MD5(CONCAT('project', seq)), CONCAT('project-', seq), '{{}}', '', 1,
          CONCAT('domain-', seq % {DOMAINS}), 0, CONCAT('domain-', seq % {DOMAINS})
        FROM seq_1_to_{DOMAINS * PROJECTS_PER_DOMAIN};
        INSERT INTO project (id, name, extra, description, enabled, domain_id, is_domain, parent_id)
        VALUES ('service', 'service', '{{}}', '', 1, 'domain-0', 0, 'domain-0')""",
    )
    idle = (
        f"CASE WHEN {_roll('idle', 100)} < 86 THEN {_roll('idle-days', 60)}"
        f" WHEN {_roll('idle', 100)} < 92 THEN 60 + {_roll('idle-days', 30)}"
        f" ELSE {DAYS} + {_roll('idle-days', 300)} END"
    )
    yield (
        f"{size.users:,} users",
        f"""
        INSERT INTO user (id, extra, enabled, default_project_id, created_at, last_active_at,
          domain_id)
        SELECT {_ID},
          IF({_roll("email", 10)}, CONCAT('{{"email": "user', seq, '@example.org"}}'), '{{}}'),
          IF({_roll("enabled", 50)}, 1, 0), NULL,
          {_NOW} - INTERVAL {_roll("created", 1000)} DAY,
          IF({_roll("seen", 33)}, {_TODAY} - INTERVAL {idle} DAY, NULL), {_DOMAIN}
        FROM {numbers}""",
    )
    # Most count nothing; some failures lie about; a few accounts are locked just now.
    count = (
        f"CASE WHEN seq <= {len(SERVICES)} THEN IF(seq <= 3, {ATTEMPTS}, 0)"
        f" WHEN {_roll('failed', 5000)} = 0 THEN {ATTEMPTS}"
        f" WHEN {_roll('failed', 300)} = 1 THEN {ATTEMPTS}"
        f" WHEN {_roll('failed', 500)} = 2 THEN {ATTEMPTS - 1}"
        f" WHEN {_roll('failed', 20)} = 3 THEN 1 + {_roll('failures', 4)}"
        f" WHEN {_roll('failed', 2)} THEN 0 END"
    )
    at = (
        f"CASE WHEN seq <= {len(SERVICES)} OR {_roll('failed', 5000)} = 0"
        f" THEN {_NOW} - INTERVAL {_roll('failed-seconds', 1200)} SECOND"
        f" WHEN {_roll('failed', 300)} = 1 OR {_roll('failed', 500)} = 2"
        f" OR {_roll('failed', 20)} = 3"
        f" THEN {_NOW} - INTERVAL 3600 + {_roll('failed-seconds', 5_000_000)} SECOND END"
    )
    names = ", ".join(f"'{name}'" for name in SERVICES)
    name = f"IF(seq <= {len(SERVICES)}, ELT(seq, {names}), CONCAT('user-', seq))"
    yield (
        "their names and failures",
        f"""
        INSERT INTO local_user (user_id, domain_id, name, failed_auth_count, failed_auth_at)
        SELECT {_ID}, {_DOMAIN}, {name}, {count}, {at}
        FROM {numbers} WHERE seq % {LDAP};
        INSERT INTO nonlocal_user (domain_id, name, user_id)
        SELECT {_DOMAIN}, CONCAT('ldap-', seq), {_ID} FROM {numbers} WHERE NOT seq % {LDAP}""",
    )
    for step, words in ((2, "first"), (1, "second"), (0, "newest")):
        yield f"their {words} passwords", _passwords(size, step)
    yield "user options", _options(size)
    yield "role assignments", _assignments(size)


def _passwords(size: Size, step: int) -> str:
    """The passwords that come so many before the newest; each older one ends with the next."""
    number = "SUBSTRING_INDEX(name, '-', -1)"
    # In ten thousand newest ones: 400 expired by age, 50 never used, 100 older than the rule.
    kind = _roll("kind", 10_000, "user_id")
    age = (
        f"(CASE WHEN {kind} < 400 THEN {DAYS} + 1 + {_roll('age', 200, 'user_id')}"
        f" ELSE {_roll('age', DAYS, 'user_id')} END)"
    )
    made = f"({_MICROS} - {age} * {_DAY} - {_roll('second', 86_000, 'user_id')} * 1000000)"
    if step:
        created = f"({made} - {step * 85} * {_DAY})"
        expires = f"({made} - {(step - 1) * 85} * {_DAY} + {_roll('micro', 999_999, number)})"
    else:
        created = made
        expires = (
            f"CASE WHEN {kind} BETWEEN 400 AND 449 THEN {made}"
            f" WHEN {kind} BETWEEN 450 AND 549 THEN NULL ELSE {made} + {DAYS} * {_DAY} END"
        )
    return f"""
        INSERT INTO password (local_user_id, password_hash, self_service, created_at,
          expires_at, created_at_int, expires_at_int)
        SELECT id, CONCAT('$2b$12$', REPEAT('x', 53)), 1, FROM_UNIXTIME(created / 1000000),
          FROM_UNIXTIME(expires / 1000000), created, expires
        FROM (SELECT id, {created} AS created, {expires} AS expires FROM local_user
          WHERE domain_id LIKE 'domain-%%' ORDER BY id) computed"""


def _options(size: Size) -> str:
    """A hundredth is exempt from something; services from lockout, except those that are locked."""
    return " ".join(
        f"""
        INSERT INTO user_option (user_id, option_id, option_value)
        SELECT {_ID}, '{option}', IF({_roll("true", 10)}, 'true', 'false') FROM {size.numbers}
        WHERE {_roll("option" + option, 400)} = 0;"""
        for option in ("1001", "1002", "1004")
    )


def _assignments(size: Size) -> str:
    """Everybody is a member of a project, a fifth of two; some administrators; the services."""
    project = f"MD5(CONCAT('project', 1 + {_roll('project', DOMAINS * PROJECTS_PER_DOMAIN)}))"
    second = f"MD5(CONCAT('project', 1 + {_roll('second', DOMAINS * PROJECTS_PER_DOMAIN)}))"
    role = "(SELECT id FROM role WHERE name = '{}')".format
    member, admin, service = role("member"), role("admin"), role("service")
    insert = "INSERT IGNORE INTO assignment (type, actor_id, target_id, role_id, inherited)"
    return f"""
        {insert} SELECT 'UserProject', {_ID}, {project}, {member}, 0 FROM {size.numbers};
        {insert} SELECT 'UserProject', {_ID}, {second}, {member}, 0 FROM {size.numbers}
        WHERE {_roll("two", 5)} = 0;
        {insert} SELECT 'UserDomain', {_ID}, {_DOMAIN}, {admin}, 0 FROM {size.numbers}
        WHERE {_roll("admin", 5000)} = 0;
        {insert} SELECT 'UserProject', {_ID}, 'service', {service}, 0
        FROM seq_1_to_{len(SERVICES)};
        INSERT INTO system_assignment (type, actor_id, target_id, role_id, inherited)
        SELECT 'UserSystem', {_ID}, 'system', {admin}, 0 FROM seq_9_to_20;
        INSERT INTO application_credential
          (id, name, secret_hash, user_id, project_id, unrestricted)
        SELECT MD5(CONCAT('credential', seq)), CONCAT('credential-', seq), 'x', {_ID}, {project}, 0
        FROM seq_1_to_{max(size.users // 50, 1)}"""
