"""Tests of sessions from OS_CLOUD and clouds.yaml, or from OS_*."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pciops.keystone.clouds import credential_variable, session_from_environment
from pciops.lib.env import SettingError
from tests.keystone.answers import TOKEN, issued
from tests.keystone.server import Server, served

PASSWORD = {
    "OS_USERNAME": "ann",
    "OS_USER_DOMAIN_NAME": "Example",
    "OS_PASSWORD": "hunter2",
}
CREDENTIAL = {
    "OS_AUTH_TYPE": "v3applicationcredential",
    "OS_APPLICATION_CREDENTIAL_ID": "c1",
    "OS_APPLICATION_CREDENTIAL_SECRET": "hunter2",
}
USER = {"username": "ann", "password": "hunter2", "user_domain_name": "Example"}


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def keystone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server at OS_AUTH_URL that issues a token."""
    with served() as server:
        server.answer = issued(TOKEN)
        monkeypatch.setenv("OS_AUTH_URL", f"{server.url}/v3")
        yield server


def request(server: Server) -> Any:
    """Return the authentication that a session sends."""
    session_from_environment().get_token()
    return server.requests[0].body["auth"]


def set_all(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def write(path: Path, **cloud: Any) -> None:
    """Write a clouds.yaml or secure.yaml with the cloud `here`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"clouds": {"here": cloud}}), encoding="utf-8")


# --- OS_* ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [None, "password", "v3password"])
def test_password_comes_from_variables(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, kind: str | None
) -> None:
    set_all(monkeypatch, {**PASSWORD, **({"OS_AUTH_TYPE": kind} if kind else {})})

    assert request(keystone)["identity"]["password"]["user"] == {
        "name": "ann",
        "domain": {"name": "Example"},
        "password": "hunter2",
    }


@pytest.mark.parametrize(
    ("variables", "scope"),
    [
        ({"OS_SYSTEM_SCOPE": "all"}, {"system": {"all": True}}),
        ({"OS_DOMAIN_ID": "d2"}, {"domain": {"id": "d2"}}),
        ({"OS_PROJECT_ID": "p1"}, {"project": {"id": "p1"}}),
    ],
)
def test_scope_comes_from_variables(
    monkeypatch: pytest.MonkeyPatch,
    keystone: Server,
    variables: dict[str, str],
    scope: dict[str, Any],
) -> None:
    set_all(monkeypatch, PASSWORD | variables)

    assert request(keystone)["scope"] == scope


@pytest.mark.parametrize("named", [True, False])
def test_application_credential_comes_from_variables(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, named: bool
) -> None:
    set_all(monkeypatch, CREDENTIAL)
    if not named:
        monkeypatch.delenv("OS_AUTH_TYPE")

    assert request(keystone)["identity"]["application_credential"] == {
        "id": "c1",
        "secret": "hunter2",
    }


def test_token_comes_from_a_variable(monkeypatch: pytest.MonkeyPatch, keystone: Server) -> None:
    set_all(monkeypatch, {"OS_AUTH_TYPE": "token", "OS_TOKEN": "secret-id"})

    assert request(keystone)["identity"]["token"] == {"id": "secret-id"}


def test_secret_can_be_in_a_file(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hunter3\n")
    set_all(monkeypatch, PASSWORD | {"OS_PASSWORD": "", "OS_PASSWORD_FILE": "secret"})

    assert request(keystone)["identity"]["password"]["user"]["password"] == "hunter3"


@pytest.mark.parametrize("name", ["OS_TOKEN", "OS_TOKEN_FILE", "OS_CLOUD"])
def test_credentials_are_seen_wherever_they_are(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")

    assert credential_variable() == name.removesuffix("_FILE")


def test_a_credential_of_systemd_is_one_of_keystone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "OS_TOKEN").write_text("secret-id\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    assert credential_variable() == "OS_TOKEN"


@pytest.mark.parametrize(
    ("variables", "missing", "name"),
    [
        (PASSWORD, "OS_USERNAME", "OS_USERNAME is missing, or OS_USER_ID."),
        (PASSWORD, "OS_PASSWORD", "OS_PASSWORD is missing."),
        (
            PASSWORD,
            "OS_USER_DOMAIN_NAME",
            "OS_USER_DOMAIN_NAME is missing, or OS_USER_DOMAIN_ID, or",
        ),
        (PASSWORD, "OS_AUTH_URL", "OS_AUTH_URL is missing."),
        (CREDENTIAL, "OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_ID is missing"),
        (
            CREDENTIAL,
            "OS_APPLICATION_CREDENTIAL_SECRET",
            "OS_APPLICATION_CREDENTIAL_SECRET is missing",
        ),
    ],
)
def test_missing_variable_is_named(
    monkeypatch: pytest.MonkeyPatch,
    keystone: Server,
    variables: dict[str, str],
    missing: str,
    name: str,
) -> None:
    set_all(monkeypatch, variables)
    monkeypatch.delenv(missing)

    with pytest.raises(SettingError) as raised:
        session_from_environment()
    assert str(raised.value).startswith(name)


@pytest.mark.parametrize(
    ("variables", "start"),
    [
        (PASSWORD | {"OS_AUTH_TYPE": "v2password"}, "OS_AUTH_TYPE is 'v2password'; choose from"),
        (PASSWORD | {"OS_SYSTEM_SCOPE": "some"}, "OS_SYSTEM_SCOPE is 'some'"),
        (
            PASSWORD | {"OS_SYSTEM_SCOPE": "all", "OS_PROJECT_NAME": "admin"},
            "OS_SYSTEM_SCOPE and OS_PROJECT_NAME are both set; unset one of them",
        ),
        (
            CREDENTIAL | {"OS_PROJECT_NAME": "admin"},
            "OS_PROJECT_NAME is set, but an application credential has its own scope; unset it",
        ),
    ],
)
def test_invalid_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, variables: dict[str, str], start: str
) -> None:
    set_all(monkeypatch, variables)

    with pytest.raises(SettingError) as raised:
        session_from_environment()
    assert str(raised.value).startswith(start)


# --- clouds.yaml --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "variables"),
    [
        ("clouds.yaml", {}),
        ("home/.config/openstack/clouds.yaml", {}),
        ("others", {"OS_CLIENT_CONFIG_FILE": "others"}),
    ],
)
def test_cloud_is_found_as_by_other_tools(
    monkeypatch: pytest.MonkeyPatch,
    keystone: Server,
    tmp_path: Path,
    path: str,
    variables: dict[str, str],
) -> None:
    write(tmp_path / path, auth={**USER, "auth_url": f"{keystone.url}/v3"})
    set_all(monkeypatch, {"OS_CLOUD": "here", **variables})

    assert request(keystone)["identity"]["password"]["user"]["name"] == "ann"


def test_secret_can_be_in_secure_yaml(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, tmp_path: Path
) -> None:
    public = {key: value for key, value in USER.items() if key != "password"}
    write(tmp_path / "clouds.yaml", auth={**public, "auth_url": f"{keystone.url}/v3"})
    write(tmp_path / "secure.yaml", auth={"password": "hunter3"})
    monkeypatch.setenv("OS_CLOUD", "here")

    assert request(keystone)["identity"]["password"]["user"]["password"] == "hunter3"


def test_variables_are_ignored_with_a_cloud(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, tmp_path: Path
) -> None:
    write(tmp_path / "clouds.yaml", auth={**USER, "auth_url": f"{keystone.url}/v3"})
    set_all(monkeypatch, {"OS_CLOUD": "here", "OS_USERNAME": "bob", "OS_SYSTEM_SCOPE": "all"})
    sent = request(keystone)

    assert sent["identity"]["password"]["user"]["name"] == "ann"
    assert "scope" not in sent


@pytest.mark.parametrize(
    ("option", "value", "verify"),
    [("cacert", "/etc/cloud.pem", "/etc/cloud.pem"), ("verify", False, True)],
)
def test_cloud_can_have_its_own_certificates_but_not_switch_the_check_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str, value: object, verify: object
) -> None:
    auth = {**USER, "auth_url": "https://keystone.example/v3"}
    write(tmp_path / "clouds.yaml", auth=auth, **{option: value})
    monkeypatch.setenv("OS_CLOUD", "here")
    if option == "cacert":
        monkeypatch.setenv("OS_CACERT", "/etc/site.pem")

    assert session_from_environment().verify == verify


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (None, "OS_CLOUD is 'here', but there is no clouds.yaml"),
        ("clouds: {there: {}}", "OS_CLOUD is 'here', but clouds.yaml has no such cloud"),
        ("", "OS_CLOUD is 'here', but clouds.yaml has no such cloud"),
        ("[]", "OS_CLOUD is 'here', but clouds.yaml has no such cloud"),
        ("clouds: {here: 3}", "OS_CLOUD is 'here', which clouds.yaml does not describe"),
        ("clouds: {here: {auth: 3}}", "OS_CLOUD is 'here', which clouds.yaml does not describe"),
        ("clouds: {here: {}}", "OS_AUTH_URL is missing for the cloud 'here'"),
        ("password: hunter2: x: {", "OS_CLOUD needs clouds.yaml, which can't be used: not YAML"),
    ],
)
def test_missing_or_invalid_cloud_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, start: str
) -> None:
    if text is not None:
        (tmp_path / "clouds.yaml").write_text(text)
    monkeypatch.setenv("OS_CLOUD", "here")

    with pytest.raises(SettingError) as raised:
        session_from_environment()
    assert str(raised.value).startswith(start)
    assert "hunter2" not in str(raised.value)
