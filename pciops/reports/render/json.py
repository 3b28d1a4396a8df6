"""A report as JSON, for machines: `docs/report.schema.json` says what is in it.

`report` is what is kept and hashed: the hash beside it is over its canonical JSON. All rows of its
lists stand besides, written as they are read: a list need not fit into memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pciops.lib import times
from pciops.reports.archive import codec
from pciops.reports.render import words
from pciops.reports.render.words import Rows, SignOff
from pciops.reports.value import Report

FORMAT: Final = 1  # raised when a reader of the format before would read something wrong


def stream(
    report: Report, rows: Rows, *, sha256: str = "", signoffs: Iterable[SignOff] = ()
) -> Iterator[str]:
    """The report with all rows of its lists.

    A list that cannot be read to its end leaves what is no JSON.
    """
    head: dict[str, Any] = {
        "format": FORMAT,
        "sha256": sha256 or None,
        "report": codec.as_dict(report),
        "verdicts": {section.key: words.verdict(section) for section in report.sections},
        "sign_offs": [
            {"by": signed.by, "at": times.iso(signed.at), "remark": signed.remark}
            for signed in signoffs
        ],
    }
    yield json.dumps(head).removesuffix("}") + ', "rows": {'
    for index, table in enumerate(report.tables()):
        yield f"{',' if index else ''}\n {json.dumps(table.key)}: ["
        separator = "\n  "
        for row in rows(table.key):
            yield separator + json.dumps(row)
            separator = ",\n  "
        yield "]"
    yield "}}\n"
