"""A report as JSON, for programs: `docs/report.schema.json` is its schema.

`report` is what is stored and hashed: the hash beside it is of its canonical JSON. All rows of its
tables are beside it, written as they are read: they need not fit into memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from pciops.lib import times
from pciops.reports.archive import codec
from pciops.reports.render.text import ReportContent
from pciops.reports.value import ReportVerdict, Section, Verdict

FORMAT: Final = 1  # raised when a program for the format before would read something wrong


def stream(content: ReportContent) -> Iterator[str]:
    """Yield the report with all rows of its tables.

    A list that cannot be read to its end leaves a text that is not JSON.
    """
    head: dict[str, Any] = {
        "format": FORMAT,
        "sha256": content.sha256 or None,
        "report": codec.as_dict(content.report),
        "verdicts": {section.key: _old_verdict(section) for section in content.report.sections},
        "requirements": [
            {"section": section.key, **codec.as_dict(judgment)}
            for section, judgment in content.report.judgments()
        ],
        "sign_offs": [
            {"by": signed.by, "at": times.iso(signed.at), "remark": signed.remark}
            for signed in content.sign_offs
        ],
    }
    yield json.dumps(head).removesuffix("}") + ', "rows": {'
    for index, table in enumerate(content.report.tables()):
        yield f"{',' if index else ''}\n {json.dumps(table.key)}: ["
        separator = "\n  "
        for row in content.rows(table.key):
            yield separator + json.dumps(row)
            separator = ",\n  "
        yield "]"
    yield "}}\n"


def _old_verdict(section: Section) -> str | None:
    """Return the verdict in the words of 0.1.0; `met` only in a report of that version."""
    if section.judgments is None:
        return section.old_verdict
    if section.verdict is None or section.verdict is Verdict.NO_EXCEPTION:
        return None
    is_exception = section.verdict is Verdict.EXCEPTION
    return ReportVerdict.FINDING if is_exception else ReportVerdict.UNKNOWN
