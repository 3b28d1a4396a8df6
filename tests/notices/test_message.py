"""MIME messages with files; the mails of notices are tested in test_rendering."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_django import Settings

from pciops.notices.mail import message
from pciops.notices.mail.message import Attachment, RenderedMail
from tests.factories import NOW

MAIL = RenderedMail(subject="Report", text="See the file.\n", html="<p>See the file.</p>\n")

pytestmark = pytest.mark.usefixtures("sender")


def build(*attachments: Attachment, mail: RenderedMail = MAIL) -> bytes:
    return message.build(
        mail,
        message_id="<17@cloud.example>",
        to="ann@example.test",
        reply_to="",
        now=NOW,
        attachments=attachments,
    )


def parsed(*attachments: Attachment) -> EmailMessage:
    return message_from_bytes(build(*attachments), policy=SMTP)


def test_a_mail_without_files_has_text_and_html() -> None:
    mail = parsed()

    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_files_have_their_names_and_types() -> None:
    pdf = Attachment(name="report.pdf", type="application/pdf", content=bytes(range(256)) * 9)
    csv = Attachment(name="report.csv", type="text/csv", content=b"a,b\r\n1,2\r\n")
    mail = parsed(pdf, csv)
    files = list(mail.iter_attachments())
    text = mail.get_body(("plain",))

    assert [part.get_filename() for part in files] == ["report.pdf", "report.csv"]
    assert [part.get_content_type() for part in files] == ["application/pdf", "text/csv"]
    assert text is not None
    assert text.get_content() == "See the file.\r\n"
    assert not mail.defects


@given(content=st.binary(max_size=500))
def test_the_content_of_a_file_is_not_changed(content: bytes) -> None:
    file = Attachment(name="a.bin", type="application/octet-stream", content=content)
    [part] = parsed(file).iter_attachments()

    assert part.get_payload(decode=True) == content


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        *((name, "text/csv") for name in ("", "../a", 'a"; x="b', "a\r\nBcc: x", ".hidden", "é")),
        ("a" * 101, "text/csv"),
        *(("a", type_) for type_ in ("", "text", "text/csv\r\nBcc: x", "text/csv; charset=x")),
    ],
)
def test_a_file_has_a_plain_name_and_type(name: str, type_: str) -> None:
    with pytest.raises(ValueError, match="not a plain name and type"):
        Attachment(name=name, type=type_, content=b"")


@pytest.mark.parametrize(
    ("sender", "message_id"),
    [("pciops <pciops@cloud.example>", "<17@cloud.example>"), ("", "<17@pciops.invalid>")],
)
def test_a_message_id_is_of_the_senders_domain(
    settings: Settings, sender: str, message_id: str
) -> None:
    settings.MAIL_FROM = sender

    assert message.message_id("17") == message_id


@given(text=st.text(max_size=300))
@example(text="a" * 2000)
def test_every_line_ends_with_cr_lf_and_is_short(text: str) -> None:
    content = build(mail=RenderedMail(subject="a test", text=text, html=text * 3))

    assert not set(b"\r\n") & set(content.replace(b"\r\n", b""))
    assert max(map(len, content.split(b"\r\n"))) <= 78
