"""The best SQL that is known for each list: what the machine needs for the answer alone.

Each gives the ids of the same accounts as the list of pciops (`measured` in bench.of_pages compares
them), on MariaDB with the cloud of bench.fill and the rules of bench.cloud. If you find a faster
statement, put it here: the ratio of the page shows what there is to gain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bench.fill import ATTEMPTS, DAYS

PAGE: Final = 50  # accounts
LOCKOUT: Final = timedelta(seconds=1800)
EXPIRING, INACTIVE_SOON = timedelta(days=14), timedelta(days=7)  # what pciops calls soon
SPARE: Final = 400  # rows of a scan, of which a page is chosen


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The statement for one list."""

    ids: str  # those of the first page in its order
    whole: bool = False  # instead, those of the whole list in any order
    # Finds the ids of `local_user` among which the rare accounts are; kept, and not measured.
    few: str = ""


def details(count: int) -> str:
    """Return the statement for what a page shows of so many accounts."""
    places = ", ".join(["%s"] * count)
    return f"""
        SELECT u.id, l.name, l.domain_id, d.name, u.extra, u.enabled, u.created_at,
          u.last_active_at, l.failed_auth_count, l.failed_auth_at, p.created_at_int,
          p.expires_at_int, (SELECT GROUP_CONCAT(o.option_id, o.option_value) FROM user_option o
            WHERE o.user_id = u.id), (SELECT GROUP_CONCAT(DISTINCT a.role_id) FROM assignment a
            WHERE a.actor_id = u.id)
        FROM user u LEFT JOIN local_user l ON l.user_id = u.id
        LEFT JOIN project d ON d.id = u.domain_id
        LEFT JOIN password p ON p.id = (SELECT q.id FROM password q WHERE q.local_user_id = l.id
          ORDER BY q.created_at_int DESC, q.expires_at_int LIMIT 1)
        WHERE u.id IN ({places})"""  # noqa: S608 (places only)


_NAMES: Final = f"ORDER BY l.domain_id, l.name LIMIT {PAGE}"
_LOCAL: Final = "SELECT l.user_id FROM local_user l"
_USERS: Final = f"{_LOCAL} STRAIGHT_JOIN user u ON u.id = l.user_id"
_NEWEST: Final = """(SELECT {column} FROM password q WHERE q.local_user_id = l.id
    ORDER BY q.created_at_int DESC, q.expires_at_int IS NULL, q.expires_at_int LIMIT 1)"""


def _without(option: str, user: str = "l.user_id") -> str:
    return (
        f"NOT EXISTS (SELECT 1 FROM user_option o WHERE o.user_id = {user}"
        f" AND o.option_id = '{option}' AND o.option_value = 'true')"
    )


def lists(now: datetime) -> dict[str, Reference]:
    """Return the references by the name of the state; "" is the list of all accounts."""
    micros = int(now.timestamp() * 1_000_000)
    today = now.astimezone(UTC).date()
    since = f"'{now - LOCKOUT:%Y-%m-%d %H:%M:%S.%f}'"
    expiry = _NEWEST.format(column="q.expires_at_int")
    first_use = _NEWEST.format(column="q.expires_at_int < q.created_at_int + 86400000000")
    failing = f"{_LOCAL} WHERE l.failed_auth_count >= {ATTEMPTS}"
    inactive = f"'{today - timedelta(days=DAYS)}'"
    soon = f"'{today - timedelta(days=DAYS) + INACTIVE_SOON}'"
    day = "COALESCE(u.last_active_at, DATE(u.created_at))"
    return {
        "": Reference(ids=f"{_LOCAL} {_NAMES}"),
        "disabled": Reference(ids=f"{_USERS} WHERE u.enabled IS NOT TRUE {_NAMES}"),
        "inactive": Reference(
            ids=f"{_USERS} WHERE u.enabled AND {day} <= {inactive} AND {_without('1004')} {_NAMES}"
        ),
        "never_signed_in": Reference(ids=f"{_USERS} WHERE u.last_active_at IS NULL {_NAMES}"),
        "expired": Reference(
            ids=f"{_LOCAL} WHERE {expiry} <= {micros} AND NOT {first_use} AND {_without('1001')}"
            f" {_NAMES}"
        ),
        "must_change": Reference(
            ids=f"{_LOCAL} WHERE {first_use} AND {expiry} <= {micros} AND {_without('1001')}"
            f" {_NAMES}"
        ),
        "no_expiry": Reference(
            ids=f"{_LOCAL} WHERE {expiry} IS NULL AND {_without('1001')} {_NAMES}"
        ),
        "no_password": Reference(
            few="SELECT l.id FROM local_user l LEFT JOIN password p ON p.local_user_id = l.id"
            " WHERE p.id IS NULL",
            ids=f"{_LOCAL} WHERE l.id IN ({{few}}) AND NOT EXISTS"
            f" (SELECT 1 FROM password p WHERE p.local_user_id = l.id) {_NAMES}",
        ),
        "expiring": Reference(
            ids="SELECT l.user_id FROM (SELECT local_user_id, expires_at_int FROM password"
            f" WHERE expires_at_int > {micros}"
            f" AND expires_at_int <= {micros + EXPIRING // timedelta(microseconds=1)}"
            f" ORDER BY expires_at_int, local_user_id LIMIT {SPARE}) p"
            f" STRAIGHT_JOIN local_user l ON l.id = p.local_user_id WHERE {_without('1001')}"
            f" ORDER BY p.expires_at_int, l.id LIMIT {PAGE}"
        ),
        "inactive_soon": Reference(
            ids=f"SELECT u.id FROM (SELECT u.id, {day} AS at FROM user u WHERE u.enabled"
            f" AND {day} > {inactive} AND {day} <= {soon} ORDER BY at, u.id LIMIT {SPARE}) u"
            f" WHERE {_without('1004', 'u.id')} ORDER BY u.at, u.id LIMIT {PAGE}"
        ),
        "locked": Reference(
            ids=f"{failing} AND l.failed_auth_at > {since} AND {_without('1002')}", whole=True
        ),
        "lock_lapsed": Reference(
            ids=f"{failing} AND l.failed_auth_at <= {since} AND {_without('1002')}", whole=True
        ),
        "near_lockout": Reference(
            ids=f"{_LOCAL} WHERE l.failed_auth_count = {ATTEMPTS - 1} AND {_without('1002')}",
            whole=True,
        ),
        "attacked_exempt": Reference(
            ids="SELECT l.user_id FROM user_option o STRAIGHT_JOIN local_user l"
            " ON l.user_id = o.user_id WHERE o.option_id = '1002' AND o.option_value = 'true'"
            f" AND l.failed_auth_count >= {ATTEMPTS}",
            whole=True,
        ),
        "exempt": Reference(
            ids="SELECT DISTINCT l.user_id FROM user_option o STRAIGHT_JOIN local_user l"
            " ON l.user_id = o.user_id WHERE o.option_id IN ('1000', '1001', '1002', '1004')"
            f" AND o.option_value = 'true' {_NAMES}"
        ),
        "second_factor_not_enrolled": Reference(
            ids="SELECT user_id FROM user_option WHERE option_id = 'MFAR'"
        ),
        "unreadable": Reference(
            ids="SELECT u.id FROM user u WHERE NOT JSON_VALID(u.extra)"
            " OR JSON_TYPE(u.extra) <> 'OBJECT'"
        ),
        "not_covered": Reference(
            ids="SELECT u.id FROM user u LEFT JOIN local_user l ON l.user_id = u.id"
            f" WHERE l.id IS NULL ORDER BY u.id LIMIT {PAGE}"
        ),
    }


def search(text: str, *, begins: bool, domains: Sequence[str]) -> Reference:
    """Return the reference of a search for a text without signs that LIKE knows.

    Args:
        domains: the ids of all, which the index on names begins with.
    """
    if begins:
        ids = ", ".join(f"'{domain}'" for domain in domains)
        return Reference(
            ids=f"{_LOCAL} WHERE l.domain_id IN ({ids}) AND l.name LIKE '{text}%' {_NAMES}"
        )
    return Reference(
        ids=f"{_LOCAL} WHERE l.name LIKE '%{text}%'"
        f" UNION SELECT u.id FROM user u WHERE u.extra LIKE '%{text}%'",
        whole=True,
    )


ACCOUNT: Final = (
    details(1),
    "SELECT id, name, project_id, expires_at FROM application_credential WHERE user_id = %s",
    "SELECT type, target_id, role_id FROM assignment WHERE actor_id = %s",
)
