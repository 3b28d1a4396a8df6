"""Rows of a list, however long: hashed and packed as they come, and kept in a temporary file.

A row is a line of canonical JSON, an array of its cells. The SHA-256 is over all lines, each with
its newline. Lines are packed into chunks of which a database takes each as one value.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import Any, Final, NamedTuple, TypeAlias
from weakref import finalize

from pciops.lib.canonical import canonical

# What JSON has; instants are ISO 8601 in UTC with Z, days ISO 8601.
Cell: TypeAlias = str | int | bool | None
Row: TypeAlias = tuple[Cell, ...]

FIRST: Final = 500  # rows that stay at hand
LINES: Final = 512 * 1024  # bytes of lines in a chunk; packed they are a fifth of it
IN_MEMORY: Final = 256 * 1024  # bytes of chunks that need no file yet
LEVEL: Final = 6  # of zlib


class Chunk(NamedTuple):
    """Some lines, packed with zlib."""

    rows: int
    data: bytes


class Spool:
    """Takes rows one after the other, and gives them back as often as it is asked for them."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[Row] = []
        self._hash = hashlib.sha256()
        self._lines: list[bytes] = []
        self._size = 0
        self._places: list[tuple[int, int]] = []  # rows and bytes of each chunk
        self._file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
        self.close = finalize(self, self._file.close)  # at the latest when nobody has it any more

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Spool:
        """All of the rows."""
        spool = cls()
        for row in rows:
            spool.append(row)
        return spool

    def append(self, row: Row) -> None:
        """Take a row; half characters, which are no text, become question marks."""
        line = line_of(row)
        if self.count < FIRST:
            self.first.append(tuple(json.loads(line)))
        self.count += 1
        self._hash.update(line)
        self._lines.append(line)
        self._size += len(line)
        if self._size >= LINES:
            self._pack()

    @property
    def sha256(self) -> str:
        """Over all lines."""
        return self._hash.hexdigest()

    def chunks(self) -> Iterator[Chunk]:
        """All rows, packed."""
        self._pack()
        place = 0
        for rows, size in self._places:
            self._file.seek(place)
            yield Chunk(rows, self._file.read(size))
            place += size

    def rows(self) -> Iterator[Row]:
        """All rows, one after the other."""
        for chunk in self.chunks():
            yield from unpacked(chunk.data)

    def _pack(self) -> None:
        if not self._lines:
            return
        data = zlib.compress(b"".join(self._lines), LEVEL)
        self._file.seek(0, 2)
        self._file.write(data)
        self._places.append((len(self._lines), len(data)))
        self._lines, self._size = [], 0


def line_of(row: Iterable[Any]) -> bytes:
    """A row as a line."""
    return f"{canonical(list(row))}\n".encode("utf-8", "replace")


def unpacked(data: bytes) -> Iterator[Row]:
    """The rows of a chunk."""
    for line in zlib.decompress(data).splitlines():
        yield tuple(json.loads(line))
