"""Makes the demo's domains, projects and accounts through Keystone's API; it may be repeated."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import requests
from keystoneauth1 import exceptions
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from keystoneclient.v3.client import Client

from pciops.demo.account import Account, AttemptSource, Grant
from pciops.demo.passwords import Passwords
from pciops.demo.people import ACCOUNTS, PROJECTS
from pciops.demo.process import DemoError, ReportStep

_DOMAINS = {
    "corp": "People and pipelines of the company",
    "shop": "The web shop and its programs",
}


def sign_in(url: str, account: Account, password: str, source: AttemptSource | None = None) -> int:
    """Sign in at Keystone and return the HTTP status, 201 for success.

    Args:
        source: the address and agent that Keystone is told.
    """
    user = {"name": account.name, "domain": {"name": account.domain}, "password": password}
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
    """The cloud as its administrator sees it, read once.

    Raises:
        DemoError: the administrator cannot sign in.
    """

    def __init__(self, url: str, admin_password: str) -> None:
        self.url = url
        self.client = _client(url, "admin", admin_password, "Default", system_scope="all")
        try:
            self.domains: dict[str, Any] = {item.name: item for item in self.client.domains.list()}
        except exceptions.Unauthorized:
            raise DemoError(
                "Keystone refuses the password that the demo gave its administrator. Start over "
                "with script/demo --reset."
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
        """Make the domain and its project if necessary, and read its users."""
        if name not in self.domains:
            self.domains[name] = self.client.domains.create(name, description=_DOMAINS[name])
        domain = self.domains[name]
        project = PROJECTS[name]
        found = self.client.projects.list(domain=domain, name=project)
        self.projects[project] = (found or [self.client.projects.create(project, domain)])[0]
        for user in self.client.users.list(domain=domain):
            self.users[name, user.name] = user

    def make(self, passwords: Passwords, report: ReportStep) -> None:
        """Make missing accounts, roles and application credentials."""
        for account in ACCOUNTS:
            report("Making domains and accounts through Keystone's API")
            password = passwords[account.key]
            self._make_user(account, password)
            for grant in account.grants:
                self._grant(account, grant)
            if account.application_credential:
                self._make_credential(account, password)

    def accounts(self) -> dict[str, Account]:
        """Return the demo's accounts by their ids."""
        return {self.users[account.domain, account.name].id: account for account in ACCOUNTS}

    def set_enabled(self, account: Account, *, enabled: bool) -> None:
        """Enable the account, which also unlocks it, or disable it, which doesn't."""
        self.client.users.update(self.users[account.domain, account.name], enabled=enabled)

    def _make_user(self, account: Account, password: str) -> None:
        key = (account.domain, account.name)
        if key not in self.users:
            self.users[key] = self.client.users.create(
                account.name,
                domain=self.domains[account.domain],
                password=password,
                # Keystone stores an unknown attribute in `extra`, also if it is None.
                **({"email": account.email} if account.email else {}),
                description=account.description,
                enabled=account.enabled,
                options=dict.fromkeys(account.options, True),
            )
        # Any other PATCH of an existing account would unlock it.
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
        """Make the credential as the account itself, which must not be locked yet."""
        user = self.users[account.domain, account.name]
        if self.client.application_credentials.list(user=user.id):
            return
        project = self.projects[PROJECTS[account.domain]]
        own = _client(self.url, account.name, password, account.domain, project_id=project.id)
        # Refused if an earlier start locked it and its credential was removed since.
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
    # The address is known: the catalog is not needed.
    return Client(session=Session(auth=auth, session=_direct()), endpoint_override=url)


def _direct() -> requests.Session:
    """Return a session that uses no proxy."""
    session = requests.Session()
    session.trust_env = False
    return session


def _assignment(user_id: str, role_id: str, scope: dict[str, Any]) -> tuple[str, str, str, str]:
    """Return one form for assignments as Keystone lists them and as `grant` takes them."""
    (kind, target), *_ = scope.items()
    if isinstance(target, dict):  # {"project": {"id": …}}, {"system": {"all": True}}
        target = target.get("id", "all")
    return user_id, role_id, kind, target
