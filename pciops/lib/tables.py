"""A list on standard output as a table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, Protocol

from pciops.lib.logs import escape

FORMATS: Final = ("table", "csv", "json")
BLOCK: Final = 64 * 1024  # characters
# A spreadsheet formula after blanks and quotes; the signs also in full-width and other forms.
_FORMULA: Final = (
    '(?:[^\\S\\t\\r\\n]|["\x00\u200b-\u200f\u2060\ufeff])*'
    "[-=+@\u207a\u207c\u208a\u208c\ufb29\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20]"
)
_STARTS: Final = re.compile(rf"[\t\r]|{_FORMULA}")
# Most lines: no cell is quoted, a formula, or has the start of one.
_CELL: Final = "(?:[A-Za-z0-9][A-Za-z0-9 .:@_+-]*+)?"
_PLAIN: Final = re.compile(f"{_CELL}(?:,{_CELL})*")
# After a character that some programs take as the end of a cell.
_FOLLOWS: Final = re.compile(rf"[;|\t\r\n](?={_FORMULA})")


class Writer(Protocol):
    """A text stream, or a command's output with an empty `ending`."""

    def write(self, text: str, /) -> object: ...


def defused(value: Any) -> str:
    """Return the text of a cell, with an apostrophe before each start of a spreadsheet formula."""
    text = _text(value)
    if isinstance(value, int) or not text:
        return text  # -3 is not a formula
    text = _FOLLOWS.sub(r"\g<0>'", text)
    return f"'{text}" if _STARTS.match(text) else text


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the rows as lines of CSV (RFC 4180); a cell that a row does not have is empty."""
    line = io.StringIO()
    writer = csv.writer(line)
    for cells in chain([columns], (list(map(row.get, columns)) for row in rows)):
        plain = ",".join([cell if type(cell) is str else _text(cell) for cell in cells])
        if plain.count(",") == len(cells) - 1 > 0 and _PLAIN.fullmatch(plain):
            yield f"{plain}\r\n"
            continue
        writer.writerow(map(defused, cells))
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def json_lines(key: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield `{"key": [row, …]}` with one row in each line."""
    yield f'{{"{key}": ['
    separator = "\n  "
    for row in rows:
        yield separator + json.dumps(row)
        separator = ",\n  "
    yield "\n]}\n"


def blocks(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines in blocks that are large enough for one write each."""
    block: list[str] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if size >= BLOCK:
            yield "".join(block)
            block, size = [], 0
    if block:
        yield "".join(block)


def write_table(out: Writer, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write aligned columns, control characters as escapes; return the number of rows."""
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
        return " ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
