"""A report as CSV: one file for each table and one for the figures, in a ZIP with SHA-256 sums.

The ZIP is written while the rows are read: neither has to fit into memory.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pciops.lib import tables, times
from pciops.reports.archive import codec
from pciops.reports.render import text
from pciops.reports.render.text import ReportContent
from pciops.reports.value import Report

MANIFEST: Final = "SHA256SUMS"  # `sha256sum --check SHA256SUMS` verifies the files
_HEADER: Final = (
    *("cloud", "domain_id", "domain_name", "week", "revision", "zone", "version"),
    *("previous_week", "previous_hash", "begins", "ends", "generated_at"),
)
# Parts of sections and their columns, which have the names of the JSON.
_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "figures": ("figure", "label", "number", "change", "words"),
    "statements": ("verdict", "words"),
}
_JUDGMENT: Final = (
    *("section", "requirement", "old", "verdict", "procedure", "asks", "unit"),
    *("population", "tested", "exceptions", "found", "not_tested", "excluded"),
)
_Lines = Iterable[Mapping[str, Any]]


class _Pipe:
    """A file that a ZIP is written to, and read from as it grows."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(part)
        return len(part)

    def flush(self) -> None:
        """Do nothing: there is no buffer to write."""

    def take(self) -> bytes:
        """Return the bytes written since the last call."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def stream(content: ReportContent) -> Iterator[bytes]:
    """Yield the ZIP in blocks.

    A list that cannot be read to its end leaves a ZIP that is visibly broken, without its
    directory and its sums.
    """
    pipe, sums = _Pipe(), []
    year, *rest = content.report.header.generated_at.timetuple()[:6]
    stamp = (max(year, 1980), *rest)  # 1980 is the first year that a ZIP can have
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload] # any file will do
        for name, columns, lines in _files(content):
            digest = hashlib.sha256()
            with archive.open(_entry(name, stamp), "w", force_zip64=True) as file:
                for block in map(str.encode, tables.blocks(tables.csv_lines(columns, lines))):
                    digest.update(block)
                    file.write(block)
                    yield pipe.take()
            sums.append(f"{digest.hexdigest()}  {name}\n")
        for name, proof in content.proofs:
            archive.writestr(_entry(name, stamp), proof)
            sums.append(f"{hashlib.sha256(proof).hexdigest()}  {name}\n")
        archive.writestr(_entry(MANIFEST, stamp), "".join(sums))
    yield pipe.take()


def _entry(name: str, stamp: tuple[int, ...]) -> zipfile.ZipInfo:
    """Return an entry with the time of the report: two ZIPs of one report are the same."""
    info = zipfile.ZipInfo(name, date_time=stamp)  # type: ignore[arg-type] # it has six numbers
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def file_name(key: str) -> str:
    """Return the name of the file of a table."""
    return f"lists/{key}.csv"


def _files(content: ReportContent) -> Iterator[tuple[str, Sequence[str], _Lines]]:
    """Yield name, columns and lines of each file but the sums."""
    report = content.report
    yield "report.csv", ("fact", "value"), _facts(report, content.sha256)
    for name, columns in _PARTS.items():
        parts = (
            {
                "section": section.key,
                "requirement": section.requirement,
                "figure": getattr(part, "key", ""),
                **codec.as_dict(part),
            }
            for section in report.sections
            for part in getattr(section, name)
        )
        yield f"{name}.csv", ("section", "requirement", *columns), parts
    yield "requirements.csv", _JUDGMENT, _judgments(report)
    yield "gaps.csv", ("source", "begins", "ends", "words"), map(codec.as_dict, report.gaps)
    signed = ({"by": s.by, "at": times.iso(s.at), "remark": s.remark} for s in content.sign_offs)
    yield "sign-offs.csv", ("by", "at", "remark"), signed
    for table in report.tables():
        keys = [column.key for column in table.columns]
        lines = (dict(zip(keys, row, strict=True)) for row in content.rows(table.key))
        yield file_name(table.key), keys, lines


def _judgments(report: Report) -> Iterator[dict[str, Any]]:
    for section, judgment in report.judgments():
        yield {
            "section": section.key,
            **codec.as_dict(judgment),
            "found": "; ".join(map(text.found_text, judgment.found)),
            "not_tested": " ".join(judgment.not_tested),
            "excluded": " ".join(judgment.excluded),
        }


def _facts(report: Report, sha256: str) -> Iterator[dict[str, Any]]:
    header = codec.as_dict(report.header)
    facts = {
        **{name: header[name] for name in _HEADER},
        "sha256": sha256,
        **{f"rows:{table.key}": table.count for table in report.tables()},
        **{f"sha256:{table.key}": table.sha256 for table in report.tables()},
    }
    yield from ({"fact": fact, "value": value} for fact, value in facts.items())
