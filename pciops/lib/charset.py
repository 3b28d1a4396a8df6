"""Whether pciops' own tables on MariaDB or MySQL can hold every character that Keystone's hold."""

from __future__ import annotations

from typing import Final

from django.db import connection

NEEDED: Final = "utf8mb4"  # what both call UTF-8; others refuse some names, or change them


def problem() -> str:
    """Return what is wrong with the character set, and the SQL that mends it; "" if nothing is.

    Raises:
        DatabaseError: the database does not answer.
    """
    if connection.vendor != "mysql":
        return ""
    name = str(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@character_set_database")
        [charset] = cursor.fetchone()
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            " AND table_collation NOT LIKE 'utf8mb4%%' ORDER BY table_name",
            [],
        )
        tables = [table for (table,) in cursor.fetchall()]
    if charset == NEEDED and not tables:
        return ""
    mending = [f"ALTER DATABASE `{name}` CHARACTER SET {NEEDED};"] if charset != NEEDED else []
    mending += [f"ALTER TABLE `{name}`.`{t}` CONVERT TO CHARACTER SET {NEEDED};" for t in tables]
    wrong = (
        f"its character set is {charset}" if charset != NEEDED else f"{tables[0]} has another one"
    )
    return (
        f"pciops' own database needs the character set {NEEDED}, but {wrong}. Run this as its "
        f"administrator: {' '.join(mending)}"
    )
