"""Record an account as one of a machine, or of a person; Keystone is not touched."""

from __future__ import annotations

from typing import ClassVar

from pciops.accounts import machines
from pciops.accounts.machines import MachineReason
from pciops.accounts.verdict import SigninVerdict
from pciops.actions.act import Act, ActRequest, Done
from pciops.audit.models import Event


class RecordHolder(Act):
    """Record who uses the account; the last record counts."""

    is_machine: ClassVar[bool]
    on_oneself = "You can't record who uses your own account. Ask another administrator."

    def fits(self, verdict: SigninVerdict) -> bool:
        machine = verdict.account.machine
        return machine is not MachineReason.ROLE and (machine is None) == self.is_machine

    def precondition(self, verdict: SigninVerdict) -> str:
        machine = verdict.account.machine
        return f"machine={machine.value if machine else ''}"

    def carry_out(self, event: Event, verdict: SigninVerdict, request: ActRequest) -> Done:
        return Done(event=event)

    def conflict_sentence(self, event: Event, verdict: SigninVerdict, request: ActRequest) -> str:
        return (
            "The record of who uses the account changed after you opened the form. Nothing was "
            "recorded."
        )

    def outcome_after_crash(
        self, event: Event, verdict: SigninVerdict
    ) -> tuple[Event.Outcome, str]:
        return Event.Outcome.FAILURE, "not recorded: that would have settled it"

    def keep(self, event: Event) -> None:
        machines.record(event.target_id, is_machine=self.is_machine, event_id=event.id)


class RecordMachine(RecordHolder):
    """Record that a machine uses the account."""

    name = "machine"
    action = Event.Action.MACHINE
    label = "Record as machine"
    title = ("Record", "as a machine")
    did = "is recorded as a machine."
    unfit = "The account is already a machine."
    is_machine = True

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Reports judge the account by 8.6.3, and not by 8.3.9 and 8.4.",
            "Nothing changes in Keystone.",
        ]


class RecordPerson(RecordHolder):
    """Record that a person uses the account."""

    name = "person"
    action = Event.Action.PERSON
    label = "Record as person"
    title = ("Record", "as a person")
    did = "is recorded as a person."
    unfit = "The account is already a person's, or its roles make it a service account."
    is_machine = False

    def effects(self, verdict: SigninVerdict) -> list[str]:
        machine = verdict.account.machine
        return [
            f"This no longer counts: {machine.label[:1].lower()}{machine.label[1:]}"
            if machine
            else "The account is already a person's.",
            "Reports judge the account by 8.3.9 and 8.4, like those of people.",
            "Nothing changes in Keystone.",
        ]


MACHINE = RecordMachine()
PERSON = RecordPerson()
