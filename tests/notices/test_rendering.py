"""What the mails say, and what hostile names cannot make of them."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.template import Context, Engine
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from pciops.events.diagnosis.selectors import AttemptOrigin
from pciops.lib.addresses import plain
from pciops.lib.env import SettingError
from pciops.lib.mail import LONGEST_SUBJECT, Letter
from pciops.notices import rendering, samples
from pciops.notices.models import Notice
from tests.factories import NOW, POLICY
from tests.notices.scenes import a_notice

pytestmark = pytest.mark.usefixtures("sender")
KINDS = list(Notice.Kind)
HEADERS = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("X-Auto-Response-Suppress", "MIME-Version", "Content-Type"),
]


def mail_of(notice: Notice, to: str = "ann@example.test") -> EmailMessage:
    """The mail as somebody gets it."""
    letter = rendering.write(notice, policy=POLICY, now=NOW)
    wire = rendering.message(notice, letter, to=to, reply_to="", now=NOW)
    return message_from_bytes(wire, policy=SMTP if to.isascii() else SMTPUTF8)


def parts(mail: EmailMessage) -> tuple[str, str]:
    """Text and HTML."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content().replace("\r\n", "\n"), html.get_content()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_three_templates(kind: Notice.Kind) -> None:
    assert {path.name for path in (rendering.OURS / kind).iterdir()} == set(rendering.PARTS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_what_where_until_when_and_whom_to_ask(
    settings: Settings, kind: Notice.Kind
) -> None:
    settings.PASSWORD_CHANGE_URL = "https://cloud.example/password"
    settings.HELP_CONTACT = "help@cloud.example, phone 4711"
    notice = samples.sample(kind, policy=POLICY, now=NOW)
    for body in parts(mail_of(notice)):
        assert "sample" in body
        assert "Test cloud" in body
        assert re.search(r"\d Nov 2026, \d\d:\d\d:\d\d UTC", " ".join(body.split()))
        assert "help@cloud.example, phone 4711" in body
    if kind in {Notice.Kind.PASSWORD_EXPIRING, Notice.Kind.PASSWORD_EXPIRED}:
        assert "https://cloud.example/password" in body


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_a_mail_is_a_link_but_the_page_that_the_settings_name(
    settings: Settings, kind: Notice.Kind
) -> None:
    settings.PASSWORD_CHANGE_URL = "https://cloud.example/password"
    text, html = parts(mail_of(samples.sample(kind, policy=POLICY, now=NOW)))

    assert set(re.findall(r"https?://[^\s\"<]+", text + html)) <= {"https://cloud.example/password"}


def test_an_expiring_password_names_the_command_and_an_expired_one_that_it_is_refused() -> None:
    expiring, _ = parts(mail_of(a_notice()))
    expired, _ = parts(mail_of(a_notice(kind="password_expired", step=0, fact_at=NOW)))

    assert "\n      openstack user password set\n" in expiring
    assert "does not help any more" in expired


@pytest.mark.parametrize(
    ("minutes", "words"), [(5, "ends by itself at 14:"), (31, "ended by itself at")]
)
def test_a_lock_says_when_it_ends(minutes: int, words: str) -> None:
    at = NOW - timedelta(minutes=minutes)
    text, _ = parts(mail_of(a_notice(kind="locked", step=0, fact_at=at, failures=6)))

    assert "after 6 sign-ins with a wrong password" in text
    assert words in text.replace("22 Nov 2026, ", "")


def test_the_last_day_for_a_sign_in_is_the_one_before() -> None:
    fact = NOW.replace(hour=0, minute=0, second=0)
    text, _ = parts(mail_of(a_notice(kind="inactivity", fact_at=fact)))

    assert "on 21 Nov 2026 (UTC) at the\nlatest" in text


def test_the_mail_has_the_message_id_that_was_planned_and_asks_machines_for_no_answer() -> None:
    mail = mail_of(a_notice(message_id="<17@cloud.example>"))

    assert mail["Message-ID"] == "<17@cloud.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert list(mail.keys()) == HEADERS


def test_answers_go_to_the_reply_to() -> None:
    letter = rendering.write(a_notice(), policy=POLICY, now=NOW)
    wire = rendering.message(
        a_notice(), letter, to="ann@example.test", reply_to="help@cloud.example", now=NOW
    )

    assert message_from_bytes(wire, policy=SMTP)["Reply-To"] == "help@cloud.example"


# --- Text of others -----------------------------------------------------------------------------
HOSTILE = [
    "ann\r\nBcc: all@example.test",
    "ann\nSubject: you have won",
    "ann\r\n\r\n<h1>hello</h1>",
    "ann\r\n.\r\nMAIL FROM:<x@example.test>",
    "<script>alert(1)</script>",
    "\u202eevil\u2066",
    "a" * 320,
    "Doe, John <john@example.test>",
    "אנה כהן",
    "{{ change_url }}{% include 'x' %}",
    "\x00\x1b[31m",
    "=?utf-8?q?Bcc:_all?=",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_name_adds_no_header_no_line_and_no_markup(kind: str, name: str) -> None:
    notice = samples.sample(Notice.Kind(kind), policy=POLICY, now=NOW)
    notice.name = notice.domain_name = name
    mail = mail_of(notice)
    text, html = parts(mail)

    assert list(mail.keys()) == HEADERS
    assert mail["To"] == "ann@example.test"
    assert all(line.isprintable() for line in text.splitlines())
    assert not any(line.startswith(("Bcc:", "Subject:", ".", "<h1>")) for line in text.splitlines())
    assert "<script>" not in html
    assert "<h1>" not in html


@given(name=st.text(max_size=255), cloud=st.text(min_size=1, max_size=50))
def test_whatever_a_name_is_the_headers_are_ours(name: str, cloud: str) -> None:
    facts = {"cloud": cloud, "left": name, "failures": name}
    template = "Your account on {{ cloud }} {{ left }}"
    subject = Engine().from_string(template).render(Context(facts, autoescape=False))
    notice = a_notice(name=name)
    letter = Letter(subject=plain(subject, LONGEST_SUBJECT), text="x\n", html="x")
    wire = rendering.message(notice, letter, to="ann@example.test", reply_to="", now=NOW)
    mail = message_from_bytes(wire, policy=SMTP)

    assert list(mail.keys()) == HEADERS
    assert all(len(line) <= 998 for line in wire.split(b"\r\n"))


@pytest.mark.parametrize(
    "subject",
    ["short", "long " * 29 + "long", "Ihr Konto für " * 10 + "Ende", "=?utf-8?q?x?=", "סיסמה"],
)
def test_a_subject_arrives_as_it_was_written(subject: str) -> None:
    letter = Letter(subject=subject, text="x\n", html="x")
    wire = rendering.message(a_notice(), letter, to="ann@example.test", reply_to="", now=NOW)

    assert message_from_bytes(wire, policy=SMTP)["Subject"] == subject
    assert all(len(line) <= 78 for line in wire.partition(b"\r\n\r\n")[0].split(b"\r\n"))


def test_a_line_that_is_long_or_a_dot_arrives_as_it_was_written() -> None:
    text = f"{'x' * 2000}\n.\n..\n ends with a space \n=3D é\n"
    letter = Letter(subject="x", text=text, html="x")
    wire = rendering.message(a_notice(), letter, to="ann@example.test", reply_to="", now=NOW)

    assert parts(message_from_bytes(wire, policy=SMTP))[0].rstrip("\n") == text.rstrip("\n")
    assert all(len(line) <= 78 for line in wire.split(b"\r\n"))


def test_an_address_of_another_script_stays_whole() -> None:
    mail = mail_of(a_notice(), "用户@xn--fsqu00a.example")

    assert mail["To"] == "用户@xn--fsqu00a.example"


# --- Templates of the site's --------------------------------------------------------------------
@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Path:
    """A folder of templates of the site's."""
    settings.NOTICE_TEMPLATES = str(tmp_path)
    (tmp_path / "locked").mkdir()
    return tmp_path


def test_a_template_of_the_sites_takes_the_place_of_ours(own: Path) -> None:
    (own / "locked" / "subject.txt").write_text("{{ name }} ist gesperrt")
    (own / "footer.txt").write_text("Fragen?")
    (own / "locked" / "body.txt").write_text('Hallo\n{% include "footer.txt" %}')
    letter = rendering.write(a_notice(kind="locked"), policy=POLICY, now=NOW)

    assert letter.subject == "ann ist gesperrt"
    assert letter.text == "Hallo\nFragen?\n"
    assert "was locked at" in letter.html


def test_a_template_that_does_not_compile_is_named_with_its_line_and_ours_is_used(
    own: Path,
) -> None:
    (own / "locked" / "body.txt").write_text("one\ntwo\n{% if %}\n")
    [warning] = [one for one in run_checks() if one.id == "pciops.W010"]
    letter = rendering.write(a_notice(kind="locked"), policy=POLICY, now=NOW)

    assert f"{own / 'locked' / 'body.txt'}, line 3: " in warning.msg
    assert "was locked at" in letter.text


@pytest.mark.parametrize(
    ("content", "line"),
    [("{% nonsense %}", 1), ("\n{{ name|nonsense }}", 2), ("{% if name %}", 1), ("{{ }}", 1)],
)
def test_whatever_is_wrong_in_it_the_line_is_told(own: Path, content: str, line: int) -> None:
    (own / "locked" / "body.html").write_text(content)

    assert [broken.line for broken in rendering.broken()] == [line]


def test_a_template_that_is_no_text_is_named(own: Path) -> None:
    (own / "locked" / "body.html").write_bytes(b"\xff\xfe")

    assert "cannot be read" in str(*rendering.broken())


def test_a_template_that_fails_when_it_is_used_keeps_no_mail_back(own: Path) -> None:
    (own / "locked" / "body.txt").write_text('{% include "no/such.txt" %}')
    letter = rendering.write(a_notice(kind="locked"), policy=POLICY, now=NOW)

    assert "was locked at" in letter.text


def test_a_template_that_changes_is_read_again(own: Path) -> None:
    path = own / "locked" / "subject.txt"
    path.write_text("one")
    rendering.write(a_notice(kind="locked"), policy=POLICY, now=NOW)
    path.write_text("two")
    os.utime(path, ns=(1, 1))

    assert rendering.write(a_notice(kind="locked"), policy=POLICY, now=NOW).subject == "two"


def test_a_folder_that_is_not_there_stops_the_start(settings: Settings) -> None:
    settings.NOTICE_TEMPLATES = "/no/such"
    with pytest.raises(SettingError, match="PCIOPS_NOTICE_TEMPLATES"):
        rendering.broken()


def test_the_mail_of_a_lock_says_where_the_failures_came_from() -> None:
    origin = AttemptOrigin(address="10.2.3.4", agent="curl", summary="words")
    letter = rendering.write(a_notice(kind="locked"), policy=POLICY, now=NOW, origin=origin)

    assert "They came from 10.2.3.4, as it was reported." in letter.text
    assert "They came from 10.2.3.4, as it was reported." in letter.html


def test_an_address_that_is_none_is_no_way_to_write_to_the_owner() -> None:
    origin = AttemptOrigin(
        address="evil.example, call 0800 1", agent="evil.example", summary="words"
    )
    letter = rendering.write(a_notice(kind="locked"), policy=POLICY, now=NOW, origin=origin)

    assert "evil" not in letter.text + letter.html
