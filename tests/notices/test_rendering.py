"""The mails of notices, and hostile names in them."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.template import Context, Engine
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from pciops.events.diagnosis.selectors import AttemptOrigin
from pciops.lib.addresses import plain
from pciops.lib.env import SettingError
from pciops.notices import rendering
from pciops.notices.mail import message
from pciops.notices.mail.message import LONGEST_SUBJECT, RenderedMail
from pciops.notices.models import Notice, NoticeKind
from pciops.notices.rules import DomainRules
from tests.factories import NOW, POLICY
from tests.notices.queued import build_notice

pytestmark = pytest.mark.usefixtures("sender")
KINDS = list(NoticeKind)
RULES = DomainRules(steps={})
HEADERS = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("X-Auto-Response-Suppress", "MIME-Version", "Content-Type"),
]


def mail_of(notice: Notice, to: str = "ann@example.test") -> EmailMessage:
    """Return the mail as it is received."""
    mail = rendering.render_notice(notice, policy=POLICY, rules=RULES, now=NOW)
    return message_from_bytes(build(notice, mail, to=to), policy=SMTP if to.isascii() else SMTPUTF8)


def build(notice: Notice, mail: RenderedMail, to: str = "ann@example.test", **facts: Any) -> bytes:
    """Return the mail as it is sent."""
    facts = {"message_id": notice.message_id, "reply_to": "", "now": NOW, **facts}
    return message.build(mail, to=to, **facts)


def rendered(kind: str = "locked", **facts: Any) -> RenderedMail:
    notice = build_notice(kind=kind)
    return rendering.render_notice(notice, policy=POLICY, rules=RULES, now=NOW, **facts)


def parts(mail: EmailMessage) -> tuple[str, str]:
    """Return text and HTML."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content().replace("\r\n", "\n"), html.get_content()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_three_templates(kind: NoticeKind) -> None:
    assert {path.name for path in (rendering.BUILT_IN / kind).iterdir()} == set(rendering.PARTS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_names_account_cloud_time_and_contact(
    settings: Settings, kind: NoticeKind
) -> None:
    settings.PASSWORD_CHANGE_URL = "https://cloud.example/password"
    settings.HELP_CONTACT = "help@cloud.example, phone 4711"
    notice = rendering.sample(kind, policy=POLICY, now=NOW)
    for body in parts(mail_of(notice)):
        assert "sample" in body
        assert "Test cloud" in body
        assert re.search(r"\w{3} \d\d Nov 2026, \d\d:\d\d UTC", " ".join(body.split()))
        assert "help@cloud.example, phone 4711" in body
    if kind in {NoticeKind.PASSWORD_EXPIRING, NoticeKind.PASSWORD_EXPIRED}:
        assert "https://cloud.example/password" in body


@pytest.mark.parametrize("kind", KINDS)
def test_the_only_link_is_the_page_of_the_settings(settings: Settings, kind: NoticeKind) -> None:
    settings.PASSWORD_CHANGE_URL = "https://cloud.example/password"
    text, html = parts(mail_of(rendering.sample(kind, policy=POLICY, now=NOW)))

    assert set(re.findall(r"https?://[^\s\"<]+", text + html)) <= {"https://cloud.example/password"}


def test_the_command_is_named_only_while_the_password_works() -> None:
    expiring, _ = parts(mail_of(build_notice()))
    expired, _ = parts(mail_of(build_notice(kind="password_expired", step=0, fact_at=NOW)))

    assert "\n      openstack user password set\n" in expiring
    assert "no longer works" in expired


@pytest.mark.parametrize(("minutes", "words"), [(5, "is locked until"), (31, "ended by itself at")])
def test_the_mail_about_a_lock_says_when_it_ends(minutes: int, words: str) -> None:
    at = NOW - timedelta(minutes=minutes)
    text, _ = parts(mail_of(build_notice(kind="locked", step=0, fact_at=at, failures=6)))

    assert "Failed attempts: 6" in text
    assert words in text


def test_the_minute_in_which_a_lock_ends_is_not_one_too_early() -> None:
    at = NOW.replace(hour=14, minute=2, second=1)
    text, _ = parts(mail_of(build_notice(kind="locked", step=0, fact_at=at)))

    assert "until Sun 22 Nov 2026, 14:33 UTC" in text


def test_an_inactive_account_is_kept_by_a_sign_in_before_the_day_of_the_fact() -> None:
    fact = NOW.replace(day=24, hour=0, minute=0, second=0)
    text, _ = parts(mail_of(build_notice(kind="inactivity", fact_at=fact)))

    assert "sign in before Tue 24 Nov 2026, 00:00 UTC" in text


@pytest.mark.parametrize("kind", KINDS)
def test_the_html_follows_a_dark_theme_and_loads_nothing(kind: NoticeKind) -> None:
    _, html = parts(mail_of(rendering.sample(kind, policy=POLICY, now=NOW)))

    assert "prefers-color-scheme: dark" in html
    assert not re.search(r"<img|<link|url\(|@import", html)


@pytest.mark.parametrize("kind", KINDS)
def test_a_subject_has_a_date(kind: NoticeKind) -> None:
    mail = mail_of(rendering.sample(kind, policy=POLICY, now=NOW))

    assert re.search(r"\d\d Nov 2026", mail["Subject"])


def test_the_mail_has_its_message_id_and_asks_for_no_automatic_reply() -> None:
    mail = mail_of(build_notice(message_id="<17@cloud.example>"))

    assert mail["Message-ID"] == "<17@cloud.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert list(mail.keys()) == HEADERS


def test_replies_go_to_the_reply_to() -> None:
    wire = build(build_notice(), rendered(), reply_to="help@cloud.example")

    assert message_from_bytes(wire, policy=SMTP)["Reply-To"] == "help@cloud.example"


# --- Hostile text -----------------------------------------------------------------------------
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
    "Your password was reset: https://evil.example/login",
    "www.evil.example",
    "mailto:desk@evil.example",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_name_adds_no_header_no_line_and_no_markup(kind: str, name: str) -> None:
    notice = rendering.sample(NoticeKind(kind), policy=POLICY, now=NOW)
    notice.name = notice.domain_name = name
    mail = mail_of(notice)
    text, html = parts(mail)

    assert list(mail.keys()) == HEADERS
    assert mail["To"] == "ann@example.test"
    assert all(line.isprintable() for line in text.splitlines())
    assert not any(line.startswith(("Bcc:", "Subject:", ".", "<h1>")) for line in text.splitlines())
    for body in (text, html):
        assert "evil.example" not in body
        assert "https:" not in body
        assert "mailto:" not in body
    assert "<script>" not in html
    assert "<h1>hello" not in html


@pytest.mark.parametrize("contact", ["", "help@cloud.example"])
@pytest.mark.parametrize("kind", KINDS)
def test_owner_is_told_where_to_report_what_they_did_not_do(
    settings: Settings, kind: NoticeKind, contact: str
) -> None:
    settings.HELP_CONTACT = contact
    for body in parts(mail_of(rendering.sample(kind, policy=POLICY, now=NOW))):
        words = " ".join(body.split())
        assert (f"Questions? {contact}" if contact else "Ask the administrators") in words
        reported = re.search(
            rf"Report it.*: {contact}" if contact else "Tell the administrators of Test cloud",
            words,
        )
        assert (reported is not None) == (kind in {NoticeKind.LOCKED, NoticeKind.UNLOCKED})


@given(name=st.text(max_size=255), cloud=st.text(min_size=1, max_size=50))
def test_no_name_adds_a_header(name: str, cloud: str) -> None:
    facts = {"cloud": cloud, "left": name, "failures": name}
    template = "Your account on {{ cloud }} {{ left }}"
    subject = Engine().from_string(template).render(Context(facts, autoescape=False))
    notice = build_notice(name=name)
    mail = RenderedMail(subject=plain(subject, LONGEST_SUBJECT), text="x\n", html="x")
    wire = build(notice, mail)
    parsed = message_from_bytes(wire, policy=SMTP)

    assert list(parsed.keys()) == HEADERS
    assert all(len(line) <= 998 for line in wire.split(b"\r\n"))


@pytest.mark.parametrize(
    "subject",
    ["short", "long " * 29 + "long", "Ihr Konto für " * 10 + "Ende", "=?utf-8?q?x?=", "סיסמה"],
)
def test_a_subject_arrives_as_it_was_written(subject: str) -> None:
    mail = RenderedMail(subject=subject, text="x\n", html="x")
    wire = build(build_notice(), mail)

    assert message_from_bytes(wire, policy=SMTP)["Subject"] == subject
    assert all(len(line) <= 78 for line in wire.partition(b"\r\n\r\n")[0].split(b"\r\n"))


def test_long_lines_and_dots_arrive_as_they_were_written() -> None:
    text = f"{'x' * 2000}\n.\n..\n ends with a space \n=3D é\n"
    mail = RenderedMail(subject="x", text=text, html="x")
    wire = build(build_notice(), mail)

    assert parts(message_from_bytes(wire, policy=SMTP))[0].rstrip("\n") == text.rstrip("\n")
    assert all(len(line) <= 78 for line in wire.split(b"\r\n"))


def test_a_non_ascii_address_is_not_encoded() -> None:
    mail = mail_of(build_notice(), "用户@xn--fsqu00a.example")

    assert mail["To"] == "用户@xn--fsqu00a.example"


# --- Templates of the site ----------------------------------------------------------------------
@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Path:
    """The folder of the site's templates."""
    settings.NOTICE_TEMPLATES = str(tmp_path)
    (tmp_path / "locked").mkdir()
    return tmp_path


def test_a_template_of_the_site_replaces_the_built_in_one(own: Path) -> None:
    (own / "locked" / "subject.txt").write_text("{{ name }} ist gesperrt")
    (own / "footer.txt").write_text("Fragen?")
    (own / "locked" / "body.txt").write_text('Hallo\n{% include "footer.txt" %}')
    mail = rendered()

    assert mail.subject == "“ann” ist gesperrt"
    assert mail.text == "Hallo\nFragen?\n"
    assert "What to do" in mail.html


def test_a_template_that_does_not_compile_is_reported_and_not_used(
    own: Path,
) -> None:
    (own / "locked" / "body.txt").write_text("one\ntwo\n{% if %}\n")
    [warning] = [one for one in run_checks() if one.id == "pciops.W010"]
    mail = rendered()

    assert f"{own / 'locked' / 'body.txt'}, line 3: " in warning.msg
    assert "What to do" in mail.text


@pytest.mark.parametrize(
    ("content", "line"),
    [("{% nonsense %}", 1), ("\n{{ name|nonsense }}", 2), ("{% if name %}", 1), ("{{ }}", 1)],
)
def test_the_line_of_an_error_is_reported(own: Path, content: str, line: int) -> None:
    (own / "locked" / "body.html").write_text(content)

    [problem] = rendering.broken_templates()

    assert f"body.html, line {line}: " in problem


def test_a_template_that_is_not_utf8_is_reported(own: Path) -> None:
    (own / "locked" / "body.html").write_bytes(b"\xff\xfe")

    assert "cannot be read" in rendering.broken_templates()[0]


def test_a_template_that_fails_at_rendering_is_not_used(own: Path) -> None:
    (own / "locked" / "body.txt").write_text('{% include "no/such.txt" %}')
    mail = rendered()

    assert "What to do" in mail.text


def test_a_template_that_changes_is_read_again(own: Path) -> None:
    path = own / "locked" / "subject.txt"
    path.write_text("one")
    rendered()
    path.write_text("two")
    os.utime(path, ns=(1, 1))

    assert rendered().subject == "two"


def test_a_missing_folder_stops_the_start(settings: Settings) -> None:
    settings.NOTICE_TEMPLATES = "/no/such"
    with pytest.raises(SettingError, match="PCIOPS_NOTICE_TEMPLATES"):
        rendering.broken_templates()


@pytest.mark.parametrize(
    ("address", "is_named"), [("10.2.3.4", True), ("evil.example, call 0800 1", False)]
)
def test_the_mail_about_a_lock_names_a_valid_source_address_only(
    address: str, is_named: bool
) -> None:
    mail = rendered(origin=AttemptOrigin(address=address, agent="evil.example", summary="words"))

    assert (address in mail.text, address in mail.html) == (is_named, is_named)
    assert "evil" not in mail.text + mail.html
