"""A real Keystone on a private MariaDB: its API as administrator, sign-ins, and its tables."""

from __future__ import annotations

import atexit
import base64
import hashlib
import hmac
import itertools
import os
import secrets
import shutil
import struct
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
from keystoneauth1 import session
from keystoneauth1.identity import v3
from keystoneclient.v3 import client

from pciops.demo.keystone import Keystone, is_installed
from tests.support.mariadb import MariaDB, Row
from tests.support.processes import ROOT

ATTEMPTS = 3  # failed sign-ins that lock, as the fixture `keystone` sets the policy
PASSWORD = "Correct-Horse-7"
DATABASE_PASSWORD = "keystones-own"
LONG_AGO = "2020-02-02"
FACTORS = ["password", "totp"]
RELEASES = {
    "30": ("TEST_KEYSTONE", ROOT / "var" / "demo" / "keystone"),
    "25": ("TEST_KEYSTONE_25", ROOT / "var" / "test" / "keystone-25"),
}
# Keystone computes the roles of a system scope anew in each call, which doubles its time; with
# release 25, an administrator of a project may not do everything.
ADMINS = {"project_name": "admin", "project_domain_name": "Default"}
SYSTEM = {"system_scope": "all"}
_numbers = itertools.count(1)


class CopiedKeystone(Keystone):
    """A Keystone whose files and tables are copies of those of another."""

    mariadb: MariaDB

    def _prepare(self) -> None:
        """Put its address into the catalog: everything else is there."""
        name = self.database.rpartition("/")[2]
        self.mariadb.execute("UPDATE endpoint SET url = %s", self.url, database=name)


def keystone_on(
    mariadb: MariaDB, database: str, folder: Path, *, release: str = "30", **options: Any
) -> Keystone:
    """Return a Keystone on a new database of this name, not started yet."""
    files, tables = _prepared(mariadb, release)
    shutil.copytree(files, folder, dirs_exist_ok=True)
    url = mariadb.create_database(database, password=DATABASE_PASSWORD, tables=tables)
    keystone = CopiedKeystone(_installed(release), folder, database=_pymysql(url), **options)
    keystone.mariadb = mariadb
    return keystone


_copies: dict[str, tuple[Path, bytes]] = {}


def _prepared(mariadb: MariaDB, release: str) -> tuple[Path, bytes]:
    """Return the files and tables of a new Keystone of this release.

    They are made once: Keystone's commands cost seconds of CPU, most of them to import themselves.
    """
    if release not in _copies:
        folder = Path(tempfile.mkdtemp(prefix="pciops-keystone-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        url = mariadb.create_database("prepared", password=DATABASE_PASSWORD)
        Keystone(_installed(release), folder, database=_pymysql(url)).prepare("http://unused/v3")
        _copies[release] = folder, mariadb.dump("prepared")
    return _copies[release]


def _pymysql(url: str) -> str:
    return url.replace("mysql://", "mysql+pymysql://")


@cache
def _installed(release: str) -> Path:
    variable, usual = RELEASES[release]
    environment = Path(os.environ.get(variable, usual))
    if not is_installed(environment):
        pytest.fail(f"There is no Keystone in {environment}: run script/test, which installs it.")
    return environment


def copy_admin_password(mariadb: MariaDB, database: str) -> None:
    """Give every password row without a hash the administrator's password."""
    mariadb.execute(
        "UPDATE password SET password_hash = (SELECT password_hash FROM password JOIN"
        " local_user ON local_user.id = local_user_id WHERE name = 'admin' LIMIT 1)"
        " WHERE password_hash IS NULL",
        database=database,
    )


@dataclass(frozen=True, kw_only=True)
class Person:
    """A user of Keystone, with what they type into a sign-in form."""

    id: str
    name: str
    password: str
    domain_id: str = "default"
    domain: str = "Default"


UNKNOWN = Person(id="0" * 32, name="nobody", password="x")


class Cloud:
    """Keystone as its administrator uses it. Names are unique, so tests do not share accounts."""

    def __init__(
        self, keystone: Keystone, database: MariaDB, scope: dict[str, str] | None = None
    ) -> None:
        """Sign in as the administrator, with a project unless another scope is given."""
        self.auth_url = keystone.url
        self.database = database
        self._name = keystone.database.rpartition("/")[2]
        [row] = self.sql("SELECT user_id FROM local_user WHERE name = 'admin'")
        self.admin = Person(id=row["user_id"], name="admin", password=keystone.admin_password)
        self.api: Any = client.Client(
            session=session.Session(self._auth(self.admin, **(scope or ADMINS))),
            endpoint_override=self.auth_url,
        )
        self._roles = {role.name: role for role in self.api.roles.list()}

    def _auth(self, person: Person, **scope: Any) -> v3.Password:
        return v3.Password(
            self.auth_url,
            username=person.name,
            password=person.password,
            user_domain_name=person.domain,
            **scope,
        )

    # --- Creating -------------------------------------------------------------------------------
    def create_domain(self, name: str = "domain") -> Any:
        """Create a domain whose name starts like this."""
        return self.api.domains.create(f"{name}-{next(_numbers)}")

    def create_user(self, name: str = "user", *, domain: Any = None, **fields: Any) -> Person:
        """Create a user who can sign in, in a domain or in Default."""
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
        """Create a user with this role on the system, or on their own domain if one is given."""
        person = self.create_user(name, domain=domain)
        self.grant(person, role, domain=domain)
        return person

    def create_locked(self, name: str = "locked", *, domain: Any = None, **fields: Any) -> Person:
        """Create a user and lock the account by failed sign-ins."""
        person = self.create_user(name, domain=domain, **fields)
        self.lock(person)
        return person

    def role(self, name: str) -> Any:
        """Return a role; one that Keystone does not have yet is created."""
        if name not in self._roles:
            self._roles[name] = self.api.roles.create(name)
        return self._roles[name]

    def grant(self, person: Person, role: str = "admin", *, domain: Any = None) -> None:
        """Grant a role on a domain, or on the system."""
        self.api.roles.grant(self.role(role), user=person.id, **_scope(domain))

    def revoke(self, person: Person, role: str = "admin", *, domain: Any = None) -> None:
        """Revoke a role on a domain, or on the system."""
        self.api.roles.revoke(self.role(role), user=person.id, **_scope(domain))

    def require_totp(self, person: Person) -> str:
        """Require a code after the password, and return the secret of the device."""
        secret = base64.b32encode(secrets.token_bytes(20)).decode("ascii")
        self.api.credentials.create(person.id, "totp", secret)
        rules = {"multi_factor_auth_enabled": True, "multi_factor_auth_rules": [FACTORS]}
        self.api.users.update(person.id, options=rules)
        return secret

    def create_application_credential(self, person: Person, project: Any) -> Any:
        """Create an application credential of this person for a project."""
        return self.client(person, project_id=project.id).application_credentials.create(
            f"script-{next(_numbers)}"
        )

    # --- Signing in -----------------------------------------------------------------------------
    def authenticate(self, person: Person, password: str | None = None) -> requests.Response:
        """Sign in for real, with the right password unless given, and return the response."""
        return authenticate(
            self.auth_url,
            {"name": person.name, "domain": {"name": person.domain}},
            person.password if password is None else password,
        )

    def sign_in(self, person: Person, password: str | None = None) -> bool:
        """Sign in, and return whether Keystone accepts it."""
        return self.authenticate(person, password).status_code == 201

    def lock(self, person: Person) -> None:
        """Fail to sign in until Keystone locks the account."""
        for _ in range(ATTEMPTS):
            assert not self.sign_in(person, "wrong")

    def token(self, person: Person, *, scope: dict[str, Any] | None = None) -> str:
        """Return a token as `openstack token issue` does; for the whole system unless given."""
        scope = {"system_scope": "all"} if scope is None else scope
        return str(session.Session(self._auth(person, **scope)).get_token())

    def client(self, person: Person, **scope: Any) -> Any:
        """Return Keystone's client as this person."""
        return client.Client(
            session=session.Session(self._auth(person, **scope)), endpoint_override=self.auth_url
        )

    def accepts(self, token: str) -> bool:
        """Return whether Keystone still accepts this token."""
        headers = {"X-Auth-Token": token, "X-Subject-Token": token}
        response = requests.get(f"{self.auth_url}/auth/tokens", headers=headers, timeout=30)
        return response.status_code == 200

    # --- Tables ---------------------------------------------------------------------------------
    def row(self, person: Person, table: str = "local_user") -> Row:
        """Return the row of a person in Keystone's table `local_user` or `user`."""
        column = {"local_user": "user_id", "user": "id"}[table]
        [row] = self.sql(f"SELECT * FROM `{table}` WHERE {column} = %s", person.id)
        return row

    def sql(self, statement: str, *values: object) -> list[Row]:
        """Run a statement in Keystone's database, as MariaDB's root."""
        return self.database.execute(statement, *values, database=self._name)

    def make_inactive(self, person: Person) -> None:
        """Set the last activity to a day years ago."""
        self.sql("UPDATE user SET last_active_at = %s WHERE id = %s", LONG_AGO, person.id)

    def expire_password(self, person: Person, *, hours: int = -1) -> None:
        """Let the password expire in this number of hours; a negative one is in the past."""
        self.sql(
            "UPDATE password SET expires_at = UTC_TIMESTAMP() + INTERVAL %s HOUR,"
            " expires_at_int = (UNIX_TIMESTAMP() + %s * 3600) * 1000000 WHERE local_user_id ="
            " (SELECT id FROM local_user WHERE user_id = %s)",
            hours,
            hours,
            person.id,
        )

    def must_change(self, person: Person) -> None:
        """Make the password a first one, which expired when it was created."""
        self.sql(
            "UPDATE password SET expires_at = created_at, expires_at_int = created_at_int"
            " WHERE local_user_id = (SELECT id FROM local_user WHERE user_id = %s)",
            person.id,
        )


def code_of(secret: str) -> str:
    """Return the code that the device shows now (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.digest(base64.b32decode(secret), counter, hashlib.sha1)
    start = digest[-1] & 15
    [number] = struct.unpack(">I", digest[start : start + 4])
    return f"{(number & 0x7FFFFFFF) % 10**6:06}"


def authenticate(
    auth_url: str,
    user: dict[str, Any],
    password: str,
    *,
    code: str = "",
    http: Any = requests,
    **headers: str,
) -> requests.Response:
    """Ask Keystone for an unscoped token with a password, and with a TOTP code if one is given."""
    identity: dict[str, Any] = {
        "methods": ["password"],
        "password": {"user": {**user, "password": password}},
    }
    if code:
        identity["methods"].append("totp")
        identity["totp"] = {"user": {**user, "passcode": code}}
    response: requests.Response = http.post(
        f"{auth_url}/auth/tokens",
        json={"auth": {"identity": identity}},
        headers=headers,
        timeout=30,
    )
    return response


def _scope(domain: Any) -> dict[str, Any]:
    return {"domain": domain} if domain else {"system": "all"}
