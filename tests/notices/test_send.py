"""Sending over a real SMTP server on loopback: each once, and what is refused is kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.models import User
from pciops.lib.env import MailServer
from pciops.lib.post import MailServerDown, office
from pciops.notices import plan, rules
from pciops.notices.models import Notice
from tests.events.factories import save_attempts, stale_script
from tests.factories import NOW, POLICY, PasswordRow, make_locked_user, make_user
from tests.notices.letterbox import Letterbox, open_letterbox
from tests.notices.sending import make_due, notice, send_all
from tests.support.processes import free_port

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
Status = Notice.Status
MINUTE = timedelta(minutes=1)


def test_each_notice_arrives_once_with_the_servers_answer_kept(letterbox: Letterbox) -> None:
    make_due("ann", "bob")
    sent = send_all()
    again = send_all()

    assert letterbox.reached == ["ann@example.test", "bob@example.test"]
    assert (sent.ended["sent"], again.ended.total()) == (2, 0)
    assert (notice().status, notice().answer) == (Status.SENT, "250 queued as 4711")
    assert [moment.what for moment in notice().history] == ["Planned", "Sent"]
    assert {mail["Message-ID"] for mail in letterbox.mails} == set(
        Notice.objects.values_list("message_id", flat=True)
    )


def test_without_a_server_notices_stay_due() -> None:
    make_due("ann")
    sent = send_all()

    assert "PCIOPS_EMAIL_URL is not set" in sent.problem
    assert notice().status == Status.PLANNED


def test_a_server_that_does_not_answer_costs_no_notice_an_attempt(
    settings: Settings, sender: None
) -> None:
    port = free_port()
    settings.MAIL_SERVER = MailServer(host="127.0.0.1", port=port, tls="none")
    make_due("ann")
    sent = send_all()

    assert "Connection refused" in sent.problem
    assert (notice().status, notice().attempts) == (Status.PLANNED, 0)

    with open_letterbox(port) as box:
        send_all(NOW + timedelta(hours=20))

        assert box.reached == ["ann@example.test"]


def test_an_address_that_is_refused_for_good_is_not_tried_again(letterbox: Letterbox) -> None:
    letterbox.answers["ann@example.test"] = "550 5.1.1 no such user here"
    make_due("ann", "bob")
    send_all()
    send_all(NOW + timedelta(hours=2))

    assert letterbox.reached == ["bob@example.test"]
    assert notice().status == Status.REFUSED
    assert notice().answer == "550 5.1.1 no such user here"


def test_what_is_refused_for_now_is_tried_again_later_with_the_same_message_id(
    letterbox: Letterbox,
) -> None:
    letterbox.answers["ann@example.test"] = "450 4.2.1 greylisted"
    make_due("ann")
    planned = notice().message_id
    first = send_all()
    send_all(NOW + MINUTE / 2)
    letterbox.answers.clear()
    send_all(NOW + MINUTE)

    assert first.later == 1
    assert [mail["Message-ID"] for mail in letterbox.mails] == [planned]
    assert notice().attempts == 2
    assert [moment.what for moment in notice().history] == [
        "Planned",
        "Tried, and put off",
        "Sent",
    ]


def test_it_waits_longer_from_attempt_to_attempt(letterbox: Letterbox) -> None:
    letterbox.answers["ann@example.test"] = "450 not now"
    make_due("ann")
    waits, now = [], NOW
    for _ in range(6):
        send_all(now)
        waits.append((notice().next_attempt_at - now) // MINUTE)
        now = notice().next_attempt_at

    assert waits == [1, 5, 15, 60, 60, 60]


def test_it_is_given_up_after_a_day_with_the_reason_kept(letterbox: Letterbox) -> None:
    letterbox.answers["ann@example.test"] = "450 mailbox full"
    make_due("ann")
    for hour in range(25):
        send_all(NOW + timedelta(hours=hour))

    assert (notice().status, notice().answer) == (Status.GIVEN_UP, "450 mailbox full")


def test_a_mail_that_is_refused_after_its_text_is_no_end_of_the_connection(
    letterbox: Letterbox,
) -> None:
    letterbox.after_data = "554 looks like spam"
    make_due("ann", "bob")
    send_all()

    assert {one.status for one in Notice.objects.all()} == {Status.REFUSED}


def test_a_server_that_is_about_to_stop_gets_the_rest_on_a_new_connection(
    letterbox: Letterbox,
) -> None:
    letterbox.answers["ann@example.test"] = "421 shutting down"
    make_due("ann", "bob")
    sent = send_all()

    assert letterbox.reached == ["bob@example.test"]
    assert sent.later == 1


# --- What is no longer true ---------------------------------------------------------------------
def test_what_changed_since_the_planning_is_not_sent(letterbox: Letterbox) -> None:
    make_due("ann", "bob")
    User.objects.using("keystone").filter(local_user__name="ann").update(enabled=False)
    sent = send_all()

    assert letterbox.reached == ["bob@example.test"]
    assert sent.ended["cancelled"] == 1
    assert notice().status == Status.CANCELLED


def test_an_address_that_changed_since_is_the_one_that_is_used(letterbox: Letterbox) -> None:
    make_due("ann")
    User.objects.using("keystone").update(extra='{"email": "new@example.test"}')
    send_all()

    assert letterbox.reached == ["new@example.test"]


def test_an_address_that_broke_since_is_recorded(letterbox: Letterbox) -> None:
    make_due("ann")
    User.objects.using("keystone").update(extra='{"email": "ann"}')
    send_all()

    assert letterbox.reached == []
    assert notice().status == Status.BAD_ADDRESS


def test_nothing_is_sent_while_keystone_cannot_say_whether_it_is_true(
    letterbox: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due("ann")

    def down(_: object) -> Any:
        raise KeystoneDatabaseDownError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(plan, "accounts_of", down)
        with pytest.raises(KeystoneDatabaseDownError):
            send_all()

    assert notice().status == Status.PLANNED

    send_all()

    assert letterbox.reached == ["ann@example.test"]


# --- Other ways ---------------------------------------------------------------------------------
def test_a_folder_gets_each_mail_as_a_file(
    settings: Settings, sender: None, tmp_path: Path
) -> None:
    settings.MAIL_SERVER = MailServer(folder=str(tmp_path / "mails"))
    make_due("ann")
    send_all()
    [path] = (tmp_path / "mails").iterdir()

    assert path.stem in notice().message_id
    assert b"To: ann@example.test" in path.read_bytes()
    assert notice().status == Status.SENT


def test_a_login_that_is_refused_is_said_without_it(
    letterbox: Letterbox, settings: Settings
) -> None:
    server = MailServer(
        host="127.0.0.1", port=letterbox.port, tls="none", user="pciops", password="s3cret"
    )
    with pytest.raises(MailServerDown) as raised, office(server):
        pass

    assert "s3cret" not in str(raised.value)


def test_a_server_without_the_tls_that_is_asked_for_gets_nothing(letterbox: Letterbox) -> None:
    server = MailServer(host="127.0.0.1", port=letterbox.port, tls="starttls")
    with pytest.raises(MailServerDown, match="STARTTLS"), office(server):
        pass


@pytest.mark.parametrize(
    ("email", "reached"),
    [
        ("ann@bücher.example", ["ann@xn--bcher-kva.example"]),
        ("用户@例子.example", ["用户@xn--fsqu00a.example"]),
    ],
)
def test_addresses_of_other_scripts_arrive(
    letterbox: Letterbox, email: str, reached: list[str]
) -> None:
    make_due("ann")
    User.objects.using("keystone").update(extra=f'{{"email": "{email}"}}')
    send_all()

    assert letterbox.reached == reached


@pytest.mark.parametrize(
    "name", ["ann\r\nBcc: all@example.test", "\u202eevil", "x" * 255, "Doe, John <j@example.test>"]
)
def test_a_hostile_name_reaches_nobody_else(letterbox: Letterbox, name: str) -> None:
    row = PasswordRow(created_at=NOW - timedelta(days=80), expires_at=NOW + timedelta(hours=72))
    make_user(name, passwords=[row], email="ann@example.test", last_active_at=NOW.date())
    plan.by_date(policy=POLICY, book=rules.current(), now=NOW)
    send_all()

    assert letterbox.reached == ["ann@example.test"]
    assert [mail["To"] for mail in letterbox.mails] == ["ann@example.test"]
    assert [mail["Bcc"] for mail in letterbox.mails] == [None]


def test_the_mail_of_a_lock_names_the_address_that_was_heard_of(letterbox: Letterbox) -> None:
    user = make_locked_user(at=NOW, email="ann@example.test")
    save_attempts(user.id, stale_script())
    plan.by_lock(policy=POLICY, book=rules.current(), now=NOW)
    send_all()
    [mail] = letterbox.mails
    text = mail.get_body(("plain",))

    assert text is not None
    assert "They came from 10.2.3.4, as it was reported." in text.get_content()
