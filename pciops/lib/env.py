"""Typed readers of environment variables; a value that makes no sense names its variable."""

from __future__ import annotations

import os
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dj_database_url

from pciops.lib.addresses import mail_address

DatabaseConfig = dj_database_url.DBConfig

_YES = {"1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off"}
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

READ: set[str] = set()  # every variable that was asked for, so that a misspelt one can be told


class SettingError(Exception):
    """A setting that makes no sense: its name, what is wrong, and an example that works."""

    def __init__(self, name: str, problem: str, example: str) -> None:
        super().__init__(f"{name} {problem}. Example: {name}={example}")


def text(name: str, default: str = "") -> str:
    """The variable without surrounding white space; the default where it is unset or empty."""
    READ.add(name)
    return os.environ.get(name, "").strip() or default


def words(name: str, default: str = "") -> list[str]:
    """The variable as a list, separated by commas.

    Raises:
        SettingError: where it is set and holds nothing but commas.
    """
    value = text(name, default)
    found = [word.strip() for word in value.split(",") if word.strip()]
    if value and not found:
        raise SettingError(name, f"is {value!r}, a list of nothing", default or "one,another")
    return found


def flag(name: str, *, default: bool) -> bool:
    """The variable as yes or no.

    Raises:
        SettingError: where it is neither.
    """
    value = text(name).lower()
    if not value:
        return default
    if value not in _YES | _NO:
        raise SettingError(name, f"is {value!r}, neither yes nor no", "yes")
    return value in _YES


def integer(name: str, default: int, *, minimum: int, maximum: int) -> int:
    """The variable as a whole number within both bounds.

    Raises:
        SettingError: where it is no number or out of bounds.
    """
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
    """The secret itself, or the contents of the file that `<name>_FILE` names.

    Raises:
        SettingError: where both are set, or the file cannot be read or is empty.
    """
    path = text(f"{name}_FILE")
    if not path:
        return text(name, default)
    if text(name):
        raise SettingError(f"{name}_FILE", f"and {name} are both set; keep one", path)
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise SettingError(f"{name}_FILE", f"cannot be read ({reason})", path) from None
    if not value:
        raise SettingError(f"{name}_FILE", "names an empty file", path)
    return value


def http_url(name: str, default: str = "", *, example: str) -> str:
    """The variable as an http or https address without a slash at its end.

    Raises:
        SettingError: where it is no such address.
    """
    value = text(name, default)
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
        valid = valid and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise SettingError(name, f"is {value!r}, not an http or https address", example)
    return value.rstrip("/")


def database(name: str, default: str = "", *, engines: dict[str, str]) -> DatabaseConfig | None:
    """The variable (or its `_FILE`) as one of Django's DATABASES; None where it is unset.

    SQLAlchemy's spelling with a driver (`mysql+pymysql://`), as in keystone.conf, is taken too.

    Args:
        engines: the kinds of database that fit, each with an example address.

    Raises:
        SettingError: where it is no address of such a database. The address is not repeated:
            it holds a password.
    """
    value = secret(name, default)
    if not value:
        return None
    scheme, separator, rest = value.partition("://")
    kind = scheme.partition("+")[0]
    kind = {"mariadb": "mysql", "postgres": "postgresql"}.get(kind, kind)
    example = engines.get(kind) or next(iter(engines.values()))
    if not separator or kind not in engines:
        kinds = " or ".join(engines)
        raise SettingError(name, f"is not the address of a {kinds} database", example)
    try:
        config = dj_database_url.parse(f"{kind}://{rest}")
    except ValueError:
        raise SettingError(name, "cannot be read as a database address", example) from None
    if not config.get("NAME"):
        raise SettingError(name, "names no database", example)
    return config


_BROKER_EXAMPLE = "amqp://pciops:secret@rabbit.example:5672/pciops"


def broker(name: str) -> str:
    """The variable (or its `_FILE`) as the address of a RabbitMQ; "" where it is unset.

    Raises:
        SettingError: where it is no such address. It is not repeated: it holds a password.
    """
    value = secret(name)
    if value and not _is_broker(value):
        raise SettingError(name, "is not the address of a RabbitMQ", _BROKER_EXAMPLE)
    return value


def brokers(name: str) -> list[str]:
    """The same for the nodes of one RabbitMQ, separated by semicolons.

    `rabbit://`, as in the `transport_url` of a keystone.conf, is taken for `amqp://`.

    Raises:
        SettingError: where one is no such address.
    """
    found = [word.strip() for word in secret(name).split(";") if word.strip()]
    urls = [f"amqp{url.removeprefix('rabbit')}" if _is_rabbit(url) else url for url in found]
    if not all(map(_is_broker, urls)):
        raise SettingError(name, "is not the address of a RabbitMQ", _BROKER_EXAMPLE)
    return urls


def _is_rabbit(url: str) -> bool:
    return url.startswith("rabbit://")


def _is_broker(value: str) -> bool:
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"amqp", "amqps"} and bool(parts.hostname)
        return valid and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def syslog(name: str) -> str:
    """The variable as the address of a syslog receiver; "" where it is unset.

    Raises:
        SettingError: where it is no such address.
    """
    value = text(name)
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"udp", "tcp", "tls"} and bool(parts.hostname)
        valid = valid and (parts.port is None or parts.port > 0) and parts.path in {"", "/"}
        valid = valid or (parts.scheme == "unix" and not parts.netloc and len(parts.path) > 1)
    except ValueError:
        valid = False
    if not valid:
        raise SettingError(name, f"is {value!r}, not the address of a syslog", "udp://log.example")
    return value


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Where mails are handed in: an SMTP server, or a folder that gets them as files."""

    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    tls: str = "starttls"  # or ssl, or none
    folder: str = ""

    def __repr__(self) -> str:
        """Without login and password: it may stand in a log."""
        return self.folder or f"{self.host}:{self.port} ({self.tls})"


_MAIL_EXAMPLE = "smtp://pciops:secret@mail.example:587?tls=starttls"
_MAIL_PORTS = {"starttls": 587, "ssl": 465, "none": 25}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def mail_server(name: str) -> MailServer | None:
    """The variable (or its `_FILE`) as a mail server; None where it is unset.

    Raises:
        SettingError: where it is no such address, or would send a password without TLS over a
            network. It is not repeated: it holds a password.
    """
    value = secret(name)
    if not value:
        return None
    try:
        parts = urlsplit(value)
        port, query = parts.port, parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        raise SettingError(name, "cannot be read as an address", _MAIL_EXAMPLE) from None
    if parts.scheme == "file" and not parts.netloc and len(parts.path) > 1:
        return MailServer(folder=unquote(parts.path))
    if parts.scheme != "smtp" or not parts.hostname or parts.path not in {"", "/"} or port == 0:
        raise SettingError(name, "is not the address of an SMTP server", _MAIL_EXAMPLE)
    tls = query.pop("tls", ["starttls"])[-1]
    if tls not in _MAIL_PORTS or query:
        raise SettingError(name, "takes only ?tls=starttls, ssl or none", _MAIL_EXAMPLE)
    if parts.password and tls == "none" and parts.hostname not in _LOOPBACK:
        raise SettingError(name, "would send a password without TLS", _MAIL_EXAMPLE)
    return MailServer(
        host=parts.hostname,
        port=port or _MAIL_PORTS[tls],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,
    )


def sender(name: str, *, needed_by: str = "") -> str:
    """The variable as `address` or `Name <address>`; "" where it is unset.

    Args:
        needed_by: a variable; where that is set, this one has to be.

    Raises:
        SettingError: where it is no such address.
    """
    value, example = text(name), "pciops <pciops@cloud.example>"
    if not value:
        if needed_by and (text(needed_by) or text(f"{needed_by}_FILE")):
            raise SettingError(name, f"is not set, and {needed_by} is", example)
        return ""
    address = mail_address(parseaddr(value)[1])
    if address is None or not address.isascii() or not value.isprintable():
        raise SettingError(name, f"is {value!r}, not a mail address", example)
    return value


def addresses(name: str) -> tuple[str, ...]:
    """The variable as mail addresses, separated by commas; their domains in ASCII.

    Raises:
        SettingError: where one is no address, or is one with a name.
    """
    found = []
    for word in words(name):
        address = mail_address(word)
        if address is None:
            raise SettingError(name, f"has {word!r}, no mail address", "ops@cloud.example")
        found.append(address)
    return tuple(dict.fromkeys(found))


def zone(name: str, default: str) -> ZoneInfo:
    """The variable as a time zone of the IANA database.

    Raises:
        SettingError: where there is no such zone.
    """
    value = text(name, default)
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingError(name, f"is {value!r}, no time zone", "Europe/Berlin") from None


def days(name: str, default: str) -> tuple[int, ...]:
    """The variable as numbers of days, separated by commas; the greatest comes first.

    Raises:
        SettingError: where one is no whole number from 1 to 365, or stands there twice.
    """
    found = words(name, default)
    problem = f"is {','.join(found)!r}, not days from 1 to 365, each once"
    if not all(word.isascii() and word.isdigit() and 1 <= int(word) <= 365 for word in found):
        raise SettingError(name, problem, default)
    numbers = {int(word) for word in found}
    if len(numbers) < len(found):
        raise SettingError(name, problem, default)
    return tuple(sorted(numbers, reverse=True))


def some_of(name: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    """The variable as a list of some of the choices; all of them where it is unset, or `none`.

    Raises:
        SettingError: where it has something else.
    """
    found = words(name, ",".join(choices))
    if found == ["none"]:
        return ()
    for word in found:
        if word not in choices:
            problem = f"has {word!r}, none of {', '.join(choices)}"
            raise SettingError(name, problem, ",".join(choices))
    return tuple(choice for choice in choices if choice in found)


def choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """The variable as one of the choices, upper or lower case.

    Raises:
        SettingError: where it is none of them.
    """
    value = text(name, default).upper()
    if value not in choices:
        raise SettingError(name, f"is {value!r}, none of {', '.join(choices)}", default)
    return value


def prefixed(prefix: str) -> dict[str, str]:
    """Every variable that starts with the prefix and is not empty: its rest, lower case → value."""
    READ.update(name for name in os.environ if name.startswith(prefix))
    return {
        name.removeprefix(prefix).lower(): value.strip()
        for name, value in sorted(os.environ.items())
        if name.startswith(prefix) and value.strip()
    }
