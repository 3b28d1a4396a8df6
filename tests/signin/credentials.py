"""The environment of a command: credentials at the fake Keystone."""

from __future__ import annotations

import pytest

from tests.fake_keystone import DOMAINS, FakeKeystone, Person


@pytest.fixture
def without_clouds(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """No clouds.yaml of the machine is found."""
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


def give(monkeypatch: pytest.MonkeyPatch, keystone: FakeKeystone, person: Person) -> None:
    """Set the variables of the person's openrc."""
    variables = {
        "OS_AUTH_URL": keystone.url,
        "OS_USERNAME": person.name,
        "OS_PASSWORD": person.password,
        "OS_USER_DOMAIN_NAME": DOMAINS[person.domain_id],
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
