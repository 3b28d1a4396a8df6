"""Rows of lists of any length: hashed and compressed as they arrive, kept in temporary files.

A row is a line of canonical JSON, an array of its cells. The SHA-256 is over all lines, each with
its newline. Lines are compressed in chunks small enough to be one value in a database. Each list
has a thread for that, since neither SHA-256 nor zlib holds the lock of Python.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import Final, NamedTuple, Self
from weakref import finalize

from pciops.lib import keyset
from pciops.lib.canonical import canonical_lines
from pciops.reports.value import Column, Report, Row, Table

FIRST_ROWS: Final = 500  # that pages show
CHUNK_ROWS: Final = 1000  # a quarter of a megabyte of lines, a fifth of that when compressed
CHUNK_SIZE: Final = 2 * 1024 * 1024  # bytes of lines: those of long rows are halved
IN_MEMORY: Final = 256 * 1024  # bytes of chunks that need no file yet
LEVEL: Final = 3  # of zlib: half the time of its default, and a twentieth more bytes


class Chunk(NamedTuple):
    """Some lines, compressed with zlib."""

    rows: int
    data: bytes


class Spool:
    """A list that rows are appended to and read from as often as needed."""

    def __init__(self) -> None:
        self._rows: list[Row] = []  # in no chunk yet
        self._in_chunks = 0
        self._hash = hashlib.sha256()
        self._chunks: list[tuple[int, int]] = []  # rows and bytes of each chunk in the file
        self._file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 closed by `close`
        self._thread = ThreadPoolExecutor(max_workers=1)  # begins with the first chunk
        self._compressing: Future[None] | None = None
        self.close = finalize(self, self._file.close)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Spool:
        """Return a spool with all of the rows."""
        spool = cls()
        spool.extend(rows)
        return spool

    @property
    def count(self) -> int:
        """Return the number of rows."""
        return self._in_chunks + len(self._rows)

    def append(self, row: Row) -> None:
        """Append a row; half surrogate pairs, which are not text, become question marks."""
        self._rows.append(row)
        if len(self._rows) >= CHUNK_ROWS:
            self._fill_chunk()

    def extend(self, rows: Iterable[Row]) -> None:
        """Append rows."""
        for some in keyset.batched(rows, CHUNK_ROWS):
            self._rows += some
            if len(self._rows) >= CHUNK_ROWS:
                self._fill_chunk()

    @property
    def first(self) -> list[Row]:
        """Return the first rows."""
        return list(islice(self.rows(), FIRST_ROWS))

    @property
    def sha256(self) -> str:
        """Return the hash of all lines."""
        self._finish()
        return self._hash.hexdigest()

    def chunks(self) -> Iterator[Chunk]:
        """Yield all rows, compressed."""
        self._finish()
        offset = 0
        for rows, size in self._chunks:
            self._file.seek(offset)
            yield Chunk(rows, self._file.read(size))
            offset += size

    def rows(self) -> Iterator[Row]:
        """Yield all rows."""
        for chunk in self.chunks():
            yield from decompressed(chunk.data)

    def _finish(self) -> None:
        """Compress the rows that are too few for a chunk."""
        self._wait()
        if self._rows:
            self._compress(self._next_rows())

    def _fill_chunk(self) -> None:
        self._wait()
        self._compressing = self._thread.submit(self._compress, self._next_rows())

    def _next_rows(self) -> list[Row]:
        """Return the rows of the next chunk, which are no longer among those without one."""
        rows, self._rows = self._rows[:CHUNK_ROWS], self._rows[CHUNK_ROWS:]
        self._in_chunks += len(rows)
        return rows

    def _wait(self) -> None:
        if self._compressing is not None:
            self._compressing.result()
            self._compressing = None

    def _compress(self, rows: Sequence[Row]) -> None:
        text = canonical_lines(rows).encode("utf-8", "replace")
        if len(text) > CHUNK_SIZE and len(rows) > 1:
            half = len(rows) // 2
            self._compress(rows[:half])
            self._compress(rows[half:])
            return
        self._hash.update(text)
        data = zlib.compress(text, LEVEL)
        self._file.seek(0, 2)
        self._file.write(data)
        self._chunks.append((len(rows), len(data)))


def decompressed(data: bytes) -> Iterator[Row]:
    """Yield the rows of a chunk."""
    lines = zlib.decompress(data).rstrip(b"\n").replace(b"\n", b",")
    yield from map(tuple, json.loads(b"[%s]" % lines))  # one call: for each line takes longer


class ReportTables:
    """All rows of all tables of one report."""

    def __init__(self) -> None:
        self.spools: dict[str, Spool] = {}  # by the key of the table

    def add(
        self,
        key: str,
        title: str,
        columns: Sequence[Column],
        rows: Iterable[Row] | Spool,
        *,
        empty: str = "There is no such account.",
        identity: tuple[str, ...] = ("user_id",),
    ) -> Table:
        """Take the rows of a table, and return the table.

        Raises:
            ValueError: two tables have the same key.
        """
        if key in self.spools:
            raise ValueError(f"two tables of the report have the key {key}")
        spool = rows if isinstance(rows, Spool) else Spool.of(rows)
        self.spools[key] = spool
        return Table(
            key=key,
            title=title,
            columns=tuple(columns),
            count=spool.count,
            sha256=spool.sha256,
            shown=tuple(spool.first),
            empty=empty,
            identity=identity,
        )

    def rows(self, key: str) -> Iterator[Row]:
        """Yield all rows of the table with this key."""
        return self.spools[key].rows()

    def close(self) -> None:
        """Delete the temporary files."""
        for spool in self.spools.values():
            spool.close()


@dataclass(frozen=True, kw_only=True)
class BuiltReport:
    """A report that is not stored yet; as a context manager it deletes its temporary files."""

    report: Report
    tables: ReportTables

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.tables.close()
