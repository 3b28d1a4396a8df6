"""A browser without rendering: cookies, redirects, and forms as a page has them."""

from __future__ import annotations

import html
import itertools
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

from tests.support.cloud import Person

_addresses = itertools.count(1)


def new_address() -> str:
    """Return an address that no client has used yet: sign-ins are throttled per address."""
    number = next(_addresses)
    return f"10.1.{number // 250}.{number % 250 + 1}"


@dataclass
class Form:
    """One form of a page, filled in as the server sent it."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)  # of every control, filled in or not


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self.forms.append(Form(values.get("action") or "", (values.get("method") or "get")))
        elif tag in {"input", "select", "textarea"} and self.forms and values.get("name"):
            name = values["name"] or ""
            self.forms[-1].names.add(name)
            chosen = values.get("type") not in {"radio", "checkbox"} or "checked" in values
            if tag == "input" and chosen:
                self.forms[-1].fields[name] = values.get("value") or ""


class Visitor:
    """A client that keeps cookies and sends a form with everything its page put into it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.headers["X-Forwarded-For"] = new_address()

    @property
    def session(self) -> str:
        """The value of the session cookie."""
        return str(self.http.cookies["pciops-session"])

    def get(self, path: str, **headers: str) -> requests.Response:
        """Return the page at a path of the site."""
        return self.http.get(urljoin(self.url, path), headers=headers, timeout=60)

    def form(self, page: requests.Response, *names: str, action: str = "") -> Form:
        """Return the form of a page that has all these fields, and leads to this path if given."""
        parser = _Forms()
        parser.feed(page.text)
        for form in parser.forms:
            leads = form.action.endswith(action)
            if set(names) <= form.names and leads and form.method.lower() == "post":
                form.action = urljoin(page.url, form.action)
                return form
        raise AssertionError(f"no form with {names} on {page.url}:\n{text_of(page)}")

    def send(self, form: Form, **values: str) -> requests.Response:
        """Submit the form with these values filled in."""
        headers = {"Referer": form.action}
        return self.http.post(
            form.action, data={**form.fields, **values}, headers=headers, timeout=60
        )

    def sign_in(self, person: Person, password: str | None = None) -> requests.Response:
        """Submit the sign-in form and return the page that follows."""
        form = self.form(self.get("/signin/"), "name", "password", "domain")
        return self.send(
            form,
            name=person.name,
            password=person.password if password is None else password,
            domain=person.domain,
        )

    def sign_out(self) -> requests.Response:
        """Press "Sign out" in the menu of a page."""
        form = self.form(self.get("/"), action="/signout/")
        return self.send(form)

    def unlock(
        self, person: Person, reason: str = "Called back", identity: str = "callback"
    ) -> requests.Response:
        """Open the unlock form of an account and submit it."""
        page = self.get(f"/accounts/{person.id}/unlock/")
        return self.send(self.form(page, "reason"), reason=reason, identity=identity)

    def act(self, person: Person, name: str, **values: str) -> requests.Response:
        """Open the form of another act on an account and submit it."""
        page = self.get(f"/accounts/{person.id}/{name}/")
        fields = {"reason": "INC-4711", **values}
        return self.send(self.form(page, *fields), **fields)


def text_of(page: requests.Response) -> str:
    """Return the text that a reader sees on the page, in one line."""
    body = re.sub(r"(?s)<(script|style|title)\b.*?</\1>", " ", page.text)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())
