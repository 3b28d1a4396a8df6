"""All acts but the unlock, for scripts, with the registry, rights and effects of the pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.accounts.policy import policy
from pciops.actions.act import Act
from pciops.actions.bulk import BulkOutcome, BulkResult, perform_all
from pciops.actions.registry import ACTS, BY_NAME
from pciops.actions.unlock import UNLOCK
from pciops.keystone import database
from pciops.keystone import options as keystone_options
from pciops.signin import commands

NAMES: Final = sorted(act.name for act in ACTS if act is not UNLOCK)


class Command(BaseCommand):
    help = (
        "Enable or disable accounts, end sessions, and add, remove, or record exemptions. Uses "
        "Keystone's API with the credentials of OS_CLOUD or OS_*. The audit log has a row for "
        "each account."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=NAMES)
        commands.add_arguments(parser)
        parser.add_argument(
            "--option",
            choices=sorted(keystone_options.EXEMPTIONS.values()),
            help="`exempt`, `lift`, `record`: the exemption",
        )
        parser.add_argument("--owner", help="exempt, record: the owner of the exemption")
        parser.add_argument(
            "--ends-on", metavar="YYYY-MM-DD", help="exempt, record: its last day, in UTC"
        )

    @database.from_primary()
    def handle(self, *args: Any, **options: Any) -> None:
        act = BY_NAME[options["act"]]
        now, rules = timezone.now(), policy.current()
        for name in ("option", "owner", "ends_on"):
            if (options[name] is not None) != (name in act.asks):
                problem = "needs" if name in act.asks else "takes no"
                flag = f"--{name.replace('_', '-')}"
                raise CommandError(f"{act.name} {problem} {flag}.", returncode=2)
        inputs = commands.inputs_of(act, options, now)
        operator = commands.operator(without_keystone=options["without_keystone"])
        if act.needs_token and operator.token is None:
            raise CommandError(
                f"{act.name} uses Keystone's API with your own token. Set OS_CLOUD, or "
                "OS_USERNAME and the other OS_* variables of your cloud.",
                returncode=2,
            )
        operator.require(act, f"act {act.name}")
        verdicts = commands.find_all(options, scope=operator.scope, policy=rules, now=now)
        if options["dry_run"]:
            for verdict in verdicts:
                name = f"{verdict.account.name} ({verdict.account.domain_name})"
                why_not = act.why_not(verdict, operator.authority)
                if not why_not and not act.is_met(verdict, operator.request(act, verdict, inputs)):
                    why_not = act.why_unfit(verdict)
                lines = [f"would not change. {why_not}"] if why_not else act.effects(verdict)
                self.stdout.write("\n  ".join([f"{name}:", *lines]))
            return
        results = perform_all(act, operator.requests(act, verdicts, inputs))
        self._report(act, results, len(verdicts))

    def _report(self, act: Act, results: Iterator[BulkResult], number: int) -> None:
        """Write each result when it is there, or raise CommandError if not all were done."""
        done = 0
        for result in results:
            name = f"{result.account.name} ({result.account.domain_name})"
            if result.outcome is BulkOutcome.DONE:
                done += 1
                self.stdout.write(f"{name} {act.did}\nAudit log: {result.event_id}")
            else:
                self.stderr.write(f"{name}: {result.sentence or 'not attempted.'}")
        self.stdout.write(f"{act.name}: {done} of {number} done.")
        if done < number:
            raise CommandError(f"{number - done} not done.")
