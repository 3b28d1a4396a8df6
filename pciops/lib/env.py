"""Typed readers of environment variables.

Each raises SettingError, which names the variable, for a value that it cannot use. An error never
repeats a value that may contain a password.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pciops.lib.addresses import mail_address
from pciops.lib.globs import GlobError, regex

_YES = {"1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off"}
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

READ: set[str] = set()  # every variable that was read, to detect misspelt ones


class SettingError(Exception):
    """An invalid setting: its name, what is wrong, and an example that works."""

    def __init__(self, name: str, problem: str, example: str) -> None:
        super().__init__(f"{name} {problem}. Example: {name}={example}")


def text(name: str, default: str = "") -> str:
    """Return the variable without surrounding white space; the default if unset or empty."""
    READ.add(name)
    return os.environ.get(name, "").strip() or default


def path(name: str, default: str = "") -> str:
    """Return the path of a file or folder, which need not exist."""
    return text(name, default)


def words(name: str, default: str = "") -> list[str]:
    """Return the words of a list separated by commas; only commas are an error."""
    value = text(name, default)
    listed = [word.strip() for word in value.split(",") if word.strip()]
    if value and not listed:
        raise SettingError(name, f"is {value!r}, an empty list", default or "one,another")
    return listed


def globs(name: str) -> list[str]:
    """Return shell-style patterns of names."""
    patterns = words(name)
    for pattern in patterns:
        try:
            regex(pattern)
        except GlobError as error:
            raise SettingError(name, f"has {pattern!r}, which {error}", "svc-*,*-bot") from None
    return patterns


def flag(name: str, *, default: bool) -> bool:
    """Return whether the variable says yes."""
    value = text(name).lower()
    if not value:
        return default
    if value not in _YES | _NO:
        raise SettingError(name, f"is {value!r}, not yes or no", "yes")
    return value in _YES


def integer(name: str, default: int, *, minimum: int, maximum: int) -> int:
    """Return a whole number within both bounds."""
    value = text(name)
    if not value:
        return default
    problem = f"is {value!r}, not a whole number from {minimum} to {maximum}"
    try:
        number = int(value)
    except ValueError:
        raise SettingError(name, problem, str(default)) from None
    if not minimum <= number <= maximum:
        raise SettingError(name, problem, str(default))
    return number


def secret(name: str, default: str = "") -> str:
    """Return the variable, or the contents of the file that `<name>_FILE` names.

    Both at once are an error, and so is a file that is unreadable or empty. If neither is set, a
    credential of systemd with this name is read.
    """
    path = text(f"{name}_FILE")
    if not path and not text(name):
        path = credential(name)
    if not path:
        return text(name, default)
    if text(name):
        raise SettingError(f"{name}_FILE", f"and {name} are both set; unset one of them", path)
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise SettingError(f"{name}_FILE", f"cannot be read ({reason})", path) from None
    if not value:
        raise SettingError(f"{name}_FILE", "names an empty file", path)
    return value


def credential(name: str) -> str:
    """Return the file of a credential of systemd (`LoadCredential=`); "" if there is none."""
    path = Path(os.environ.get("CREDENTIALS_DIRECTORY", ""), name)
    return str(path) if path.is_absolute() and path.is_file() else ""


def is_set(name: str) -> bool:
    """Return whether a secret is set: the variable, its file, or a credential of systemd."""
    return bool(text(name) or text(f"{name}_FILE") or credential(name))


SECRET_KEYS = ("PCIOPS_SECRET_KEY", "PCIOPS_SECRET_KEY_FALLBACKS")
SECRET_KEY_FILE, FALLBACKS_FILE = "secret_key", "secret_key_fallbacks"  # in PCIOPS_VAR


def fallback_keys(name: str, folder: Path) -> list[str]:
    """Return secret keys that are still accepted: one in a line, the newest first.

    Without a setting for either, they are beside the kept secret key. The file may be empty.
    """
    path, value = text(f"{name}_FILE"), text(name)
    if path and value:
        raise SettingError(f"{name}_FILE", f"and {name} are both set; unset one of them", path)
    path = path or ("" if value else credential(name))
    kept = folder / FALLBACKS_FILE
    if not (path or value or is_set(SECRET_KEYS[0])):
        path = str(kept) if kept.is_file() else ""
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            raise SettingError(f"{name}_FILE", f"cannot be read ({reason})", path) from None
    return [line.strip() for line in value.splitlines() if line.strip()]


def _split(
    url: str, schemes: Collection[str], *, local: Collection[str] = ()
) -> SplitResult | None:
    """Return the parts of a URL that has one of the schemes and a host; None for any other.

    Args:
        local: schemes whose URLs have a path instead of a host.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is not a number, or an unbalanced bracket
        return None
    if parts.scheme in local:
        valid = not parts.netloc and len(parts.path) > 1
    return parts if valid else None


def http_url(name: str, default: str = "", *, example: str) -> str:
    """Return the variable (or its `_FILE`) as an http or https URL without the slash at its end."""
    value = secret(name, default)
    if value and not _split(value, {"http", "https"}):
        raise SettingError(name, "is not an http or https URL", example)
    return value.rstrip("/")


_BROKER_EXAMPLE = "amqp://pciops:secret@rabbit.example:5672/pciops"


def brokers(name: str) -> list[str]:
    """Return the URLs of the nodes of one RabbitMQ, separated by semicolons.

    `rabbit://`, as in the `transport_url` of a keystone.conf, means `amqp://`.
    """
    urls = [url.strip() for url in secret(name).split(";") if url.strip()]
    return [_checked_broker(name, re.sub("^rabbit://", "amqp://", url)) for url in urls]


def _checked_broker(name: str, url: str) -> str:
    if url and not _split(url, {"amqp", "amqps"}):
        raise SettingError(name, "is not the URL of a RabbitMQ", _BROKER_EXAMPLE)
    return url


def syslog(name: str) -> str:
    """Return the URL of a syslog receiver; "" if it is unset."""
    value = text(name)
    parts = _split(value, {"udp", "tcp", "tls"}, local={"unix"})
    valid = parts is not None and (parts.scheme == "unix" or parts.path in {"", "/"})
    if value and not valid:
        raise SettingError(
            name, f"is {value!r}, not the URL of a syslog receiver", "udp://log.example"
        )
    return value


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """The destination of emails: an SMTP server, or a folder for files."""

    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    tls: str = "starttls"  # or ssl, or none
    folder: str = ""

    def __repr__(self) -> str:
        """Return the server without login and password, fit for a log."""
        return self.folder or f"{self.host}:{self.port} ({self.tls})"


_MAIL_EXAMPLE = "smtp://pciops:secret@mail.example:587?tls=starttls"
_MAIL_PORTS = {"starttls": 587, "ssl": 465, "none": 25}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def mail_server(name: str) -> MailServer | None:
    """Return the variable (or its `_FILE`) as a mail server; None if it is unset.

    A password that would be sent over a network without TLS is an error.
    """
    value = secret(name)
    if not value:
        return None
    parts = _split(value, {"smtp"}, local={"file"})
    if parts is not None and parts.scheme == "file":
        return MailServer(folder=unquote(parts.path))
    if parts is None or parts.path not in {"", "/"}:
        raise SettingError(name, "is not the URL of an SMTP server", _MAIL_EXAMPLE)
    query = parse_qs(parts.query, keep_blank_values=True)
    tls = query.pop("tls", ["starttls"])[-1]
    if tls not in _MAIL_PORTS or query:
        raise SettingError(name, "accepts only ?tls=starttls, ssl, or none", _MAIL_EXAMPLE)
    if parts.password and tls == "none" and parts.hostname not in _LOOPBACK:
        raise SettingError(name, "would send a password without TLS", _MAIL_EXAMPLE)
    return MailServer(
        host=parts.hostname or "",
        port=parts.port or _MAIL_PORTS[tls],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
    )


def sender(name: str, *, needed_by: str = "") -> str:
    """Return the variable as `address` or `Name <address>`; "" if it is unset.

    Args:
        needed_by: a variable that requires this one.
    """
    value, example = text(name), "pciops <pciops@cloud.example>"
    if not value:
        if needed_by and is_set(needed_by):
            raise SettingError(name, f"is not set, but {needed_by} is", example)
        return ""
    address = mail_address(parseaddr(value)[1])
    if address is None or not address.isascii() or not value.isprintable():
        raise SettingError(name, f"is {value!r}, not an email address", example)
    return value


def addresses(name: str) -> tuple[str, ...]:
    """Return email addresses without names, separated by commas, their domains in ASCII."""
    valid = []
    for word in words(name):
        address = mail_address(word)
        if address is None:
            raise SettingError(
                name, f"has {word!r}, which is not an email address", "ops@cloud.example"
            )
        valid.append(address)
    return tuple(dict.fromkeys(valid))


def mail_domains(name: str) -> tuple[str, ...]:
    """Return the domains of email addresses, separated by commas, in ASCII."""
    valid = []
    for word in words(name):
        address = mail_address(f"x@{word}")
        if address is None:
            raise SettingError(name, f"has {word!r}, which is not an email domain", "cloud.example")
        valid.append(address.removeprefix("x@"))
    return tuple(dict.fromkeys(valid))


def zone(name: str, default: str) -> ZoneInfo:
    """Return a time zone of the IANA database."""
    value = text(name, default)
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingError(name, f"is {value!r}, not a time zone", "Europe/Berlin") from None


def days(name: str, default: str) -> tuple[int, ...]:
    """Return different numbers of days from 1 to 365, the greatest first."""
    listed = words(name, default)
    numbers = {int(word) for word in listed if re.fullmatch("[0-9]{1,3}", word)} & {*range(1, 366)}
    if len(numbers) < len(listed):
        problem = f"is {','.join(listed)!r}; it needs days from 1 to 365, each once"
        raise SettingError(name, problem, default)
    return tuple(sorted(numbers, reverse=True))


def some_of(name: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    """Return the listed choices in their own order: all if unset, none for `none`."""
    listed = words(name, ",".join(choices))
    if listed == ["none"]:
        return ()
    for word in listed:
        if word not in choices:
            problem = f"has {word!r}; choose from {', '.join(choices)}"
            raise SettingError(name, problem, ",".join(choices))
    return tuple(choice for choice in choices if choice in listed)


def choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """Return one of the choices, given in upper or lower case."""
    value = text(name, default).upper()
    if value not in choices:
        raise SettingError(name, f"is {value!r}; choose from {', '.join(choices)}", default)
    return value


def prefixed(prefix: str) -> dict[str, str]:
    """Return the variables with this prefix that are not empty, by their rest in lower case."""
    READ.update(name for name in os.environ if name.startswith(prefix))
    return {
        name.removeprefix(prefix).lower(): value.strip()
        for name, value in sorted(os.environ.items())
        if name.startswith(prefix) and value.strip()
    }
