"""Charts of bars as an SVG file for docs/, which follows the reader's light or dark theme."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from pciops.lib.charts import TEXT, WIDE, Bars, columns

_STYLE: Final = """\
text { font: 13px system-ui, sans-serif; fill: #1f2933; }
.title { font-weight: 600; }
.axis { stroke: #7b8794; }
.s1 { fill: #52606d; }
.s2 { fill: #2f7de1; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; }
  .s1 { fill: #9aa5b1; }
  .s2 { fill: #6cb0ff; }
}
"""
_HEAD: Final = 2.5 * TEXT  # a title and a legend above each chart
_GAP: Final = 30.0


def svg(charts: Sequence[Bars]) -> str:
    """Return the charts below each other, each with its title and legend."""
    parts, top = [], 0.0
    for chart in charts:
        drawing = columns(chart)
        parts += [f'<g transform="translate(0 {top:g})">', *_head(chart), "</g>"]
        parts.append(f'<g transform="translate(0 {top + _HEAD:g})">')
        for rect in drawing.rects:
            parts.append(
                f'<rect class="s{rect.series}" x="{rect.x:g}" y="{rect.y:g}"'
                f' width="{rect.width:g}" height="{rect.height:g}"/>'
            )
        for stroke in drawing.strokes:
            parts.append(f'<polyline class="axis" points="{stroke}"/>')
        for text in drawing.texts:
            parts.append(_text(text.x, text.y, text.text, f'text-anchor="{text.anchor}"'))
        parts.append("</g>")
        top += _HEAD + drawing.height + _GAP
    titles = escape(". ".join(chart.title for chart in charts))
    size = f'viewBox="0 0 {WIDE:g} {top:g}" width="{WIDE:g}" height="{top:g}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{titles}">'
    return "\n".join([opening, f"<style>\n{_STYLE}</style>", *parts, "</svg>"]) + "\n"


def _head(chart: Bars) -> Iterator[str]:
    yield _text(0, TEXT, chart.title, 'class="title"')
    x = 0.0
    for number, series in enumerate(chart.series, 1):
        yield f'<rect class="s{number}" x="{x:g}" y="{TEXT + 9:g}" width="11" height="11"/>'
        yield _text(x + 16, TEXT + 19, series.label, "")
        x += 50 + 8 * len(series.label)


def _text(x: float, y: float, text: str, attributes: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" {attributes}>{escape(text)}</text>'
