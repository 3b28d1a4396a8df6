"""What the doctor says of mail."""

from __future__ import annotations

import socket
from typing import Any

from pciops.lib.env import MailServer
from pciops.notices import doctor


def server(port: int) -> MailServer:
    return MailServer(host="127.0.0.1", port=port, user="", password="", tls="")


def test_without_a_server_it_says_what_to_set(settings: Any) -> None:
    settings.MAIL_SERVER = None
    [finding] = doctor.mail()

    assert (finding.level, finding.remedy) == (
        "warning",
        "Set PCIOPS_EMAIL_URL and PCIOPS_MAIL_FROM.",
    )


def test_a_server_that_answers_is_in_order(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.MAIL_SERVER = server(listener.getsockname()[1])
        [finding] = doctor.mail()

    assert finding.level == "ok"


def test_a_server_that_is_away_is_a_problem(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings.MAIL_SERVER = server(port)
    [finding] = doctor.mail()

    assert finding.level == "problem"
    assert f"127.0.0.1:{port} takes no connection" in finding.sentence


def test_a_folder_is_in_order(settings: Any) -> None:
    settings.MAIL_SERVER = MailServer(folder="/var/mails")
    [finding] = doctor.mail()

    assert (finding.level, finding.sentence) == ("ok", "Mails become files in /var/mails.")
