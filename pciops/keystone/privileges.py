"""What a login may do in Keystone's database, against the little that pciops needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from pciops.keystone import grants

# As SHOW GRANTS writes them, on MariaDB and MySQL.
_GRANT: Final = re.compile(r"GRANT (?P<rights>.+?) ON (?P<where>\S+) TO (?P<rest>.+)", re.DOTALL)
_RIGHT: Final = re.compile(r"(?P<name>[A-Z][A-Z ]*[A-Z])(?: \((?P<columns>[^)]*)\))?")


def surplus(lines: Iterable[str], *, database: str) -> list[str]:
    """The rights among these lines of SHOW GRANTS that `manage.py grants` never gives."""
    return [it for line in lines for it in _surplus(line, database)]


def _surplus(line: str, database: str) -> Iterator[str]:
    found = _GRANT.match(line)
    if found is None:  # GRANT `role` TO `login`, SET DEFAULT ROLE …
        role = re.match(r"GRANT (\S+) TO ", line)
        if role:
            yield f"whatever the role {role[1]} gives"
        return
    where = found["where"].replace("`", "")
    for right in _RIGHT.finditer(found["rights"]):
        if right["name"] != "USAGE":
            yield from _too_much(right["name"], right["columns"], where, database)
    if "WITH GRANT OPTION" in found["rest"]:
        yield f"GRANT OPTION on {where}"


def _too_much(right: str, columns: str | None, where: str, database: str) -> Iterator[str]:
    schema, _, table = where.partition(".")
    given = _expected(right, table) if schema == database else set()
    if not given or columns is None:
        yield f"{right} on {where}"
        return
    more = [name for name in re.split(r",\s*", columns.replace("`", "")) if name not in given]
    if more:
        yield f"{right} ({', '.join(more)}) on {where}"


def _expected(right: str, table: str) -> set[str]:
    """The columns of a table on which a login of ours may have this right."""
    if right == "SELECT":
        return set(grants.columns().get(table, ()))
    return set(grants.UPDATED) if (right, table) == ("UPDATE", "local_user") else set()
