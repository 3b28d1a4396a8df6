"""A report as CSV: a file a list and one for the figures, in a ZIP with their SHA-256 sums.

It is written as it is read: neither a list nor the ZIP has to fit into memory.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pciops.lib import tables, times
from pciops.reports.render.words import Rows, SignOff
from pciops.reports.value import Report

FIGURES: Final = ("section", "requirement", "figure", "label", "number", "change", "words")
SIGN_OFFS: Final = ("by", "at", "remark")
MANIFEST: Final = "SHA256SUMS"  # of sha256sum: `sha256sum --check SHA256SUMS` verifies the files
_BLOCK: Final = 64 * 1024


class _Pipe:
    """What a ZIP is written to, and read from as it grows."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(part)
        return len(part)

    def flush(self) -> None:
        """There is nothing behind it."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def stream(
    report: Report, rows: Rows, *, sha256: str = "", signoffs: Iterable[SignOff] = ()
) -> Iterator[bytes]:
    """The ZIP, block by block.

    A list that cannot be read to its end leaves a ZIP that is visibly broken, without its
    directory and its sums.
    """
    pipe, sums = _Pipe(), []
    year, *rest = report.header.generated_at.timetuple()[:6]
    stamp = (max(year, 1980), *rest)  # the first year that a ZIP knows
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name, lines in _files(report, rows, sha256, tuple(signoffs)):
            digest = hashlib.sha256()
            with archive.open(_entry(name, stamp), "w", force_zip64=True) as file:
                for block in _blocks(lines):
                    digest.update(block)
                    file.write(block)
                    yield pipe.take()
            sums.append(f"{digest.hexdigest()}  {name}\n")
        archive.writestr(_entry(MANIFEST, stamp), "".join(sums))
    yield pipe.take()


def _entry(name: str, stamp: tuple[int, ...]) -> zipfile.ZipInfo:
    """A file of the ZIP, of the instant of the report: two ZIPs of one report are the same."""
    info = zipfile.ZipInfo(name, date_time=stamp)  # type: ignore[arg-type]
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def file_name(key: str) -> str:
    """Of the list with this key; keys are ours."""
    return f"lists/{key}.csv"


def _files(
    report: Report, rows: Rows, sha256: str, signoffs: tuple[SignOff, ...]
) -> Iterator[tuple[str, Iterator[str]]]:
    """Name and lines of each file but the sums."""
    yield "report.csv", tables.csv_lines(("fact", "value"), _facts(report, sha256))
    yield "figures.csv", tables.csv_lines(FIGURES, _figures(report))
    yield "statements.csv", tables.csv_lines(_STATEMENTS, _statements(report))
    yield "gaps.csv", tables.csv_lines(_GAPS, _gaps(report))
    yield "sign-offs.csv", tables.csv_lines(SIGN_OFFS, _signoffs(signoffs))
    for table in report.tables():
        columns = [column.key for column in table.columns]
        lines = (dict(zip(columns, row, strict=True)) for row in rows(table.key))
        yield file_name(table.key), tables.csv_lines(columns, lines)


_STATEMENTS: Final = ("section", "requirement", "verdict", "words")
_GAPS: Final = ("source", "begins", "ends", "words")


def _facts(report: Report, sha256: str) -> Iterator[dict[str, Any]]:
    header = report.header
    facts = {
        **{name: getattr(header, name) for name in _HEADER},
        **{name: times.iso(getattr(header, name)) for name in ("begins", "ends", "generated_at")},
        "sha256": sha256,
        **{f"rows:{table.key}": table.count for table in report.tables()},
        **{f"sha256:{table.key}": table.sha256 for table in report.tables()},
    }
    yield from ({"fact": fact, "value": value} for fact, value in facts.items())


_HEADER: Final = (
    *("cloud", "domain_id", "domain_name", "week", "revision", "zone", "version"),
    *("previous_week", "previous_hash"),
)


def _figures(report: Report) -> Iterator[dict[str, Any]]:
    for section in report.sections:
        for figure in section.figures:
            yield {
                "section": section.key,
                "requirement": section.requirement,
                "figure": figure.key,
                "label": figure.label,
                "number": figure.number,
                "change": figure.change,
                "words": figure.words,
            }


def _statements(report: Report) -> Iterator[dict[str, Any]]:
    for section in report.sections:
        for statement in section.statements:
            yield {
                "section": section.key,
                "requirement": section.requirement,
                "verdict": statement.verdict,
                "words": statement.words,
            }


def _gaps(report: Report) -> Iterator[dict[str, Any]]:
    for gap in report.gaps:
        begins, ends = times.iso(gap.begins), times.iso(gap.ends)
        yield {"source": gap.source, "begins": begins, "ends": ends, "words": gap.words}


def _signoffs(signoffs: tuple[SignOff, ...]) -> Iterator[dict[str, Any]]:
    for signed in signoffs:
        yield {"by": signed.by, "at": times.iso(signed.at), "remark": signed.remark}


def _blocks(lines: Iterator[str]) -> Iterator[bytes]:
    """Lines in blocks that are worth a write."""
    parts, size = [], 0
    for line in lines:
        part = line.encode()
        parts.append(part)
        size += len(part)
        if size >= _BLOCK:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join(parts)
