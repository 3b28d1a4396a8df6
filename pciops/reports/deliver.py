"""The mail with a report: the main figures, what was found, a link, and the PDF if it is wanted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.template.loader import render_to_string

from pciops.audit import anchors
from pciops.lib import times
from pciops.lib.addresses import plain, quoted
from pciops.notices import rules
from pciops.notices.mail import operator_mail
from pciops.notices.mail.message import LONGEST_SUBJECT, Attachment, RenderedMail
from pciops.notices.models import OperatorMail
from pciops.reports.archive import store
from pciops.reports.models import StoredReport
from pciops.reports.render import text
from pciops.reports.render.formats import FORMATS, content_of
from pciops.reports.value import Report

GOOD_FOR: Final = timedelta(days=7)  # then there is another report
LARGEST: Final = 8 * 1024 * 1024  # bytes of a PDF that goes along; mail servers take no more
TIMESTAMP_REPLY: Final = "application/timestamp-reply"


def owe_recent(now: datetime) -> int:
    """Owe the first revisions of the last days; return how many mails, or raise SettingError.

    Whoever builds a report again has it already.
    """
    recent = StoredReport.objects.filter(
        revision=1, generated_at__gt=now - GOOD_FOR, generated_at__lte=now
    )
    return sum(owe(stored, now=now) for stored in recent.order_by("generated_at", "pk"))


def owe(stored: StoredReport, *, now: datetime) -> int:
    """Owe a report to the recipients who lack it; return how many mails, or raise SettingError."""
    addresses = _without(recipients(stored), stored)
    if not addresses:
        return 0
    report = store.report(stored)
    attachments, left_out = _attachments(stored)
    mail = write(stored, report, attached=bool(attachments), left_out=left_out)
    attachments += _proofs(stored, now)
    return sum(
        operator_mail.put(
            mail,
            about=about(stored),
            domain_id=stored.domain_id,
            to=address,
            reply_to=settings.MAIL_REPLY_TO,
            now=now,
            good_for=GOOD_FOR,
            attachments=attachments,
        )
        for address in addresses
    )


def recipients(stored: StoredReport) -> list[str]:
    """Return the addresses of the settings, or of the domain, or raise SettingError."""
    if not stored.domain_id:
        return list(settings.REPORT_RECIPIENTS)
    return list(rules.current().of_domain(stored.domain_id, stored.domain_name).contacts)


def about(stored: StoredReport) -> str:
    """Return the `about` of the mails of a report."""
    return f"report {stored.week} r{stored.revision}"


def _without(addresses: list[str], stored: StoredReport) -> list[str]:
    owed = OperatorMail.objects.filter(about=about(stored), domain_id=stored.domain_id)
    known = set(owed.values_list("to", flat=True))
    return [address for address in addresses if address not in known]


def _attachments(stored: StoredReport) -> tuple[list[Attachment], bool]:
    """The PDF, if it is wanted; and whether it is too large to go along."""
    if not settings.REPORT_ATTACHED:
        return [], False
    pdf = FORMATS["pdf"]
    content = b"".join(pdf.blocks(content_of(stored)))
    if len(content) > LARGEST:
        return [], True
    name = pdf.file_name(stored)
    return [Attachment(name=name, type=pdf.content_type, content=content)], False


def _proofs(stored: StoredReport, now: datetime) -> list[Attachment]:
    """Return the files of the anchor that proves the report; an anchor is made if there is none.

    They are sent with every report: a copy of the audit log's head that no administrator reaches.
    """
    anchor = store.anchor(stored) or anchors.make_current(now)
    types = {anchors.NOTE_NAME: "application/octet-stream", anchors.REPLY_NAME: TIMESTAMP_REPLY}
    return [
        Attachment(name=name, type=types[name], content=content)
        for name, content in anchors.files(anchor)
    ]


def write(stored: StoredReport, report: Report, *, attached: bool, left_out: bool) -> RenderedMail:
    """Render the mail; each text that is not ours is one line of it."""
    facts = _facts(stored, report) | {"attached": attached, "left_out": left_out}
    subject, body, html = (
        render_to_string(name, facts)
        for name in (
            "reports/mail/subject.txt",
            "reports/mail/body.txt",
            "reports/mail/body.html",
        )
    )
    return RenderedMail(subject=plain(subject, LONGEST_SUBJECT), text=body, html=html)


def _facts(stored: StoredReport, report: Report) -> dict[str, Any]:
    header = report.header
    listed = [
        {"requirement": one.requirement, "title": one.section.title, "words": plain(one.words, 400)}
        for one in text.exceptions(report)
    ]
    with_exceptions = {one.requirement for one in text.exceptions(report)}
    return {
        "cloud": header.cloud,
        "domain": quoted(header.domain_name) if header.domain_name else "",
        "week": header.week,
        "begins": times.dated(header.begins),
        "ends": times.dated(header.ends),
        "generated_at": times.dated(header.generated_at),
        "figures": [
            {
                "label": one.label,
                "number": text.number_text(one.number),
                "change": text.change_text(one.change),
            }
            for one in report.figures()
            if one.main
        ],
        "answer": text.answer(report),
        "tone": "bad" if listed else "soon" if report.gaps else "good",
        "exceptions": listed,
        "requirements": len(with_exceptions),
        "gaps": [plain(gap.words, 400) for gap in report.gaps],
        "link": _link(stored),
        "hash": stored.hash,
        "contact": settings.HELP_CONTACT,
    }


def _link(stored: StoredReport) -> str:
    if not settings.SITE_URL:
        return ""
    domain = f"?{urlencode({'domain': stored.domain_id})}" if stored.domain_id else ""
    return f"{settings.SITE_URL}/reports/{stored.week}/{domain}"
