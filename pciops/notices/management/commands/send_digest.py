"""Write and send the digests of the day, now and by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.accounts import selectors
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.accounts.selectors import Domain
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import times
from pciops.lib.addresses import mail_address
from pciops.lib.env import SettingError
from pciops.notices import digests
from pciops.notices.mail import operator_mail, recipients
from pciops.notices.mail.transport import DeliveryOutcome, MailServerDown


class Command(BaseCommand):
    help = (
        "Write today's digests and send them, as the worker does at the hour of PCIOPS_DIGEST_HOUR:"
        " the cloud's to PCIOPS_DIGEST_RECIPIENTS, and each domain's to its contacts. Running it"
        " again sends nothing twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="print the digest; store and send nothing"
        )
        parser.add_argument("--to", metavar="ADDRESS", help="send only a sample there")
        parser.add_argument("--domain", metavar="DOMAIN", help="only of this domain: name or ID")
        parser.add_argument(
            "--now",
            metavar="TIME",
            help="with --dry-run or --to: as of this time (ISO 8601, UTC)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        sample = options["dry_run"] or options["to"]
        if options["now"] and not sample:
            raise CommandError("--now needs --dry-run or --to", returncode=2)
        now = times.parse(options["now"]) if options["now"] else timezone.now()
        if now is None:
            problem = f"--now: {options['now']!r} is not a time such as 2026-11-22T14:00"
            raise CommandError(problem, returncode=2)
        try:
            domain = _domain(options["domain"]) if options["domain"] else None
            policy = policies.current()
            if sample:
                self._sample(domain, options["to"], policy, now)
            else:
                self._send(domain, policy, now)
        except KeystoneDatabaseDownError as error:
            raise CommandError(f"Keystone's database does not answer: {error}") from None
        except MailServerDown as error:
            raise CommandError(str(error)) from None
        except SettingError as error:
            raise CommandError(str(error), returncode=2) from None

    def _sample(self, domain: Domain | None, to: str | None, policy: Policy, now: datetime) -> None:
        address = mail_address(to) if to else None
        if to and address is None:
            raise CommandError(f"--to: {to!r} is not an email address", returncode=2)
        if address and (problem := recipients.problem(address)):
            raise CommandError(f"--to: {address}: {problem}", returncode=2)
        if address and settings.MAIL_SERVER is None:
            raise CommandError(
                "PCIOPS_EMAIL_URL is not set: pciops cannot send email", returncode=2
            )
        mail = digests.render(digests.preview(domain, policy=policy, now=now))
        if address is None:
            self.stdout.write(f"Subject: {mail.subject}\n\n{mail.text}")
            self.stderr.write("Nothing was stored or sent (--dry-run)")
            return
        outcome, reply = operator_mail.send_sample(
            mail, to=address, now=timezone.now(), reply_to=settings.MAIL_REPLY_TO
        )
        self.stdout.write(f"{outcome.value}, {reply}")
        if outcome is not DeliveryOutcome.SENT:
            raise CommandError("The mail server did not accept the sample")

    def _send(self, domain: Domain | None, policy: Policy, now: datetime) -> None:
        day = now.astimezone(settings.SITE_ZONE).date()
        written = digests.write_due(policy=policy, now=now, day=day, only=domain)
        for row in written:
            self.stdout.write(
                f"{row.domain_name or 'the cloud'}: {row.subject} ({row.mails} to send)"
            )
        if not written:
            self.stdout.write(
                f"nothing to write: the digests of {day.isoformat()} are written already,"
                " or have no recipients"
            )
        result = operator_mail.send_due(clock=timezone.now)
        self.stdout.write(str(result))
        if result.problem:
            raise CommandError(result.problem)


def _domain(text: str) -> Domain:
    """Return the domain of this id or name; an id comes before a name."""
    domains = selectors.domains(scope=None)
    for domain in [*(d for d in domains if d.id == text), *(d for d in domains if d.name == text)]:
        return domain
    raise CommandError(f"--domain: there is no domain {text!r}", returncode=2)
