"""Missing options of keystone.conf are found, with the line to paste."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from pciops.accounts.policy.policy import Policy
from pciops.events.intake.keystone_options import (
    SUCCESSES,
    NotificationOptions,
    current_options,
    missing_options,
)
from pciops.lib.env import SettingError

COMPLETE = NotificationOptions(
    notification_opt_out=(),
    drivers=("messagingv2",),
    transport_url_set=True,
    enable_proxy_headers_parsing=True,
)
POLICY = Policy(report_invalid_password_hash=("event",), invalid_password_hash_secret_key_set=True)
CONF = """\
[DEFAULT]
notification_format = cadf
notification_opt_out =
control_exchange = keystone
[oslo_messaging_notifications]
driver = messagingv2
transport_url = rabbit://keystone:s3cret@rabbit:5672/
topics = notifications, other
[oslo_middleware]
enable_proxy_headers_parsing = True
"""


def test_nothing_is_missing_from_a_complete_file() -> None:
    assert list(missing_options(COMPLETE, POLICY)) == []


MESSAGES = "oslo_messaging_notifications"


@pytest.mark.parametrize(
    ("changes", "section", "line"),
    [
        ({"drivers": ()}, MESSAGES, "driver = messagingv2"),
        ({"drivers": ("log",)}, MESSAGES, "driver = messagingv2"),
        (
            {"transport_url_set": False},
            MESSAGES,
            "transport_url = rabbit://keystone:<password>@<rabbit>:5672/",
        ),
        ({"notification_format": "basic"}, "DEFAULT", "notification_format = cadf"),
        ({"control_exchange": "openstack"}, "DEFAULT", "control_exchange = keystone"),
        ({"topics": ("audit",)}, MESSAGES, "topics = audit,notifications"),
        ({"notification_opt_out": (SUCCESSES,)}, "DEFAULT", "notification_opt_out ="),
        (
            {"notification_opt_out": ("identity.user.deleted",)},
            "DEFAULT",
            "notification_opt_out =",
        ),
        (
            {"enable_proxy_headers_parsing": False},
            "oslo_middleware",
            "enable_proxy_headers_parsing = true",
        ),
    ],
)
def test_a_missing_option_has_its_section_and_line(
    changes: dict[str, Any], section: str, line: str
) -> None:
    [missing] = missing_options(replace(COMPLETE, **changes), POLICY)

    assert (missing.section, missing.line) == (section, line)
    assert f"[{section}]" in missing.remedy
    assert line in missing.remedy


@pytest.mark.parametrize(
    ("policy", "start"),
    [
        (Policy(), "invalid_password_hash_secret_key = "),
        (Policy(keystone_release=28), "invalid_password_hash_secret_key = "),
        (
            Policy(invalid_password_hash_secret_key_set=True),
            "report_invalid_password_hash = event",
        ),
    ],
)
def test_the_lines_for_hashes_begin_with_the_key(policy: Policy, start: str) -> None:
    [missing] = missing_options(COMPLETE, policy)

    assert missing.section == "security_compliance"
    assert missing.line.startswith(start)
    assert missing.line.endswith("report_invalid_password_hash = event")


@pytest.mark.parametrize(
    "policy", [Policy(keystone_release=27), Policy(report_invalid_password_hash=("event",))]
)
def test_no_line_is_advised_that_does_nothing_or_is_there(policy: Policy) -> None:
    assert list(missing_options(COMPLETE, policy)) == []


def test_keystone_s_defaults_send_nothing() -> None:
    lines = [missing.line for missing in missing_options(NotificationOptions(), Policy())]

    assert lines[0] == "driver = messagingv2"
    assert "notification_opt_out =" in lines


def test_missing_successes_have_a_sentence_of_their_own() -> None:
    options = [(SUCCESSES,), ("identity.user.deleted",)]
    sentences = [
        missing.sentence
        for names in options
        for missing in missing_options(replace(COMPLETE, notification_opt_out=names), POLICY)
    ]

    assert "successful" in sentences[0]
    assert "identity.user.deleted" in sentences[1]


# --- Files --------------------------------------------------------------------------------------
def read(settings: Settings, tmp_path: Path, *texts: str) -> NotificationOptions:
    paths = [tmp_path / f"{number}.conf" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    settings.KEYSTONE_CONF = [str(path) for path in paths]
    return current_options()


def test_the_options_are_read_without_the_password(settings: Settings, tmp_path: Path) -> None:
    options = read(settings, tmp_path, CONF)

    assert options == replace(COMPLETE, topics=("notifications", "other"))
    assert "s3cret" not in repr(options)


@pytest.mark.parametrize(
    ("texts", "changes"),
    [
        ([""], {}),
        (
            ["[DEFAULT]\nnotification_opt_out = a\nnotification_opt_out = b\n"],
            {"notification_opt_out": ("a", "b")},
        ),
        (["[DEFAULT]\ntransport_url = rabbit://\n"], {"transport_url_set": True}),
        (
            [f"[{MESSAGES}]\ndriver = log\n", f"[{MESSAGES}]\ndriver = messaging\n"],
            {"drivers": ("messaging",)},
        ),
        ([f"[{MESSAGES}]\ndriver = log\n", "[DEFAULT]\n"], {"drivers": ("log",)}),
    ],
    ids=["empty", "several lines", "common transport_url", "last file wins", "earlier file"],
)
def test_files_change_keystone_s_defaults(
    settings: Settings, tmp_path: Path, texts: list[str], changes: dict[str, Any]
) -> None:
    assert read(settings, tmp_path, *texts) == replace(NotificationOptions(), **changes)


def test_an_unreadable_file_is_named(settings: Settings) -> None:
    settings.KEYSTONE_CONF = ["/no/such"]
    with pytest.raises(SettingError, match="/no/such"):
        current_options()
