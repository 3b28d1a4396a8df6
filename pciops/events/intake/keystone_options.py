"""Finds options that keystone.conf lacks for notifications, with the line to paste.

Only the presence of a transport_url is kept, since it contains a password.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from django.conf import settings

from pciops.accounts.policy.keystone_conf import Assignment, ConfError, all_assignments
from pciops.accounts.policy.policy import HASH_KEY, REPORT, Policy
from pciops.keystone import releases
from pciops.lib.env import SettingError

SUCCESSES: Final = "identity.authenticate.success"
FAILURES: Final = "identity.authenticate.failure"
USERS: Final = ("created", "updated", "deleted")
SENDING: Final = {"messagingv2", "messaging"}

_DEFAULT: Final = "default"
_MESSAGES: Final = "oslo_messaging_notifications"
_PROXY: Final = "oslo_middleware"
_YES: Final = {"true", "1", "yes", "on"}


@dataclass(frozen=True, kw_only=True)
class NotificationOptions:
    """The options of keystone.conf for notifications, with Keystone's defaults."""

    notification_format: str = "cadf"
    notification_opt_out: tuple[str, ...] = (SUCCESSES, "identity.authenticate.pending")
    drivers: tuple[str, ...] = ()
    topics: tuple[str, ...] = ("notifications",)
    control_exchange: str = "keystone"
    transport_url_set: bool = False
    enable_proxy_headers_parsing: bool = False


@dataclass(frozen=True, kw_only=True)
class MissingOption:
    """Something that does not work, and the line of keystone.conf that enables it."""

    sentence: str
    section: str
    line: str

    @property
    def remedy(self) -> str:
        return f"In keystone.conf, under [{self.section}]: {self.line}"


def current_options() -> NotificationOptions:
    """Return the options of the files of PCIOPS_KEYSTONE_CONF; the last file wins.

    Raises:
        SettingError: a file cannot be read.
    """
    lines: dict[tuple[str, str], Sequence[Assignment]] = {}
    try:
        for path, section in product(settings.KEYSTONE_CONF, (_DEFAULT, _MESSAGES, _PROXY)):
            for name, assignments in all_assignments(path, section).items():
                lines[section, name] = assignments
    except ConfError as error:
        problem = f"names a file that cannot be read: {error}"
        example = "/etc/keystone/keystone.conf"
        raise SettingError("PCIOPS_KEYSTONE_CONF", problem, example) from None

    def value(section: str, name: str, default: str = "") -> str:
        return lines[section, name][-1].text.strip() if (section, name) in lines else default

    def values(section: str, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        if (section, name) not in lines:
            return default
        return tuple(text for line in lines[section, name] if (text := line.text.strip()))

    usual = NotificationOptions()
    topics = value(_MESSAGES, "topics", ",".join(usual.topics)).split(",")
    urls = [value(section, "transport_url") for section in (_DEFAULT, _MESSAGES)]
    parsing = value(_PROXY, "enable_proxy_headers_parsing").lower()
    return NotificationOptions(
        notification_format=value(_DEFAULT, "notification_format", usual.notification_format),
        notification_opt_out=values(_DEFAULT, "notification_opt_out", usual.notification_opt_out),
        drivers=values(_MESSAGES, "driver"),
        topics=tuple(topic.strip() for topic in topics),
        control_exchange=value(_DEFAULT, "control_exchange", usual.control_exchange),
        transport_url_set=any(urls),
        enable_proxy_headers_parsing=parsing in _YES,
    )


def missing_options(options: NotificationOptions, policy: Policy) -> Iterator[MissingOption]:
    """Yield what is missing, the most important first; pure."""
    yield from _not_sending(options)
    yield from _opted_out(options.notification_opt_out)
    yield from _no_hashes(policy)
    if not options.enable_proxy_headers_parsing:
        yield MissingOption(
            sentence="Keystone ignores proxy headers. Behind a proxy, every sign-in seems to "
            "come from the proxy. (A client that reaches Keystone directly can then "
            "forge an address.)",
            section=_PROXY,
            line="enable_proxy_headers_parsing = true",
        )


def _no_hashes(policy: Policy) -> Iterator[MissingOption]:
    """Yield the lines for hashes of wrong passwords; the key first, without which Keystone fails.

    A missing key of hashes that are on is a problem of Keystone itself, which accounts.doctor has.
    """
    if REPORT in policy.report_invalid_password_hash:
        return
    if policy.has_release(releases.PARTIAL_HASHES) is False:
        return  # the option does not exist
    key = "" if policy.invalid_password_hash_secret_key_set else f"{HASH_KEY}, then "
    yield MissingOption(
        sentence="pciops can't tell a program with an old password from password guessing: "
        "failed sign-ins carry no hash of the password.",
        section="security_compliance",
        line=f"{key}report_invalid_password_hash = event",
    )


def _not_sending(options: NotificationOptions) -> Iterator[MissingOption]:
    if not SENDING & set(options.drivers):
        yield MissingOption(
            sentence="Keystone sends no notifications, so pciops can't show who locks accounts.",
            section=_MESSAGES,
            line="driver = messagingv2",
        )
    if not options.transport_url_set:
        yield MissingOption(
            sentence="Keystone has no address for notifications.",
            section=_MESSAGES,
            line="transport_url = rabbit://keystone:<password>@<rabbit>:5672/",
        )
    if options.notification_format != "cadf":
        yield MissingOption(
            sentence="Notifications don't say who acted and from where.",
            section="DEFAULT",
            line="notification_format = cadf",
        )
    if options.control_exchange != settings.NOTIFICATIONS_EXCHANGE:
        yield MissingOption(
            sentence=f"Keystone publishes to the exchange {options.control_exchange!r}, but "
            f"pciops listens to {settings.NOTIFICATIONS_EXCHANGE!r} "
            "(PCIOPS_NOTIFICATIONS_EXCHANGE).",
            section="DEFAULT",
            line=f"control_exchange = {settings.NOTIFICATIONS_EXCHANGE}",
        )
    if settings.NOTIFICATIONS_TOPIC not in options.topics:
        yield MissingOption(
            sentence=f"Keystone publishes to the topics {', '.join(options.topics)}, but pciops "
            f"listens to {settings.NOTIFICATIONS_TOPIC!r} (PCIOPS_NOTIFICATIONS_TOPIC).",
            section=_MESSAGES,
            line=f"topics = {','.join((*options.topics, settings.NOTIFICATIONS_TOPIC))}",
        )


def _opted_out(names: Iterable[str]) -> Iterator[MissingOption]:
    suppressed = [
        name
        for name in (FAILURES, SUCCESSES, *(f"identity.user.{kind}" for kind in USERS))
        if name in names
    ]
    if suppressed == [SUCCESSES]:
        sentence = (
            "Keystone doesn't send successful sign-ins. Typing errors then look like attacks, "
            "and pciops can't detect a last activity that was changed outside pciops."
        )
    else:
        sentence = f"Keystone doesn't send {', '.join(suppressed)}."
    if suppressed:
        yield MissingOption(sentence=sentence, section="DEFAULT", line="notification_opt_out =")
