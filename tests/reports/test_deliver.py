"""Each recipient is sent a report once: the figures in the mail, and the PDF if it is wanted."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import BytesIO
from zipfile import ZipFile

import pytest
from pytest_django import Settings

from pciops.audit import chain
from pciops.audit.witnesses import Statement
from pciops.notices.models import OperatorMail
from pciops.reports import deliver
from pciops.reports.archive import store
from pciops.reports.models import StoredReport
from pciops.reports.render.formats import FORMATS, content_of
from tests.audit.helpers import forge
from tests.reports.samples import store_sample

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def recipients(settings: Settings) -> None:
    settings.REPORT_RECIPIENTS = ["cso@cloud.example", "audit@cloud.example"]
    settings.MAIL_FROM = "pciops <pciops@cloud.example>"
    settings.SITE_URL = "https://pciops.example"


def mails() -> list[EmailMessage]:
    return [
        message_from_bytes(bytes(one.content), policy=policy.default)
        for one in OperatorMail.objects.order_by("to")
    ]


def owe(stored: StoredReport, after: timedelta = timedelta(0)) -> int:
    return deliver.owe_recent(stored.generated_at + after)


def test_each_recipient_is_owed_one_mail_however_often_it_is_asked_for() -> None:
    stored = store_sample()

    assert [owe(stored), owe(stored)] == [2, 0]
    assert [mail["To"] for mail in mails()] == ["audit@cloud.example", "cso@cloud.example"]


def test_the_mail_has_figures_findings_and_a_link() -> None:
    stored = store_sample()
    owe(stored)
    body = mails()[0].get_body(("plain",))
    assert body is not None
    text = body.get_content()

    for figure in stored.main_figures:
        assert figure["label"] in text.lower()
    assert "https://pciops.example/reports/2026-W46/" in text
    assert stored.hash in text


@pytest.mark.parametrize("attached", [True, False])
def test_the_pdf_goes_along_as_the_setting_says(attached: bool, settings: Settings) -> None:
    settings.REPORT_ATTACHED = attached
    owe(store_sample())
    *pdf, note = mails()[0].iter_attachments()

    assert [one.get_filename() for one in pdf] == ["pciops-report-2026-W46-r1.pdf"] * attached
    assert all(one.get_content().startswith(b"%PDF-") for one in pdf)
    assert note.get_filename() == "anchor.note"


def test_the_anchor_proves_the_report_and_is_in_its_zip() -> None:
    stored = store_sample()
    owe(stored)
    *_, attached = mails()[0].iter_attachments()
    archive = ZipFile(BytesIO(b"".join(FORMATS["csv"].blocks(content_of(stored)))))
    note = archive.read("anchor.note").decode()

    assert attached.get_content().decode() == note
    assert Statement.read(note).reports == (stored.hash,)
    assert f"{hashlib.sha256(note.encode()).hexdigest()}  anchor.note" in (
        archive.read("SHA256SUMS").decode().splitlines()
    )


def test_cut_chain_does_not_fit_the_stored_reports() -> None:
    stored = store_sample()
    forge("DELETE FROM audit_event")
    forge("UPDATE audit_chainhead SET position = 0, hash = ''")

    assert stored.hash in chain.verify().problem


def test_a_pdf_that_is_too_large_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "LARGEST", 10)
    owe(store_sample())
    body = mails()[0].get_body(("plain",))

    assert body is not None
    assert "too large for an email" in body.get_content()


def test_who_is_added_within_the_week_gets_it_too(settings: Settings) -> None:
    stored = store_sample()
    owe(stored)
    settings.REPORT_RECIPIENTS = [*settings.REPORT_RECIPIENTS, "new@cloud.example"]

    assert owe(stored, timedelta(days=1)) == 1


def test_old_reports_are_not_sent_to_anybody() -> None:
    assert owe(store_sample(), timedelta(days=8)) == 0


def test_a_revision_is_not_sent() -> None:
    stored = store_sample()
    owe(stored)
    store_sample(again=True, seed=2)

    assert owe(stored) == 0


def test_without_recipients_nothing_is_owed(settings: Settings) -> None:
    settings.REPORT_RECIPIENTS = []

    assert owe(store_sample()) == 0


def test_names_of_others_stay_text(settings: Settings) -> None:
    stored = store_sample()
    stored.domain_name = "<b>x</b>\r\nBcc: evil@example.org"
    report = store.report(stored)
    letter = deliver.write(stored, report, attached=False, left_out=False)

    assert "\r" not in letter.subject
    assert "<b>x" not in letter.html
