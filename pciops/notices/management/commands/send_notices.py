"""Plan and send notices, now and by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.keystone import limits
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import tables, times
from pciops.lib.addresses import mail_address
from pciops.lib.env import SettingError
from pciops.notices import forecast, plan, rendering, rules, send
from pciops.notices.mail import operator_mail, recipients
from pciops.notices.mail.transport import DeliveryOutcome, MailServerDown
from pciops.notices.models import NoticeKind
from pciops.notices.rules import RuleBook

COLUMNS: Final = ("kind", "days", "name", "domain", "address", "about", "status")


class Command(BaseCommand):
    help = (
        "Plan what is due and send it, as the worker does: accounts whose password expires soon or "
        "has expired, that become inactive soon, that were locked or unlocked. Running it again "
        "sends nothing twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="list who would get which notice; store and send nothing",
        )
        parser.add_argument("--to", metavar="ADDRESS", help="send a sample of each kind there")
        parser.add_argument(
            "--now", metavar="TIME", help="with --dry-run: as of this time (ISO 8601, UTC)"
        )
        parser.add_argument("--format", choices=tables.FORMATS, default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["now"] and not options["dry_run"]:
            raise CommandError("--now needs --dry-run", returncode=2)
        now = times.parse(options["now"]) if options["now"] else timezone.now()
        if now is None:
            problem = f"--now: {options['now']!r} is not a time such as 2026-11-22T14:00"
            raise CommandError(problem, returncode=2)
        try:
            policy, book = policies.current(), rules.current()
            if options["to"]:
                self._sample(options["to"], policy, book, now)
            elif options["dry_run"]:
                self._list(options["format"], policy, book, now)
            else:
                self._send(policy, book, now)
        except KeystoneDatabaseDownError as error:
            raise CommandError(f"Keystone's database does not answer: {error}") from None
        except MailServerDown as error:
            raise CommandError(str(error)) from None
        except SettingError as error:
            raise CommandError(str(error), returncode=2) from None

    def _sample(self, text: str, policy: Policy, book: RuleBook, now: datetime) -> None:
        address = mail_address(text)
        if address is None:
            raise CommandError(f"--to: {text!r} is not an email address", returncode=2)
        if problem := recipients.problem(address):
            raise CommandError(f"--to: {address}: {problem}", returncode=2)
        if settings.MAIL_SERVER is None:
            raise CommandError(
                "PCIOPS_EMAIL_URL is not set: pciops cannot send email", returncode=2
            )
        failed = 0
        for kind in NoticeKind:
            notice = rendering.sample(kind, policy=policy, now=now)
            mail = rendering.render_notice(notice, policy=policy, rules=book.default, now=now)
            outcome, reply = operator_mail.send_sample(
                mail, to=address, now=now, reply_to=book.default.reply_to
            )
            self.stdout.write(f"{kind.value}: {outcome.value}, {reply}")
            failed += outcome is not DeliveryOutcome.SENT
        if failed:
            raise CommandError(f"{failed} of {len(NoticeKind)} samples were not accepted")

    @limits.of_job()
    def _list(self, form: str, policy: Policy, book: RuleBook, now: datetime) -> None:
        rows = _rows(policy, book, now)
        self.stdout.ending = ""  # the writers end their own lines
        if form == "table":
            tables.write_table(self.stdout, COLUMNS, list(rows))
        elif form == "csv":
            self.stdout.writelines(tables.csv_lines(COLUMNS, rows))
        else:
            self.stdout.writelines(tables.json_lines("notices", rows))
        self.stderr.write("Nothing was stored or sent (--dry-run)")

    def _send(self, policy: Policy, book: RuleBook, now: datetime) -> None:
        canceled = plan.review(policy=policy, book=book, now=now)
        planned = plan.by_date(policy=policy, book=book, now=now).planned
        planned += plan.by_lock(policy=policy, book=book, now=now).planned
        forecast.take(policy=policy, book=book, now=now)
        self.stdout.write(f"{planned.total()} planned, {canceled} canceled")
        result = send.send_due(policy=policy, book=book, clock=timezone.now)
        for status, number in sorted(result.settled.items()):
            self.stdout.write(f"{number} {status}")
        if result.deferred:
            self.stdout.write(f"{result.deferred} deferred")
        if result.problem:
            raise CommandError(result.problem)


def _rows(policy: Policy, book: RuleBook, now: datetime) -> Iterator[dict[str, Any]]:
    chunks = chain(
        plan.dues_by_date(policy=policy, book=book, now=now),
        plan.dues_by_lock(policy=policy, book=book, now=now),
    )
    for dues in chunks:
        for account, due in dues:
            yield {
                "kind": due.kind.value,
                "days": due.step or None,
                "name": account.name,
                "domain": account.domain_name,
                "address": account.email,
                "about": times.iso(due.fact_at.replace(microsecond=0)),
                "status": plan.status_of(account.email).value,
            }
