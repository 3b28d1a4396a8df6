"""Sends a test email over the mail server of pciops' settings, in place of Django's command."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.loader import render_to_string
from django.utils import timezone

from pciops.lib.addresses import mail_address
from pciops.notices.mail import operator_mail
from pciops.notices.mail.message import RenderedMail
from pciops.notices.mail.transport import DeliveryOutcome, MailServerDown


class Command(BaseCommand):
    help = "Send a test email to an address over PCIOPS_EMAIL_URL, and print the server's reply."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", metavar="ADDRESS")

    def handle(self, *args: Any, **options: Any) -> None:
        address = mail_address(options["address"])
        if address is None:
            raise CommandError(f"{options['address']!r} is not an email address.", returncode=2)
        if settings.MAIL_SERVER is None:
            raise CommandError("PCIOPS_EMAIL_URL is not set: it names the server.", returncode=2)
        text = f"This is a test of pciops for {settings.CLOUD_NAME}. You don't have to do anything."
        variables = {"cloud": settings.CLOUD_NAME, "contact": settings.HELP_CONTACT, "text": text}
        mail = RenderedMail(
            subject=f"Test email of pciops for {settings.CLOUD_NAME}",
            text=f"{text}\n",
            html=render_to_string("alerts/test.html", variables),
        )
        try:
            outcome, reply = operator_mail.send_sample(
                mail, to=address, now=timezone.now(), reply_to=settings.MAIL_REPLY_TO
            )
        except MailServerDown as error:
            raise CommandError(str(error)) from None
        if outcome is not DeliveryOutcome.SENT:
            raise CommandError(f"The mail server did not accept the email: {reply}")
        self.stdout.write(f"The mail server accepted the email to {address}: {reply}")
