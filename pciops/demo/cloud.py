"""Makes the demo's domains, projects and accounts through Keystone's API; repeating is harmless."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from keystoneauth1 import exceptions
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from keystoneclient.v3.client import Client

from pciops.demo.account import Account, Grant, Source
from pciops.demo.passwords import new_password
from pciops.demo.people import ACCOUNTS, PROJECTS
from pciops.demo.process import DemoError, Report

Passwords = dict[str, str]
"""`domain/name` of an account → its password."""

_DOMAINS = {
    "corp": "People and pipelines of the company",
    "shop": "The web shop and its programs",
}


def password_of(passwords: Passwords, account: Account) -> str:
    """The right password of this account."""
    return passwords[_key(account)]


def sign_in(url: str, account: Account, password: str, source: Source | None = None) -> int:
    """One real sign-in at Keystone: the HTTP status of its answer, 201 where it succeeds.

    Args:
        source: what Keystone is told about where it comes from.
    """
    return sign_in_as(url, account.domain, account.name, password, source)


def sign_in_as(
    url: str, domain: str, name: str, password: str, source: Source | None = None
) -> int:
    """The same with a name that need not be an account's."""
    user = {"name": name, "domain": {"name": domain}, "password": password}
    identity = {"methods": ["password"], "password": {"user": user}}
    with _direct() as direct:
        response = direct.post(
            f"{url}/auth/tokens?nocatalog",
            json={"auth": {"identity": identity, "scope": "unscoped"}},
            headers={"X-Forwarded-For": source.address, "User-Agent": source.agent}
            if source
            else None,
            timeout=30,
        )
    return response.status_code


class Cloud:
    """The cloud as its administrator sees it; what there is of it is asked for once.

    Raises:
        DemoError: where the administrator cannot sign in.
    """

    def __init__(self, url: str, admin_password: str) -> None:
        self.url = url
        self.client = _client(url, "admin", admin_password, "Default", system_scope="all")
        try:
            self.domains: dict[str, Any] = {item.name: item for item in self.client.domains.list()}
        except exceptions.Unauthorized:
            raise DemoError(
                "Keystone refuses the demo's administrator: its password is not the one that the "
                "demo gave it. Begin anew with script/demo --reset."
            ) from None
        self.roles: dict[str, Any] = {item.name: item for item in self.client.roles.list()}
        self.projects: dict[str, Any] = {}
        self.users: dict[tuple[str, str], Any] = {}
        self.assigned = {
            _assignment(item.user["id"], item.role["id"], item.scope)
            for item in self.client.role_assignments.list()
            if hasattr(item, "user")
        }
        for name in PROJECTS:
            self._open(name)

    def _open(self, name: str) -> None:
        """Make the domain and its project, and learn who is in it."""
        if name not in self.domains:
            self.domains[name] = self.client.domains.create(name, description=_DOMAINS[name])
        domain = self.domains[name]
        project = PROJECTS[name]
        found = self.client.projects.list(domain=domain, name=project)
        self.projects[project] = (found or [self.client.projects.create(project, domain)])[0]
        for user in self.client.users.list(domain=domain):
            self.users[name, user.name] = user

    def make(self, passwords: Passwords, report: Report) -> None:
        """Make what is missing of the accounts, their roles and application credentials."""
        for account in ACCOUNTS:
            report("Making domains and accounts through Keystone's API")
            password = password_of(passwords, account)
            self._make_user(account, password)
            for grant in account.grants:
                self._grant(account, grant)
            if account.application_credential:
                self._make_credential(account, password)

    def accounts(self) -> dict[str, Account]:
        """Those of the demo by their ids."""
        return {self.users[one.domain, one.name].id: one for one in ACCOUNTS}

    def set_enabled(self, account: Account, *, enabled: bool) -> None:
        """Enable the account, which also unlocks it, or disable it, which does not."""
        self.client.users.update(self.users[account.domain, account.name], enabled=enabled)

    def _make_user(self, account: Account, password: str) -> None:
        key = (account.domain, account.name)
        if key not in self.users:
            self.users[key] = self.client.users.create(
                account.name,
                domain=self.domains[account.domain],
                password=password,
                # Keystone keeps what it does not know, None too, as text beside the columns.
                **({"email": account.email} if account.email else {}),
                description=account.description,
                enabled=account.enabled,
                options=dict.fromkeys(account.options, True),
            )
        # The one PATCH of an account that is there; every other would unlock it.
        elif self.users[key].enabled and not account.enabled:
            self.set_enabled(account, enabled=False)

    def _grant(self, account: Account, grant: Grant) -> None:
        user, role = self.users[account.domain, account.name], self.roles[grant.role]
        target: dict[str, Any] = {}
        if grant.project:
            target = {"project": self.projects[grant.project].id}
        elif grant.on_domain:
            target = {"domain": self.domains[account.domain].id}
        elif grant.on_system:
            target = {"system": "all"}
        if _assignment(user.id, role.id, target) not in self.assigned:
            self.client.roles.grant(role, user=user, **target)

    def _make_credential(self, account: Account, password: str) -> None:
        """Only the account itself can, so it must not be locked yet."""
        user = self.users[account.domain, account.name]
        if self.client.application_credentials.list(user=user.id):
            return
        project = self.projects[PROJECTS[account.domain]]
        own = _client(self.url, account.name, password, account.domain, project_id=project.id)
        # Refused: locked by an earlier start, and somebody has removed its credential since.
        with suppress(exceptions.Unauthorized):
            own.application_credentials.create(account.application_credential)


def _client(url: str, name: str, password: str, domain: str, **scope: Any) -> Any:
    auth = v3.Password(
        url,
        username=name,
        password=password,
        user_domain_name=domain,
        include_catalog=False,
        **scope,
    )
    # The catalogue is not asked where Keystone is: we started it.
    return Client(session=Session(auth=auth, session=_direct()), endpoint_override=url)


def _direct() -> requests.Session:
    """A session that asks no proxy for an address of this machine."""
    session = requests.Session()
    session.trust_env = False
    return session


def _assignment(user_id: str, role_id: str, scope: dict[str, Any]) -> tuple[str, str, str, str]:
    """A role assignment as Keystone lists it and as we ask for it, in one form."""
    (kind, target), *_ = scope.items()
    if isinstance(target, dict):  # {"project": {"id": …}}, {"system": {"all": True}}
        target = target.get("id", "all")
    return user_id, role_id, kind, target


def _key(account: Account) -> str:
    return f"{account.domain}/{account.name}"


def kept_passwords(path: Path) -> Passwords:
    """The passwords in the file, with a new one for each account that has none there."""
    passwords: Passwords = {}
    if path.exists():
        try:
            passwords = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            problem = f"{path} is damaged. Begin anew with script/demo --reset."
            raise DemoError(problem) from None
    missing = [_key(account) for account in ACCOUNTS if _key(account) not in passwords]
    passwords |= {key: new_password() for key in missing}
    if missing:
        # On disk before any account has one: an interrupted start must know them later.
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(passwords, indent=2, ensure_ascii=False), encoding="utf-8")
        os.replace(draft, path)
    return passwords
