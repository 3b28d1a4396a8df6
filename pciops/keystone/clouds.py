"""Keystone sessions for commands, from OS_CLOUD and clouds.yaml or from OS_*."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from django.conf import settings
from keystoneauth1 import loading

from pciops.keystone.session import KeystoneSession
from pciops.lib import env
from pciops.lib.env import SettingError

# The valid values of OS_AUTH_TYPE, and their plugins.
_TYPES: Final = {
    "password": "v3password",
    "v3password": "v3password",
    "token": "v3token",
    "v3token": "v3token",
    "v3applicationcredential": "v3applicationcredential",
}
# The options that each plugin requires: one of each tuple.
_USER: Final = (("username", "user_id"), ("user_domain_name", "user_domain_id", "user_id"))
_NEEDED: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "v3password": (*_USER, ("password",)),
    "v3token": (("token",),),
    "v3applicationcredential": (
        ("application_credential_id", "application_credential_name"),
        ("application_credential_secret",),
    ),
}
_EXAMPLES: Final = {
    "auth_url": "https://keystone.example:5000/v3",
    "username": "alice",
    "user_domain_name": "Default",
    "password": "…",
    "token": "gAAAA…",
    "application_credential_id": "6f9d…",
    "application_credential_secret": "…",
}
_SECRETS: Final = {"password", "token", "application_credential_secret"}
_SCOPES: Final = (
    ("system_scope",),
    ("domain_id", "domain_name"),
    ("project_id", "project_name"),
    ("trust_id",),
)

# Each of these gives credentials; OS_AUTH_URL and OS_CACERT are settings of the site.
_CREDENTIALS: Final = (
    *("OS_CLOUD", "OS_USERNAME", "OS_USER_ID", "OS_PASSWORD", "OS_TOKEN"),
    *("OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME"),
    "OS_APPLICATION_CREDENTIAL_SECRET",
)


def credential_variable() -> str:
    """Return the first variable that gives credentials; "" if none is set."""
    return next((name for name in _CREDENTIALS if env.is_set(name)), "")


def session_from_environment() -> KeystoneSession:
    """Return the session for a command, without a request to Keystone yet.

    With OS_CLOUD, everything comes from that entry of clouds.yaml (and secure.yaml), and no other
    OS_* counts: OS_AUTH_URL and OS_CACERT are settings of the site, too.

    Raises:
        SettingError: names a missing or invalid variable, or the file.
    """
    name = env.text("OS_CLOUD")
    cloud = _cloud(name) if name else _variables()
    auth: dict[str, Any] = cloud.get("auth", {})
    suffix = f" for the cloud {name!r}" if name else ""
    plugin = _plugin(cloud)
    _check_required(auth, plugin, suffix)
    _check_scope(auth, plugin, suffix)
    loader: Any = loading.get_plugin_loader(plugin)
    names = {option.dest for option in loader.get_options()}
    return KeystoneSession(
        auth=loader.load_from_options(**{key: auth[key] for key in names & auth.keys()}),
        verify=_verify(cloud),
        timeout=settings.KEYSTONE_TIMEOUT,
    )


def _plugin(cloud: Mapping[str, Any]) -> str:
    """Return the plugin that is named, or that fits the credentials."""
    kind = str(cloud.get("auth_type") or "")
    if not kind:
        by_credential = "application_credential_secret" in cloud.get("auth", {})
        return "v3applicationcredential" if by_credential else "v3password"
    if kind not in _TYPES:
        raise SettingError(
            "OS_AUTH_TYPE", f"is {kind!r}; choose from {', '.join(_TYPES)}", "v3password"
        )
    return _TYPES[kind]


def _check_required(auth: Mapping[str, Any], plugin: str, suffix: str) -> None:
    """Raise a SettingError for missing options, which names them better than Keystone would."""
    for options in (("auth_url",), *_NEEDED[plugin]):
        if any(auth.get(name) for name in options):
            continue
        first, *rest = options
        alternatives = "".join(f", or {_variable(name)}" for name in rest)
        raise SettingError(_variable(first), f"is missing{alternatives}{suffix}", _EXAMPLES[first])


def _variables() -> dict[str, Any]:
    """Return the values of OS_* in the form of an entry of clouds.yaml."""
    names = {
        option.dest
        for plugin in set(_TYPES.values())
        for option in loading.get_plugin_loader(plugin).get_options()
    }
    read = {
        name: env.secret(_variable(name)) if name in _SECRETS else env.text(_variable(name))
        for name in sorted(names)
    }
    return {
        "auth": {name: value for name, value in read.items() if value},
        "auth_type": env.text("OS_AUTH_TYPE"),
        "cacert": env.text("OS_CACERT"),
    }


def _cloud(name: str) -> dict[str, Any]:
    """Return the entry with this name."""
    path = _file("OS_CLIENT_CONFIG_FILE", "clouds.yaml")
    if path is None:
        raise SettingError(
            "OS_CLOUD", f"is {name!r}, but there is no clouds.yaml", "mycloud (in ./clouds.yaml)"
        )
    entry = _entry(path, name)
    if entry is None:
        raise SettingError("OS_CLOUD", f"is {name!r}, but {path} has no such cloud", "mycloud")
    secure = _file("OS_CLIENT_SECURE_FILE", "secure.yaml")
    secrets = (_entry(secure, name) if secure else None) or {}
    return {**entry, **secrets, "auth": {**entry.get("auth", {}), **secrets.get("auth", {})}}


def _file(variable: str, name: str) -> Path | None:
    """Return the first file that exists where openstacksdk looks."""
    if chosen := env.text(variable):
        return Path(chosen)
    folders = (Path(), Path.home() / ".config" / "openstack", Path("/etc/openstack"))
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _entry(path: Path, name: str) -> dict[str, Any] | None:
    """Return the entry with this name in a file.

    Raises:
        SettingError: if the file cannot be read, or the entry is not valid.
    """
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        # Not the parser's message: it repeats the line, which may contain a password.
        reason = getattr(error, "strerror", None) or "not YAML"
        problem = f"needs {path}, which can't be used: {reason}"
        raise SettingError("OS_CLOUD", problem, "mycloud") from None
    clouds = read.get("clouds") if isinstance(read, Mapping) else None
    entry = clouds.get(name) if isinstance(clouds, Mapping) else None
    if entry is None:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("auth", {}), dict):
        raise SettingError("OS_CLOUD", f"is {name!r}, which {path} does not describe", "mycloud")
    return entry


def _check_scope(auth: Mapping[str, Any], plugin: str, suffix: str) -> None:
    """Raise a SettingError for two scopes at once, or for an invalid one."""
    present = ([name for name in names if auth.get(name)] for names in _SCOPES)
    named = [names[0] for names in present if names]
    if plugin == "v3applicationcredential" and named:
        problem = f"is set{suffix}, but an application credential has its own scope; unset it"
        raise SettingError(_variable(named[0]), problem, "(empty)")
    if len(named) > 1:
        problem = f"and {_variable(named[1])} are both set{suffix}; unset one of them"
        raise SettingError(_variable(named[0]), problem, "all")
    if auth.get("system_scope") not in (None, "", "all"):
        raise SettingError("OS_SYSTEM_SCOPE", f"is {auth['system_scope']!r}{suffix}", "all")


def _verify(cloud: Mapping[str, Any]) -> str | bool:
    """Return the CA file, or True for the system's; the check cannot be switched off."""
    return os.path.expanduser(str(cloud.get("cacert") or "")) or True


def _variable(option: str) -> str:
    return f"OS_{option.upper()}"
