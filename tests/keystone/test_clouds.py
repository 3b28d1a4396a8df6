"""A session from OS_CLOUD and clouds.yaml, or from OS_*, and what is said where one is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pciops.keystone.clouds import session_from_environment
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
    """No clouds.yaml of the machine is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def keystone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server in Keystone's place, at OS_AUTH_URL."""
    with served() as server:
        server.answer = issued(TOKEN)
        monkeypatch.setenv("OS_AUTH_URL", f"{server.url}/v3")
        yield server


def asked(server: Server) -> Any:
    """What a session sends to get its token."""
    session_from_environment().get_token()
    return server.requests[0].body["auth"]


def set_all(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Set these variables."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def write(path: Path, **cloud: Any) -> None:
    """A clouds.yaml or secure.yaml with the cloud `here`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"clouds": {"here": cloud}}), encoding="utf-8")


# --- OS_* ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [None, "password", "v3password"])
def test_a_password_is_taken_from_variables(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, kind: str | None
) -> None:
    set_all(monkeypatch, {**PASSWORD, **({"OS_AUTH_TYPE": kind} if kind else {})})

    assert asked(keystone)["identity"]["password"]["user"] == {
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
def test_the_scope_is_taken_from_variables(
    monkeypatch: pytest.MonkeyPatch,
    keystone: Server,
    variables: dict[str, str],
    scope: dict[str, Any],
) -> None:
    set_all(monkeypatch, PASSWORD | variables)

    assert asked(keystone)["scope"] == scope


@pytest.mark.parametrize("named", [True, False])
def test_an_application_credential_is_taken_from_variables(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, named: bool
) -> None:
    set_all(monkeypatch, CREDENTIAL)
    if not named:
        monkeypatch.delenv("OS_AUTH_TYPE")

    assert asked(keystone)["identity"]["application_credential"] == {
        "id": "c1",
        "secret": "hunter2",
    }


def test_a_token_is_taken_from_a_variable(
    monkeypatch: pytest.MonkeyPatch, keystone: Server
) -> None:
    set_all(monkeypatch, {"OS_AUTH_TYPE": "token", "OS_TOKEN": "secret-id"})

    assert asked(keystone)["identity"]["token"] == {"id": "secret-id"}


def test_a_secret_may_be_in_a_file(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hunter3\n")
    set_all(monkeypatch, PASSWORD | {"OS_PASSWORD": "", "OS_PASSWORD_FILE": "secret"})

    assert asked(keystone)["identity"]["password"]["user"]["password"] == "hunter3"


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
def test_a_variable_that_is_missing_is_named(
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
    ("variables", "words"),
    [
        (PASSWORD | {"OS_AUTH_TYPE": "v2password"}, "OS_AUTH_TYPE is 'v2password'; known are"),
        (PASSWORD | {"OS_SYSTEM_SCOPE": "some"}, "OS_SYSTEM_SCOPE is 'some'"),
        (
            PASSWORD | {"OS_SYSTEM_SCOPE": "all", "OS_PROJECT_NAME": "admin"},
            "OS_SYSTEM_SCOPE and OS_PROJECT_NAME are both set; keep one",
        ),
        (
            CREDENTIAL | {"OS_PROJECT_NAME": "admin"},
            "OS_PROJECT_NAME is set, but an application credential has its scope; unset it",
        ),
    ],
)
def test_a_variable_that_makes_no_sense_is_named(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, variables: dict[str, str], words: str
) -> None:
    set_all(monkeypatch, variables)

    with pytest.raises(SettingError) as raised:
        session_from_environment()
    assert str(raised.value).startswith(words)


# --- clouds.yaml --------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["clouds.yaml", "home/.config/openstack/clouds.yaml"])
def test_a_cloud_is_found_where_other_tools_find_it(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, tmp_path: Path, path: str
) -> None:
    write(tmp_path / path, auth={**USER, "auth_url": f"{keystone.url}/v3"})
    monkeypatch.setenv("OS_CLOUD", "here")

    assert asked(keystone)["identity"]["password"]["user"]["name"] == "ann"


def test_the_file_of_clouds_can_be_named(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, tmp_path: Path
) -> None:
    write(tmp_path / "others", auth={**USER, "auth_url": f"{keystone.url}/v3"})
    set_all(monkeypatch, {"OS_CLOUD": "here", "OS_CLIENT_CONFIG_FILE": "others"})

    assert asked(keystone)["identity"]["password"]["user"]["name"] == "ann"


def test_a_secret_may_be_in_secure_yaml(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, tmp_path: Path
) -> None:
    public = {key: value for key, value in USER.items() if key != "password"}
    write(tmp_path / "clouds.yaml", auth={**public, "auth_url": f"{keystone.url}/v3"})
    write(tmp_path / "secure.yaml", auth={"password": "hunter3"})
    monkeypatch.setenv("OS_CLOUD", "here")

    assert asked(keystone)["identity"]["password"]["user"]["password"] == "hunter3"


def test_variables_do_not_count_beside_a_cloud(
    monkeypatch: pytest.MonkeyPatch, keystone: Server, tmp_path: Path
) -> None:
    write(tmp_path / "clouds.yaml", auth={**USER, "auth_url": f"{keystone.url}/v3"})
    set_all(monkeypatch, {"OS_CLOUD": "here", "OS_USERNAME": "bob", "OS_SYSTEM_SCOPE": "all"})
    sent = asked(keystone)

    assert sent["identity"]["password"]["user"]["name"] == "ann"
    assert "scope" not in sent


def test_a_cloud_has_certificates_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    auth = {**USER, "auth_url": "https://keystone.example/v3"}
    write(tmp_path / "clouds.yaml", auth=auth, cacert="/etc/cloud.pem")
    set_all(monkeypatch, {"OS_CLOUD": "here", "OS_CACERT": "/etc/site.pem"})

    assert session_from_environment().verify == "/etc/cloud.pem"


def test_a_cloud_cannot_switch_off_the_check_of_certificates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    auth = {**USER, "auth_url": "https://keystone.example/v3"}
    write(tmp_path / "clouds.yaml", auth=auth, verify=False)
    monkeypatch.setenv("OS_CLOUD", "here")

    assert session_from_environment().verify is True


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "OS_CLOUD is 'here', and there is no clouds.yaml"),
        ("clouds: {there: {}}", "OS_CLOUD is 'here', and clouds.yaml has no such cloud"),
        ("", "OS_CLOUD is 'here', and clouds.yaml has no such cloud"),
        ("[]", "OS_CLOUD is 'here', and clouds.yaml has no such cloud"),
        ("clouds: {here: 3}", "OS_CLOUD is 'here', which clouds.yaml does not describe"),
        ("clouds: {here: {auth: 3}}", "OS_CLOUD is 'here', which clouds.yaml does not describe"),
        ("clouds: {here: {}}", "OS_AUTH_URL is missing for the cloud 'here'"),
        ("password: hunter2: x: {", "OS_CLOUD needs clouds.yaml, which is no use: not YAML"),
    ],
)
def test_a_cloud_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, words: str
) -> None:
    if text is not None:
        (tmp_path / "clouds.yaml").write_text(text)
    monkeypatch.setenv("OS_CLOUD", "here")

    with pytest.raises(SettingError) as raised:
        session_from_environment()
    assert str(raised.value).startswith(words)
    assert "hunter2" not in str(raised.value)
