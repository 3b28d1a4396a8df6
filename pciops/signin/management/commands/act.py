"""The acts besides unlock, for scripts: the same table, rights, trail and side effects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.accounts.account import Account
from pciops.accounts.policy import policy
from pciops.accounts.verdict import judge
from pciops.actions.act import Act, ActRequest
from pciops.actions.bulk import Outcome, Result, perform_all
from pciops.actions.inputs import InputError, checked_end, checked_owner, checked_reason
from pciops.actions.patch import Patch
from pciops.actions.registry import ACTS, BY_NAME
from pciops.actions.unlock import UNLOCK
from pciops.keystone import options as keystone_options
from pciops.signin import commands
from pciops.signin.commands import Doer

NAMES: Final = sorted(act.name for act in ACTS if act is not UNLOCK)


class Command(BaseCommand):
    help = (
        "Enable or disable accounts, set, lift or record exemptions, through Keystone's API with "
        "the credentials of OS_CLOUD or OS_*. The trail has a row for each account."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=NAMES)
        commands.add_arguments(parser)
        parser.add_argument(
            "--option",
            choices=sorted(keystone_options.EXEMPTIONS.values()),
            help="exempt, lift, record: which exemption",
        )
        parser.add_argument("--owner", help="exempt, record: who answers for it")
        parser.add_argument(
            "--ends-on", metavar="YYYY-MM-DD", help="exempt, record: its last day, in UTC"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        act = BY_NAME[options["act"]]
        now, rules = timezone.now(), policy.current()
        inputs = _inputs(act, options)
        doer = commands.doer(without_keystone=options["without_keystone"])
        if isinstance(act, Patch) and doer.token is None:
            raise CommandError(
                f"{act.name} goes through Keystone's API with your own token: set OS_CLOUD, or "
                "OS_USERNAME and the other OS_* of your cloud.",
                returncode=2,
            )
        doer.require(act.needs, f"act {act.name}")
        accounts = commands.find_all(options["accounts"], options["domain"], scope=doer.scope)
        verdicts = [judge(account, rules, now) for account in accounts]
        orders = [
            ActRequest(
                initiator=doer.initiator,
                seen=act.seen(verdict),
                policy=rules,
                now=now,
                token_id=doer.token.id if doer.token else "",
                **inputs,
            )
            for verdict in verdicts
        ]
        if options["dry_run"]:
            for verdict, order in zip(verdicts, orders, strict=True):
                name = f"{verdict.account.name} ({verdict.account.domain_name})"
                why_not = act.refusal(verdict, doer.initiator.id)
                if not why_not and not act.as_seen(verdict, order):
                    why_not = act.why_unfit(verdict)
                said = [f"would stay as it is. {why_not}"] if why_not else act.effects(verdict)
                self.stdout.write("\n  ".join([f"{name}:", *said]))
            return
        self._say(act, perform_all(act, _confirmed(accounts, orders, doer)), len(accounts))

    def _say(self, act: Act, results: Iterator[Result], number: int) -> None:
        """Each result as it comes.

        Raises:
            CommandError: not all were done.
        """
        done = 0
        for result in results:
            name = f"{result.name} ({result.domain_name})"
            if result.outcome is Outcome.DONE:
                done += 1
                self.stdout.write(f"{name} {act.did}\nTrail: {result.event_id}")
            else:
                self.stderr.write(f"{name}: {result.sentence or 'not tried.'}")
        self.stdout.write(f"{act.name}: {done} of {number} done.")
        if done < number:
            raise CommandError(f"{number - done} not done.")


def _inputs(act: Act, options: dict[str, Any]) -> dict[str, Any]:
    """What the act asks for, checked as at the form.

    Raises:
        CommandError: wrong usage, with the name of the option.
    """
    for name in ("option", "owner", "ends_on"):
        if (options[name] is not None) != (name in act.asks):
            word = f"--{name.replace('_', '-')}"
            problem = "needs" if name in act.asks else "takes no"
            raise CommandError(f"{act.name} {problem} {word}.", returncode=2)
    inputs: dict[str, Any] = {"identity": options["identity"] if "identity" in act.asks else ""}
    field = "reason"
    try:
        inputs["reason"] = checked_reason(options["reason"])
        if "option" in act.asks:
            inputs["option"] = options["option"]
        field = "owner"
        if "owner" in act.asks:
            inputs["owner"] = checked_owner(options["owner"])
        field = "ends-on"
        if "ends_on" in act.asks:
            inputs["ends_on"] = checked_end(options["ends_on"], timezone.now())
    except InputError as error:
        raise CommandError(f"--{field}: {error}", returncode=2) from None
    return inputs


def _confirmed(
    accounts: list[Account], orders: list[ActRequest], doer: Doer
) -> Iterator[tuple[Account, ActRequest]]:
    for account, order in zip(accounts, orders, strict=True):
        doer.confirm()
        yield account, order
