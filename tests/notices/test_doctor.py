"""What the doctor says of mail."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from pciops.lib.env import MailServer
from pciops.notices import doctor
from tests.factories import make_user


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


# --- The digest -----------------------------------------------------------------------------------
@pytest.mark.django_db(databases=["keystone"])
def test_a_digest_that_nobody_gets_is_a_warning(settings: Any) -> None:
    settings.MAIL_SERVER = server(25)
    [finding] = doctor.digest()

    assert (finding.level, finding.sentence) == (
        "warning",
        "Nobody gets the cloud's daily digest.",
    )
    assert "PCIOPS_DIGEST_RECIPIENTS" in finding.remedy


@pytest.mark.django_db(databases=["keystone"])
def test_a_digest_that_somebody_gets_is_in_order(settings: Any) -> None:
    settings.MAIL_SERVER = server(25)
    settings.DIGEST_RECIPIENTS = ("a@x.example", "b@x.example")
    [finding] = doctor.digest()

    assert (finding.level, finding.sentence) == ("ok", "The cloud's digest goes to 2 addresses.")


@pytest.mark.django_db(databases=["keystone"])
def test_contacts_of_a_domain_that_is_not_there_are_a_warning(
    settings: Any, tmp_path: Path
) -> None:
    make_user(domain_id="s1", domain_name="shops")
    path = tmp_path / "domains.toml"
    path.write_text("[shops]\n[shop]\n")
    settings.NOTICE_DOMAINS = str(path)
    [finding] = doctor.digest()

    assert finding.sentence == "PCIOPS_NOTICE_DOMAINS has [shop], and Keystone has no such domain."
