"""What a program needs of an HTML page: its links, its forms, and what it says went wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    """Where a form goes and what it holds before anybody has filled it in."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """A page, read.

    Attributes:
        links: pairs of address and text.
        alerts: the text of each element with the role `alert`.
        text: all that is shown, and the title.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.forms: list[Form] = []
        self.alerts: list[str] = []
        self.text = ""
        self._address = ""
        self._link = ""
        self._alert: tuple[str, int] | None = None  # the element's name, and where its text begins
        self.feed(html)
        self.close()

    def form_with(self, name: str) -> Form | None:
        """The first form that has a field of this name."""
        return next((form for form in self.forms if name in form.fields), None)

    def complaint(self) -> str:
        """What the page says went wrong, in its own words; else how it begins."""
        return " ".join(self.alerts) or " ".join(self.text.split())[:300]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by HTMLParser."""
        values = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._address, self._link = values.get("href", ""), ""
        elif tag == "form":
            self.forms.append(Form(values.get("action", "")))
        elif tag in {"input", "select", "textarea"} and self.forms and "name" in values:
            self.forms[-1].fields.setdefault(values["name"], values.get("value", ""))
        if values.get("role") == "alert":
            self._alert = (tag, len(self.text))

    def handle_endtag(self, tag: str) -> None:
        """Called by HTMLParser."""
        if tag == "a" and self._address:
            self.links.append((self._address, " ".join(self._link.split())))
            self._address = ""
        if self._alert and self._alert[0] == tag:
            self.alerts.append(" ".join(self.text[self._alert[1] :].split()))
            self._alert = None

    def handle_data(self, data: str) -> None:
        """Called by HTMLParser."""
        self.text += data
        self._link += data
