"""A list on standard output as a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from pciops.lib.logs import escape

FORMATS: Final = ("table", "csv", "json")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Writer(Protocol):
    """A text stream, or a command's output with `ending` set to nothing."""

    def write(self, text: str, /) -> object: ...


def defused(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before what could begin one."""
    text = _text(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def write_csv(out: Writer, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write the rows as they come; returns how many there were."""
    writer = csv.writer(out)
    writer.writerow(columns)
    number = 0
    for number, row in enumerate(rows, 1):  # noqa: B007 (the count is the result)
        writer.writerow([defused(row[column]) for column in columns])
    return number


def write_json(out: Writer, key: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write `{"key": [row, …]}` as the rows come; returns how many there were."""
    out.write(f'{{"{key}": [')
    number = 0
    for number, row in enumerate(rows, 1):
        out.write(f"{',' if number > 1 else ''}\n  {json.dumps(row)}")
    out.write("\n]}\n")
    return number


def write_table(out: Writer, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write aligned columns; control characters are shown as escapes."""
    cells = [[escape(_text(row[column])) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    for line in [list(columns), *cells]:
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        out.write(text.rstrip() + "\n")
    return len(cells)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
