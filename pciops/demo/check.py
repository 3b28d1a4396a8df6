"""Does the main job as an operator would, over HTTP, and proves it at Keystone."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

from pciops.demo.account import Account
from pciops.demo.cloud import sign_in
from pciops.demo.passwords import Passwords
from pciops.demo.people import ACCOUNTS
from pciops.demo.process import DemoError, ReportStep

# Service accounts that are locked, and that can sign in after an unlock.
_CANDIDATES = [account for account in ACCOUNTS if account.name in {"nova", "cinder"}]
PATIENCE = 20.0  # seconds until a notification is on a page
_ACCOUNT = re.compile(r"/accounts/([^/?]+)/$")


def check(
    url: str, auth_url: str, admin_password: str, passwords: Passwords, report: ReportStep
) -> None:
    """Sign in, list, unlock one account.

    Raises:
        DemoError: a step failed; the message has the page's own words if it has some.
    """
    with requests.Session() as session:
        session.trust_env = False  # no proxy
        browser = _Browser(session, url)
        report("Signing in at the dashboard as admin")
        browser.sign_in("admin", admin_password, "Default")
        report("Reading the locked accounts")
        account, path = browser.locked_account()
        password = passwords[account.key]
        report(f"Signing in at Keystone as {account.name} with the right password: refused")
        _expect(sign_in(auth_url, account, password), requests.codes.unauthorized, account)
        report(f"Unlocking {account.name} in the dashboard")
        reason = f"script/demo --check at {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        browser.unlock(path, reason)
        report(f"Signing in at Keystone as {account.name} again: accepted")
        _expect(sign_in(auth_url, account, password), requests.codes.created, account)
        report("Finding the unlock in the audit log")
        browser.find(path, reason)
        report("Finding Keystone's notifications of both sign-ins")
        browser.find(path, "Rejected while locked", patience=PATIENCE)
        browser.find(path, "Signed in", patience=PATIENCE)


def _expect(status: int, expected: int, account: Account) -> None:
    if status != expected:
        raise DemoError(
            f"Keystone answers {status}, not {expected}, to the right password of {account.name}."
        )


class _Browser:
    """The pages of the dashboard, used by their links and forms."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self.session = session
        self.url = url

    def sign_in(self, name: str, password: str, domain: str) -> None:
        path = "/signin/"
        self._submit(path, "password", {"name": name, "password": password, "domain": domain})

    def locked_account(self) -> tuple[Account, str]:
        """Return a locked service account, and the path of its page."""
        links = self._open("/accounts/?state=locked").links
        paths = {text: href for href, text in links if _ACCOUNT.search(href)}
        for account in _CANDIDATES:
            if account.name in paths:
                return account, paths[account.name]
        names = ", ".join(paths) or "nobody"
        raise DemoError(f"The page of locked accounts lists {names}, and no service account.")

    def unlock(self, path: str, reason: str) -> None:
        self._submit(f"{path}unlock/", "reason", {"reason": reason, "identity": "service_account"})

    def find(self, path: str, text: str, *, patience: float = 0) -> None:
        """Wait for this text on the page, at most `patience` seconds."""
        until = time.monotonic() + patience
        while text not in self._open(path).text:
            if time.monotonic() >= until:
                raise DemoError(f"The page {path} does not show: {text}.")
            time.sleep(0.2)

    def _open(self, path: str) -> HtmlPage:
        response = self.session.get(urljoin(self.url, path), timeout=30)
        page = HtmlPage(response.text)
        if response.status_code != requests.codes.ok:
            raise DemoError(f"{path} answers {response.status_code}: {page.complaint()}")
        return page

    def _submit(self, path: str, field_name: str, values: dict[str, str]) -> None:
        """Fill in the form that has this field and send it; success is a redirect."""
        form = self._open(path).form_with(field_name)
        if form is None:
            raise DemoError(f"{path} has no form with the field {field_name}.")
        response = self.session.post(
            urljoin(self.url, form.action or path),
            data={**form.fields, **values},
            headers={"Referer": urljoin(self.url, path)},
            allow_redirects=False,
            timeout=30,
        )
        if response.status_code != requests.codes.found:
            complaint = HtmlPage(response.text).complaint()
            raise DemoError(f"{path} answers {response.status_code} to its form: {complaint}")


@dataclass
class HtmlForm:
    """The target of a form, and the initial values of its fields."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class HtmlPage(HTMLParser):
    """The links, forms and texts of a page.

    Attributes:
        links: pairs of address and text.
        alerts: the text of each element with the role `alert`.
        text: all visible text, and the title.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.forms: list[HtmlForm] = []
        self.alerts: list[str] = []
        self.text = ""
        self._address = ""
        self._link = ""
        self._alert: tuple[str, int] | None = None  # the element's name, and its start in `text`
        self.feed(html)
        self.close()

    def form_with(self, name: str) -> HtmlForm | None:
        """Return the first form that has a field of this name."""
        return next((form for form in self.forms if name in form.fields), None)

    def complaint(self) -> str:
        """Return the alerts of the page, or its beginning if it has none."""
        return " ".join(self.alerts) or " ".join(self.text.split())[:300]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._address, self._link = values.get("href", ""), ""
        elif tag == "form":
            self.forms.append(HtmlForm(values.get("action", "")))
        elif tag in {"input", "select", "textarea"} and self.forms and "name" in values:
            self.forms[-1].fields.setdefault(values["name"], values.get("value", ""))
        if values.get("role") == "alert":
            self._alert = (tag, len(self.text))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._address:
            self.links.append((self._address, " ".join(self._link.split())))
            self._address = ""
        if self._alert and self._alert[0] == tag:
            self.alerts.append(" ".join(self.text[self._alert[1] :].split()))
            self._alert = None

    def handle_data(self, data: str) -> None:
        self.text += data
        self._link += data
