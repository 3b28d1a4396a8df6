"""Template filters for the figures, charts and tables of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django import template
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from pciops.events.sentences import account_part
from pciops.lib import charts
from pciops.lib.numbers import counted
from pciops.reports.render import text
from pciops.reports.render.csv import file_name
from pciops.reports.value import Bars, Cell, Column, ReportVerdict, Row, Table, Verdict

NAMED: Final = {"user_id", "user_name"}  # columns of a table whose accounts can be linked

register = template.Library()

CLASSES: Final = {"number": "number", "instant": "nowrap", "day": "nowrap"}
TAGS: Final[dict[Verdict | ReportVerdict, dict[str, str]]] = {
    Verdict.EXCEPTION: {"tone": "bad", "icon": "circle-x"},
    Verdict.NOT_TESTED: {"tone": "plain", "icon": "circle-dashed"},
    Verdict.PARTLY_TESTED: {"tone": "soon", "icon": "contrast"},
    Verdict.NO_EXCEPTION: {"tone": "good", "icon": "circle-check"},
    ReportVerdict.MET: {"tone": "plain", "icon": "minus"},
    ReportVerdict.FINDING: {"tone": "bad", "icon": "circle-x"},
    ReportVerdict.UNKNOWN: {"tone": "plain", "icon": "circle-dashed"},
}

register.filter("number", text.number_text)
register.filter("change", text.change_text)
register.filter("column_title", text.column_title)
register.filter("found_text", text.found_text)
register.filter("counts", text.counts)


@register.filter
def tag(verdict: Verdict | ReportVerdict | None) -> dict[str, str] | None:
    """Return the tone, the icon and the label of a verdict."""
    return None if verdict is None else {**TAGS[verdict], "label": text.VERDICTS[verdict]}


@register.filter
def row_count(table: Table) -> str:
    """Return `1,204 rows`."""
    return counted(table.count, "row")


@register.filter
def cut_sentence(table: Table) -> str:
    """Return the sentence above a table of which not all rows are shown; "" if all are."""
    shown = len(table.shown)
    return text.cut_sentence(table, shown, file_name(table.key)) if shown < table.count else ""


@register.filter
def drawings(bars: Bars) -> dict[str, Any]:
    """Return a chart with its drawings in both shapes."""
    chart = text.chart(bars)
    return {"bars": chart, "columns": charts.columns(chart), "rows": charts.rows(chart)}


@register.filter
def body(table: Table, linked: bool) -> SafeString:
    """Return the first rows of a table as HTML, with links to accounts if `linked`."""
    return rows_html(table.shown, table.columns, linked)


def rows_html(rows: Iterable[Row], columns: Sequence[Column], linked: bool) -> SafeString:
    """Return rows as HTML: a template would take seconds for the cells of all tables."""
    keys = [column.key for column in columns]
    named = linked and set(keys) >= NAMED
    id_at, name_at = (keys.index("user_id"), keys.index("user_name")) if named else (-1, -1)
    openings = [_opening(column) for column in columns]
    lines = []
    for row in rows:
        cells = [
            f"{opening}<bdi>{escape(text.cell_text(value, column))}</bdi></td>"
            for opening, value, column in zip(openings, row, columns, strict=True)
        ]
        if named:
            cells[name_at] = f"{openings[name_at]}{_link(row[id_at], row[name_at])}</td>"
            del cells[id_at]
        lines.append(f'<tr role="row">{"".join(cells)}</tr>')
    return mark_safe("\n".join(lines))  # noqa: S308 each cell is escaped


@register.filter
def shown_columns(columns: Sequence[Column], linked: bool) -> list[Column]:
    """Return the columns that a table shows: a linked name needs no id beside it."""
    named = linked and {column.key for column in columns} >= NAMED
    return [column for column in columns if not (named and column.key == "user_id")]


def _link(user_id: Cell, name: Cell) -> str:
    part = account_part(str(user_id), str(name or ""), "")
    shown = f"<bdi>{escape(text.printable(part.text))}</bdi>"
    if not part.account_id:
        return shown
    address = reverse("account", args=(part.account_id,))
    return f'<a class="who-name" href="{escape(address)}">{shown}</a>'


def _opening(column: Column) -> str:
    name = "id" if column.is_id else CLASSES.get(column.kind, "")
    style = f' class="{name}"' if name else ""
    return f'<td role="cell" data-label="{escape(text.column_title(column))}"{style}>'
