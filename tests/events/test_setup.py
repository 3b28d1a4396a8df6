"""What keystone.conf lacks, and the line that mends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from pciops.accounts.policy.policy import Policy
from pciops.events.intake import keystone_options
from pciops.events.intake.keystone_options import NotificationOptions
from pciops.lib.env import SettingError

ALL = NotificationOptions(
    notification_opt_out=(),
    drivers=("messagingv2",),
    transport_url_set=True,
    enable_proxy_headers_parsing=True,
)
HASHES = Policy(report_invalid_password_hash=("event",), invalid_password_hash_secret_key_set=True)
WHOLE = """\
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


def changed(**facts: Any) -> NotificationOptions:
    return replace(ALL, **facts)


def test_nothing_is_lacking_where_all_is_set() -> None:
    assert list(keystone_options.missing_options(ALL, HASHES)) == []


@pytest.mark.parametrize(
    ("facts", "section", "line"),
    [
        ({"drivers": ()}, "oslo_messaging_notifications", "driver = messagingv2"),
        ({"drivers": ("log",)}, "oslo_messaging_notifications", "driver = messagingv2"),
        (
            {"transport_url_set": False},
            "oslo_messaging_notifications",
            "transport_url = rabbit://keystone:<password>@<rabbit>:5672/",
        ),
        ({"notification_format": "basic"}, "DEFAULT", "notification_format = cadf"),
        ({"control_exchange": "openstack"}, "DEFAULT", "control_exchange = keystone"),
        (
            {"topics": ("audit",)},
            "oslo_messaging_notifications",
            "topics = audit,notifications",
        ),
        (
            {"notification_opt_out": ("identity.authenticate.success",)},
            "DEFAULT",
            "notification_opt_out =",
        ),
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
def test_what_is_lacking_is_named_with_the_line_to_paste(
    facts: dict[str, Any], section: str, line: str
) -> None:
    [lack] = keystone_options.missing_options(changed(**facts), HASHES)

    assert (lack.section, lack.line) == (section, line)
    assert lack.remedy == f"In keystone.conf, below [{section}]: {line}"


@pytest.mark.parametrize(
    ("policy", "begin"),
    [
        (Policy(), "report_invalid_password_hash = event"),
        (Policy(report_invalid_password_hash=("event",)), "invalid_password_hash_secret_key = "),
    ],
)
def test_hashes_of_wrong_passwords_are_wanted_and_with_a_key(policy: Policy, begin: str) -> None:
    [lack] = keystone_options.missing_options(ALL, policy)

    assert (lack.section, lack.line[: len(begin)]) == ("security_compliance", begin)


def test_keystones_own_defaults_send_nothing() -> None:
    lines = [
        lack.line for lack in keystone_options.missing_options(NotificationOptions(), Policy())
    ]

    assert lines[0] == "driver = messagingv2"
    assert "notification_opt_out =" in lines


def test_a_successful_sign_in_alone_is_told_in_other_words() -> None:
    [lack] = keystone_options.missing_options(
        changed(notification_opt_out=(keystone_options.SUCCESSES,)), HASHES
    )

    assert lack.sentence.startswith("Sign-ins that succeed are not sent")


# --- Files --------------------------------------------------------------------------------------
def read(settings: Settings, tmp_path: Path, *texts: str) -> NotificationOptions:
    paths = [tmp_path / f"{number}.conf" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    settings.KEYSTONE_CONF = [str(path) for path in paths]
    return keystone_options.current_options()


def test_a_keystone_conf_is_read(settings: Settings, tmp_path: Path) -> None:
    found = read(settings, tmp_path, WHOLE)

    assert found == changed(topics=("notifications", "other"))
    assert "s3cret" not in repr(found)


def test_an_empty_file_has_keystones_defaults(settings: Settings, tmp_path: Path) -> None:
    assert read(settings, tmp_path, "") == NotificationOptions()


def test_of_several_files_the_last_that_sets_an_option_counts(
    settings: Settings, tmp_path: Path
) -> None:
    more = "[oslo_middleware]\nenable_proxy_headers_parsing = no\n"

    assert read(settings, tmp_path, WHOLE, more).enable_proxy_headers_parsing is False
    assert read(settings, tmp_path, WHOLE, more).drivers == ("messagingv2",)


def test_options_of_several_lines_are_read_whole(settings: Settings, tmp_path: Path) -> None:
    text = "[DEFAULT]\nnotification_opt_out = a\nnotification_opt_out = b\n"

    assert read(settings, tmp_path, text).notification_opt_out == ("a", "b")


def test_the_common_transport_url_counts_too(settings: Settings, tmp_path: Path) -> None:
    assert read(settings, tmp_path, "[DEFAULT]\ntransport_url = rabbit://\n").transport_url_set


def test_a_file_that_cannot_be_read_is_named(settings: Settings) -> None:
    settings.KEYSTONE_CONF = ["/no/such"]
    with pytest.raises(SettingError, match="/no/such"):
        keystone_options.current_options()
