"""A report as HTML: the context of the templates, and the whole as one file.

Tables are shown with their first rows, which the report itself has; CSV and JSON have all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from pciops.reports.render import text
from pciops.reports.render.text import ReportContent
from pciops.reports.value import worst

STYLES: Final = (
    *("base.css", "layout.css", "components.css"),
    *("tables.css", "pages.css", "print.css"),
)


def stream(content: ReportContent) -> Iterator[str]:
    """Yield the report as one file that needs neither network nor scripts."""
    context = {**report_context(content), "style": _style()}
    yield render_to_string("reports/report.html", context)


def report_context(content: ReportContent) -> dict[str, Any]:
    """Return the context of `reports/body.html`."""
    report = text.printable_report(content.report)
    return {
        "header": report.header,
        "scope": text.scope(report.header),
        "period": text.period(report.header),
        "days": text.days(report.header),
        "facts": text.facts(report.header, content.sha256),
        "headline": text.headline(report),
        "tally": text.tally(report),
        "verdict": worst({judgment.verdict for _, judgment in report.judgments()}),
        "exceptions": text.exceptions(report),
        "judged": [
            (section, judgment)
            for section in report.sections
            for judgment in section.judgments or (() if report.is_judged else (None,))
        ],
        "main_figures": [figure for figure in report.figures() if figure.main],
        "sections": report.sections,
        "gaps": [text.gap_sentence(gap) for gap in report.gaps],
        "linked": False,  # the page of the site sets these two
        "unchanged": frozenset(),
        "sign_offs": [text.acknowledgement(signed) for signed in content.sign_offs],
    }


@cache
def _style() -> SafeString:
    """Return our style sheets as an element: the file is not subject to our site's policy."""
    folder = Path(settings.STATICFILES_DIRS[0]) / "css"
    sheets = "\n".join((folder / name).read_text(encoding="utf-8") for name in STYLES)
    return mark_safe(f"<style>{sheets}</style>")  # noqa: S308 our own files
