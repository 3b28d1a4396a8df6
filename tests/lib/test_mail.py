"""A mail as it goes over the wire, with files; what notices make of it is tested with them."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_django import Settings

from pciops.lib import mail
from pciops.lib.mail import Attachment, Letter
from tests.factories import NOW

LETTER = Letter(subject="Report", text="See the file.\n", html="<p>See the file.</p>")


@pytest.fixture(autouse=True)
def sender(settings: Settings) -> None:
    """Who sends."""
    settings.MAIL_FROM = "pciops <pciops@cloud.example>"


def sent(*attachments: Attachment) -> EmailMessage:
    """The mail as somebody gets it."""
    wire = mail.message(
        LETTER,
        message_id="<17@cloud.example>",
        to="ann@example.test",
        reply_to="",
        now=NOW,
        attachments=attachments,
    )
    return message_from_bytes(wire, policy=SMTP)


def test_a_mail_without_files_is_text_and_html() -> None:
    found = sent()

    assert found.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in found.iter_parts()] == ["text/plain", "text/html"]


def test_files_come_along_with_their_names_and_types() -> None:
    pdf = Attachment(name="report.pdf", type="application/pdf", content=bytes(range(256)) * 9)
    csv = Attachment(name="report.csv", type="text/csv", content=b"a,b\r\n1,2\r\n")
    found = list(sent(pdf, csv).iter_attachments())

    assert [part.get_filename() for part in found] == ["report.pdf", "report.csv"]
    assert [part.get_content_type() for part in found] == ["application/pdf", "text/csv"]
    assert [part.get_payload(decode=True) for part in found] == [pdf.content, csv.content]


def test_the_text_is_still_there_beside_files() -> None:
    found = sent(Attachment(name="a.txt", type="text/plain", content=b""))
    body = found.get_body(("plain",))

    assert body is not None
    assert body.get_content() == "See the file."
    assert not found.defects


@given(content=st.binary(max_size=500))
def test_a_file_arrives_as_it_was(content: bytes) -> None:
    [part] = sent(
        Attachment(name="a.bin", type="application/octet-stream", content=content)
    ).iter_attachments()

    assert part.get_payload(decode=True) == content


@pytest.mark.parametrize("name", ["", "../a", 'a"; x="b', "a\r\nBcc: x", ".hidden", "a" * 101, "é"])
def test_a_file_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="no name and type"):
        Attachment(name=name, type="text/csv", content=b"")


@pytest.mark.parametrize("kind", ["", "text", "text/csv\r\nBcc: x", "text/csv; charset=x"])
def test_a_file_has_a_plain_type(kind: str) -> None:
    with pytest.raises(ValueError, match="no name and type"):
        Attachment(name="a", type=kind, content=b"")


def test_a_message_id_is_of_the_domain_that_sends() -> None:
    assert mail.message_id("17") == "<17@cloud.example>"


def test_without_a_sender_a_message_id_is_of_no_domain(settings: Settings) -> None:
    settings.MAIL_FROM = ""

    assert mail.message_id("17") == "<17@pciops.invalid>"


@given(text=st.text(max_size=300))
@example(text="a" * 200)
def test_every_line_ends_as_lines_of_mails_do(text: str) -> None:
    letter = Letter(subject="a test", text=text, html=text * 3)
    found = mail.message(
        letter, message_id="<1@cloud.example>", to="ann@example.test", reply_to="", now=NOW
    )

    assert b"\n" not in found.replace(b"\r\n", b"")
    assert b"\r" not in found.replace(b"\r\n", b"")
