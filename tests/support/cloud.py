"""A cloud as its people use it: Keystone's API as administrator, and its tables to look at."""

from __future__ import annotations

import base64
import itertools
import secrets
from dataclasses import dataclass
from typing import Any

import requests
from keystoneauth1 import session
from keystoneauth1.identity import v3
from keystoneclient.v3 import client

from tests.support.mariadb import MariaDB, Row

ATTEMPTS = 3  # failed sign-ins that lock, as the fixture `keystone` sets the policy
PASSWORD = "Correct-Horse-7"
FACTORS = ["password", "totp"]
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Person:
    """A user, with what they would type into a sign-in form."""

    id: str
    name: str
    password: str
    domain_id: str
    domain: str


class Cloud:
    """What tests do to Keystone. Names are made unique, so that tests do not meet each other's."""

    def __init__(self, auth_url: str, database: MariaDB, admin: Person) -> None:
        self.auth_url = auth_url
        self.database = database
        self.admin = admin
        self.api: Any = client.Client(
            session=session.Session(
                v3.Password(
                    auth_url,
                    username=admin.name,
                    password=admin.password,
                    user_domain_name=admin.domain,
                    system_scope="all",
                )
            ),
            endpoint_override=auth_url,
        )
        self._roles = {role.name: role for role in self.api.roles.list()}

    # --- Making ---------------------------------------------------------------------------------
    def create_domain(self, name: str = "domain") -> Any:
        """A domain whose name starts like this."""
        return self.api.domains.create(f"{name}-{next(_numbers)}")

    def create_user(self, name: str = "user", *, domain: Any = None, **fields: Any) -> Person:
        """A user whose name starts like this, in a domain (or Default), who can sign in."""
        domain_id = domain.id if domain else "default"
        user = self.api.users.create(
            f"{name}-{next(_numbers)}",
            domain=domain_id,
            **{"password": PASSWORD, "email": f"{name}@cloud.example", **fields},
        )
        return Person(
            id=user.id,
            name=user.name,
            password=fields.get("password", PASSWORD),
            domain_id=domain_id,
            domain=domain.name if domain else "Default",
        )

    def create_operator(
        self, name: str = "operator", *, role: str = "admin", domain: Any = None
    ) -> Person:
        """Who holds the role on the system, or where one is given on that domain of theirs."""
        person = self.create_user(name, domain=domain)
        self.grant(person, role, domain=domain)
        return person

    def require_totp(self, person: Person) -> str:
        """Let Keystone ask them for a code after the password; the secret of their device."""
        secret = base64.b32encode(secrets.token_bytes(20)).decode("ascii")
        self.api.credentials.create(person.id, "totp", secret)
        rules = {"multi_factor_auth_enabled": True, "multi_factor_auth_rules": [FACTORS]}
        self.api.users.update(person.id, options=rules)
        return secret

    def create_application_credential(self, person: Person, project: str) -> str:
        """A token of an application credential that they made in a project where they are admin."""
        [found] = self.api.projects.list(name=project)
        self.api.roles.grant(self._roles["admin"], user=person.id, project=found)
        headers = {"X-Auth-Token": self.token(person, scope={"project_id": found.id})}
        url = f"{self.auth_url}/users/{person.id}/application_credentials"
        body = {"application_credential": {"name": "script"}}
        made = requests.post(url, json=body, headers=headers, timeout=30).json()
        identity = {
            "methods": ["application_credential"],
            "application_credential": {
                key: made["application_credential"][key] for key in ("id", "secret")
            },
        }
        answer = requests.post(
            f"{self.auth_url}/auth/tokens", json={"auth": {"identity": identity}}, timeout=30
        )
        return answer.headers["X-Subject-Token"]

    def grant(self, person: Person, role: str = "admin", *, domain: Any = None) -> None:
        """Give somebody a role; one that Keystone does not have yet is made."""
        if role not in self._roles:
            self._roles[role] = self.api.roles.create(role)
        self.api.roles.grant(self._roles[role], user=person.id, **_scope(domain))

    def revoke(self, person: Person, role: str = "admin", *, domain: Any = None) -> None:
        """Take a role away again."""
        self.api.roles.revoke(self._roles[role], user=person.id, **_scope(domain))

    def create_locked(self, name: str = "locked", *, domain: Any = None, **fields: Any) -> Person:
        """A user who was locked by failed sign-ins."""
        person = self.create_user(name, domain=domain, **fields)
        self.lock(person)
        return person

    # --- Signing in -----------------------------------------------------------------------------
    def authenticate(self, person: Person, password: str | None = None) -> requests.Response:
        """What Keystone answers to a real sign-in; the right password unless told."""
        user = {
            "name": person.name,
            "domain": {"name": person.domain},
            "password": person.password if password is None else password,
        }
        identity = {"methods": ["password"], "password": {"user": user}}
        return requests.post(
            f"{self.auth_url}/auth/tokens", json={"auth": {"identity": identity}}, timeout=30
        )

    def sign_in(self, person: Person, password: str | None = None) -> bool:
        """Whether Keystone lets them in."""
        return self.authenticate(person, password).status_code == 201

    def lock(self, person: Person) -> None:
        """Fail to sign in until Keystone locks the account."""
        for _ in range(ATTEMPTS):
            assert not self.sign_in(person, "wrong")

    def token(self, person: Person, *, scope: dict[str, Any] | None = None) -> str:
        """A token as `openstack token issue` gives it; for the whole system unless told."""
        auth = v3.Password(
            self.auth_url,
            username=person.name,
            password=person.password,
            user_domain_name=person.domain,
            **({"system_scope": "all"} if scope is None else scope),
        )
        return str(session.Session(auth).get_token())

    def accepts(self, token: str) -> bool:
        """Whether Keystone still takes this token."""
        headers = {"X-Auth-Token": token, "X-Subject-Token": token}
        response = requests.get(f"{self.auth_url}/auth/tokens", headers=headers, timeout=30)
        return response.status_code == 200

    # --- Looking, and ageing --------------------------------------------------------------------
    def row(self, person: Person, table: str = "local_user") -> Row:
        """Somebody's row in Keystone's table `local_user` or `user`."""
        column = {"local_user": "user_id", "user": "id"}[table]
        [row] = self.sql(f"SELECT * FROM `{table}` WHERE {column} = %s", person.id)
        return row

    def sql(self, statement: str, *values: object) -> list[Row]:
        """A statement in Keystone's database, as MariaDB's root."""
        return self.database.execute(statement, *values, database="keystone")

    def expire_password(self, person: Person) -> None:
        """Let the password have expired an hour ago."""
        self.sql(
            "UPDATE password SET expires_at = UTC_TIMESTAMP() - INTERVAL 1 HOUR,"
            " expires_at_int = (UNIX_TIMESTAMP() - 3600) * 1000000 WHERE local_user_id ="
            " (SELECT id FROM local_user WHERE user_id = %s)",
            person.id,
        )

    def must_change(self, person: Person) -> None:
        """Let the password be as a first one: expired when it was made."""
        self.sql(
            "UPDATE password SET expires_at = created_at, expires_at_int = created_at_int"
            " WHERE local_user_id = (SELECT id FROM local_user WHERE user_id = %s)",
            person.id,
        )


def _scope(domain: Any) -> dict[str, Any]:
    return {"domain": domain} if domain else {"system": "all"}
