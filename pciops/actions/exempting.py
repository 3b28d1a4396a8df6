"""Exempt, lift and record: the `ignore_…` options of an account, each with an owner and an end."""

from __future__ import annotations

from typing import Any, Final

from pciops.accounts import selectors
from pciops.accounts.states import INACTIVE
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions import register
from pciops.actions.act import Act, ActRequest, ConflictError, Ending
from pciops.actions.patch import Patch, can_be_patched, silent_effects, standing
from pciops.audit import services
from pciops.audit.models import Event
from pciops.keystone import options

MEANINGS: Final = {
    options.EXEMPTIONS[option]: meaning
    for option, meaning in {
        options.IGNORE_CHANGE_PASSWORD: "need not change a first or reset password",
        options.IGNORE_PASSWORD_EXPIRY: "its password never expires",
        options.IGNORE_LOCKOUT: "is never locked, however often somebody guesses",
        options.IGNORE_USER_INACTIVITY: "never becomes inactive",
    }.items()
}


class Exempt(Patch):
    """Set an option, and record who answers for it until when."""

    name = "exempt"
    action = Event.Action.EXEMPT
    label = "Exempt"
    title = ("Exempt", "from a rule?")
    did = "is exempt from the rule."
    unfit = "The account has this exemption already."
    asks = ("option", "owner", "ends_on", "reason")

    def fits(self, verdict: SigninVerdict) -> bool:
        return can_be_patched(verdict) and bool(self.options(verdict))

    def options(self, verdict: SigninVerdict) -> list[str]:
        held = verdict.account.exemptions
        return [name for name in options.EXEMPTIONS.values() if name not in held]

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Sets the option to true, through Keystone's API and with your own token.",
            *_effects(verdict),
            "Keystone knows no end of an exemption: after its last day the register shows it as "
            "overdue, until somebody lifts it or records it anew.",
        ]

    def resource(self, order: ActRequest) -> str:
        return register.granted(order)

    def changes(self, verdict: SigninVerdict, order: ActRequest) -> dict[str, Any]:
        return _changes(verdict, order, value=True)

    def done(self, verdict: SigninVerdict, option: str) -> bool:
        return option in verdict.account.exemptions

    def keep(self, event: Event) -> None:
        register.record(event)


class Lift(Patch):
    """Remove an option, so that the rule holds again."""

    name = "lift"
    action = Event.Action.LIFT
    label = "Lift exemption"
    title = ("Lift an exemption of", "?")
    did = "is under the rule again."
    unfit = "The account has no such exemption."
    asks = ("option", "reason")

    def fits(self, verdict: SigninVerdict) -> bool:
        return can_be_patched(verdict) and bool(self.options(verdict))

    def options(self, verdict: SigninVerdict) -> list[str]:
        return verdict.account.exemptions

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Removes the option, through Keystone's API and with your own token. The rule holds "
            "from then on: a password that has expired meanwhile keeps the user out.",
            *_effects(verdict),
        ]

    def changes(self, verdict: SigninVerdict, order: ActRequest) -> dict[str, Any]:
        return _changes(verdict, order, value=None)

    def done(self, verdict: SigninVerdict, option: str) -> bool:
        return option not in verdict.account.exemptions

    def keep(self, event: Event) -> None:
        register.close(event, event.resource)


class Record(Act):
    """Record an exemption that exists already; Keystone is not touched."""

    name = "record"
    action = Event.Action.RECORD
    label = "Record exemption"
    title = ("Record an exemption of", "?")
    did = "has its exemption in the register."
    unfit = "The account has no exemption that could be recorded."
    asks = ("option", "owner", "ends_on", "reason")

    def fits(self, verdict: SigninVerdict) -> bool:
        return bool(self.options(verdict))

    def options(self, verdict: SigninVerdict) -> list[str]:
        return verdict.account.exemptions

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Writes owner, reason and last day into the register; what was recorded of this option "
            "before is closed.",
            "Nothing changes in Keystone.",
        ]

    def seen(self, verdict: SigninVerdict) -> str:
        return standing(verdict).rpartition(" ")[2]

    def resource(self, order: ActRequest) -> str:
        return register.granted(order)

    def carry_out(self, event: Event, verdict: SigninVerdict, order: ActRequest) -> str | None:
        return ""

    def keep(self, event: Event) -> None:
        register.record(event)

    def ending(self, event: Event, verdict: SigninVerdict) -> Ending:
        return Event.Outcome.FAILURE, "not recorded: that would have settled it"

    def conflict(self, event: Event, order: ActRequest) -> ConflictError:
        account = selectors.get(event.target_id, scope=None)
        fits = account is not None and self.fits(judge(account, order.policy, order.now))
        sentence = "Its exemptions have changed after you opened the form. Nothing was recorded."
        services.settle(event, Event.Outcome.FAILURE, sentence)
        return ConflictError(sentence, event, account, fits=fits)


EXEMPT = Exempt()
LIFT = Lift()
RECORD = Record()


def _changes(verdict: SigninVerdict, order: ActRequest, *, value: bool | None) -> dict[str, Any]:
    changes: dict[str, Any] = {"options": {order.option: value}}
    if INACTIVE in verdict.states:
        changes["enabled"] = True  # or Keystone would write it as disabled
    return changes


def _effects(verdict: SigninVerdict) -> list[str]:
    if not verdict.account.enabled:
        return ["The account stays disabled; its failures and its last activity stay."]
    if INACTIVE not in verdict.states:
        return silent_effects(verdict)
    return [
        "The account is inactive, and becomes active again with it: enabled is sent as true, "
        "because Keystone would otherwise disable it.",
        *silent_effects(verdict),
    ]
