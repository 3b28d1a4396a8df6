"""A report as JSON, for machines: `docs/report.schema.json` says what is in it.

Written as it is read, a row a line: a list need not fit into memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pciops.lib import times
from pciops.lib.evidence import Bars
from pciops.reports import words
from pciops.reports.value import Figure, Header, Report, Section, Table
from pciops.reports.words import Rows, SignOff

FORMAT: Final = 1  # raised when a reader of the format before would read something wrong


def stream(
    report: Report, rows: Rows, *, sha256: str = "", signoffs: Iterable[SignOff] = ()
) -> Iterator[str]:
    """The report with all rows of its lists.

    A list that cannot be read to its end leaves what is no JSON.
    """
    head = {"format": FORMAT, "sha256": sha256 or None, "header": _header(report.header)}
    yield f'{{"report": {_open(head)},\n "sections": ['
    for index, section in enumerate(report.sections):
        yield f'{"," if index else ""}\n {_open(_section(section))},\n  "tables": ['
        for place, table in enumerate(section.tables):
            yield f"{',' if place else ''}\n  "
            yield from _table(table, rows)
        yield "]}"
    tail = {
        "gaps": [
            {
                "source": gap.source,
                "begins": times.iso(gap.begins),
                "ends": times.iso(gap.ends),
                "words": gap.words,
            }
            for gap in report.gaps
        ],
        "sign_offs": [
            {"by": signed.by, "at": times.iso(signed.at), "remark": signed.remark}
            for signed in signoffs
        ],
    }
    yield f"],\n {_close(tail)}}}\n"


def summary(report: Report) -> dict[str, Any]:
    """The week and its main figures: what a list of reports has of each."""
    header = report.header
    return {
        "week": header.week,
        "revision": header.revision,
        "begins": times.iso(header.begins),
        "ends": times.iso(header.ends),
        "generated_at": times.iso(header.generated_at),
        "domain_id": header.domain_id or None,
        "figures": [_figure(figure) for figure in report.figures() if figure.main],
    }


def _header(header: Header) -> dict[str, Any]:
    return {
        "cloud": header.cloud,
        "domain_id": header.domain_id or None,
        "domain_name": header.domain_name or None,
        "week": header.week,
        "revision": header.revision,
        "begins": times.iso(header.begins),
        "ends": times.iso(header.ends),
        "zone": header.zone,
        "generated_at": times.iso(header.generated_at),
        "version": header.version,
        "previous_week": header.previous_week or None,
        "previous_hash": header.previous_hash or None,
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "key": section.key,
        "requirement": section.requirement or None,
        "old_requirement": section.old or None,
        "title": section.title,
        "demand": section.demand,
        "verdict": words.verdict(section),
        "statements": [
            {"words": statement.words, "verdict": statement.verdict}
            for statement in section.statements
        ],
        "figures": [_figure(figure) for figure in section.figures],
        "bars": [_bars(bars) for bars in section.bars],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "key": figure.key,
        "label": figure.label,
        "number": figure.number,
        "change": figure.change,
        "words": figure.words,
        "finding": figure.finding,
        "main": figure.main,
    }


def _bars(bars: Bars) -> dict[str, Any]:
    return {
        "key": bars.key,
        "title": bars.title,
        "groups": list(bars.groups),
        "series": [{"label": label, "values": list(values)} for label, values in bars.series],
    }


def _table(table: Table, rows: Rows) -> Iterator[str]:
    head = {
        "key": table.key,
        "title": table.title,
        "columns": [
            {"key": column.key, "title": column.title, "kind": column.kind}
            for column in table.columns
        ],
        "identity": list(table.identity),
        "empty": table.empty,
        "count": table.count,
        "sha256": table.sha256,
    }
    yield f'{_open(head)},\n   "rows": ['
    separator = "\n    "
    for row in rows(table.key):
        yield separator + json.dumps(row)
        separator = ",\n    "
    yield "]}"


def _open(value: dict[str, Any]) -> str:
    """The object without its end."""
    return json.dumps(value).removesuffix("}")


def _close(value: dict[str, Any]) -> str:
    """The object without its beginning."""
    return json.dumps(value).removeprefix("{")
