"""Does the main job as an operator would, over HTTP, and proves it at Keystone."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from urllib.parse import urljoin

import requests

from pciops.demo.account import Account
from pciops.demo.cloud import Passwords, password_of, sign_in
from pciops.demo.page import Page
from pciops.demo.people import ACCOUNTS
from pciops.demo.process import DemoError, Report

# Service accounts that are locked, and that nothing else keeps out.
_CANDIDATES = [account for account in ACCOUNTS if account.name in {"nova", "cinder"}]
PATIENCE = 20.0  # seconds until a notification is on a page
_ACCOUNT = re.compile(r"/accounts/([^/?]+)/$")


def check(
    url: str, auth_url: str, admin_password: str, passwords: Passwords, report: Report
) -> Account:
    """Sign in, list, unlock one account; returns the one.

    Raises:
        DemoError: what is not as it must be, in the page's own words where it has some.
    """
    with requests.Session() as session:
        session.trust_env = False  # no proxy
        browser = _Browser(session, url)
        report("Signing in at the dashboard as admin")
        browser.sign_in("admin", admin_password, "Default")
        report("Reading the locked accounts")
        account, path = browser.locked_account()
        password = password_of(passwords, account)
        report(f"Signing in at Keystone as {account.name} with the right password: refused")
        _expect(sign_in(auth_url, account, password), requests.codes.unauthorized, account)
        report(f"Unlocking {account.name} in the dashboard")
        reason = f"script/demo --check at {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        browser.unlock(path, reason)
        report(f"Signing in at Keystone as {account.name} again: let in")
        _expect(sign_in(auth_url, account, password), requests.codes.created, account)
        report("Finding the unlock in the trail of the account")
        browser.find(path, reason)
        report("Finding what Keystone notified of both sign-ins")
        browser.find(path, "refused unread because the account was locked", patience=PATIENCE)
        browser.find(path, "Signed in", patience=PATIENCE)
    return account


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
        """A locked service account, and the path of its page."""
        links = self._open("/accounts/?state=locked").links
        paths = {text: href for href, text in links if _ACCOUNT.search(href)}
        for account in _CANDIDATES:
            if account.name in paths:
                return account, paths[account.name]
        names = ", ".join(paths) or "nobody"
        raise DemoError(f"The page of locked accounts lists {names}, and no service account.")

    def unlock(self, path: str, reason: str) -> None:
        filled = {"reason": reason, "identity": "service_account"}
        self._submit(f"{path}unlock/", "reason", filled)

    def find(self, path: str, words: str, *, patience: float = 0) -> None:
        """Look for these words on the page, for so many seconds."""
        until = time.monotonic() + patience
        while words not in self._open(path).text:
            if time.monotonic() >= until:
                raise DemoError(f"The page {path} does not show: {words}.")
            time.sleep(0.2)

    def _open(self, path: str) -> Page:
        response = self.session.get(urljoin(self.url, path), timeout=30)
        page = Page(response.text)
        if response.status_code != requests.codes.ok:
            raise DemoError(f"{path} answers {response.status_code}: {page.complaint()}")
        return page

    def _submit(self, path: str, field: str, values: dict[str, str]) -> None:
        """Fill in the form that has this field and send it; success is a redirect."""
        form = self._open(path).form_with(field)
        if form is None:
            raise DemoError(f"{path} has no form with the field {field}.")
        response = self.session.post(
            urljoin(self.url, form.action or path),
            data={**form.fields, **values},
            headers={"Referer": urljoin(self.url, path)},
            allow_redirects=False,
            timeout=30,
        )
        if response.status_code != requests.codes.found:
            complaint = Page(response.text).complaint()
            raise DemoError(f"{path} answers {response.status_code} to its form: {complaint}")
