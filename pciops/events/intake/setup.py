"""What keystone.conf lacks for each thing that notifications are good for, with the line to paste.

Of a transport_url nothing is kept but whether there is one: it holds a password.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.conf import settings

from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.keystone_conf import Assignment, ConfError, all_assignments
from pciops.accounts.policy.policy import Policy
from pciops.lib.env import SettingError

SUCCESSES: Final = "identity.authenticate.success"
FAILURES: Final = "identity.authenticate.failure"
USERS: Final = ("created", "updated", "deleted")
SENDING: Final = {"messagingv2", "messaging"}

_MESSAGES: Final = "oslo_messaging_notifications"
_PROXY: Final = "oslo_middleware"
_YES: Final = {"true", "1", "yes", "on"}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The options of keystone.conf that matter here; each begins with Keystone's own default."""

    notification_format: str = "cadf"
    notification_opt_out: tuple[str, ...] = (SUCCESSES, "identity.authenticate.pending")
    drivers: tuple[str, ...] = ()
    topics: tuple[str, ...] = ("notifications",)
    control_exchange: str = "keystone"
    transport_url_set: bool = False
    enable_proxy_headers_parsing: bool = False


@dataclass(frozen=True, kw_only=True)
class Lack:
    """What does not work, and the line of keystone.conf that would make it."""

    sentence: str
    section: str
    line: str

    @property
    def remedy(self) -> str:
        return f"In keystone.conf, below [{self.section}]: {self.line}"


def current() -> Setup:
    """What the files of PCIOPS_KEYSTONE_CONF say; of several the last that sets an option.

    Raises:
        SettingError: a file cannot be read.
    """
    found = Setup()
    for path in settings.KEYSTONE_CONF:
        try:
            found = _with(
                found,
                all_assignments(path, "default"),
                all_assignments(path, _MESSAGES),
                all_assignments(path, _PROXY),
            )
        except ConfError as error:
            problem = f"names a file that cannot be read: {error}"
            raise SettingError(
                "PCIOPS_KEYSTONE_CONF", problem, "/etc/keystone/keystone.conf"
            ) from None
    return found


Lines = Mapping[str, Sequence[Assignment]]


def _with(found: Setup, default: Lines, messages: Lines, proxy: Lines) -> Setup:
    """What a file changes."""
    if "notification_format" in default:
        found = replace(found, notification_format=_last(default, "notification_format"))
    if "control_exchange" in default:
        found = replace(found, control_exchange=_last(default, "control_exchange"))
    if "notification_opt_out" in default:
        found = replace(found, notification_opt_out=_all(default, "notification_opt_out"))
    if "driver" in messages:
        found = replace(found, drivers=_all(messages, "driver"))
    if "topics" in messages:
        topics = tuple(word.strip() for word in _last(messages, "topics").split(","))
        found = replace(found, topics=topics)
    if _last(messages, "transport_url") or _last(default, "transport_url"):
        found = replace(found, transport_url_set=True)
    if "enable_proxy_headers_parsing" in proxy:
        parsing = _last(proxy, "enable_proxy_headers_parsing").lower() in _YES
        found = replace(found, enable_proxy_headers_parsing=parsing)
    return found


def _last(lines: Lines, name: str) -> str:
    return lines[name][-1].text.strip() if name in lines else ""


def _all(lines: Lines, name: str) -> tuple[str, ...]:
    return tuple(text for line in lines[name] if (text := line.text.strip()))


def lacks(setup: Setup, policy: Policy) -> Iterator[Lack]:
    """What is missing, the most important first; pure."""
    yield from _sending(setup)
    yield from _opted_out(setup.notification_opt_out)
    if "event" not in policy.report_invalid_password_hash:
        yield Lack(
            sentence="A program with an old password cannot be told from somebody who guesses: "
            "failed sign-ins carry no hash of the password.",
            section="security_compliance",
            line="report_invalid_password_hash = event",
        )
    elif not policy.invalid_password_hash_secret_key_set:
        yield Lack(
            sentence="The hashes of wrong passwords are made without a key: who reads them can "
            "try passwords on them.",
            section="security_compliance",
            line="invalid_password_hash_secret_key = <a long random word, the same on all nodes>",
        )
    if not setup.enable_proxy_headers_parsing:
        yield Lack(
            sentence="Keystone believes no proxy's headers: where one stands in front of it, every "
            "sign-in seems to come from the proxy. (Who reaches Keystone past the proxy can then "
            "forge an address.)",
            section=_PROXY,
            line="enable_proxy_headers_parsing = true",
        )


def _sending(setup: Setup) -> Iterator[Lack]:
    if not SENDING & set(setup.drivers):
        yield Lack(
            sentence="Keystone sends no notifications: who locks accounts cannot be known.",
            section=_MESSAGES,
            line="driver = messagingv2",
        )
    if not setup.transport_url_set:
        yield Lack(
            sentence="Keystone is not told where to send notifications.",
            section=_MESSAGES,
            line="transport_url = rabbit://keystone:<password>@<rabbit>:5672/",
        )
    if setup.notification_format != "cadf":
        yield Lack(
            sentence="Notifications do not say who did it from where.",
            section="DEFAULT",
            line="notification_format = cadf",
        )
    if setup.control_exchange != settings.NOTIFICATIONS_EXCHANGE:
        yield Lack(
            sentence=f"Keystone publishes to the exchange {setup.control_exchange!r}, and pciops "
            f"listens at {settings.NOTIFICATIONS_EXCHANGE!r} (PCIOPS_NOTIFICATIONS_EXCHANGE).",
            section="DEFAULT",
            line=f"control_exchange = {settings.NOTIFICATIONS_EXCHANGE}",
        )
    if settings.NOTIFICATIONS_TOPIC not in setup.topics:
        yield Lack(
            sentence=f"Keystone publishes to the topics {', '.join(setup.topics)}, and pciops "
            f"listens at {settings.NOTIFICATIONS_TOPIC!r} (PCIOPS_NOTIFICATIONS_TOPIC).",
            section=_MESSAGES,
            line=f"topics = {','.join((*setup.topics, settings.NOTIFICATIONS_TOPIC))}",
        )


def _opted_out(names: Iterable[str]) -> Iterator[Lack]:
    held = [
        name
        for name in (FAILURES, SUCCESSES, *(f"identity.user.{kind}" for kind in USERS))
        if name in names
    ]
    if held == [SUCCESSES]:
        sentence = (
            "Sign-ins that succeed are not sent: typing errors look like attacks, and a last "
            "activity that somebody changed by hand is not found."
        )
    else:
        sentence = f"Keystone is told not to send {', '.join(held)}."
    if held:
        yield Lack(sentence=sentence, section="DEFAULT", line="notification_opt_out =")


def findings() -> list[Lack]:
    """What is missing now.

    Raises:
        SettingError: a keystone.conf cannot be read.
    """
    return list(lacks(current(), policies.current()))
