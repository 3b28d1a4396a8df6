"""Describes events as rows of a table: what happened, to which account, from where.

The same events in sentences: `pciops.events.sentences`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import Final, Literal, TypeAlias

from pciops.audit.models import Event
from pciops.events import sentences
from pciops.events.diagnosis.rules import MANY, SPRAYED
from pciops.events.models import Activity, Attempts, Outcome
from pciops.events.sentences import AttemptGroup, Sentence, TextPart
from pciops.lib import times
from pciops.lib.numbers import counted, grouped

Tone: TypeAlias = Literal["", "good", "soon", "bad", "attack"]

MAX_NAMES: Final = 4  # unknown usernames of an entry
MAX_DETAIL: Final = 200  # characters
_REASON: Final = Attempts.Reason
_SIGN_IN_DETAILS: Final = {
    _REASON.NONE: "",
    _REASON.WRONG_PASSWORD: "Wrong password",
    _REASON.LOCKED: "Rejected while locked",
    _REASON.UNKNOWN_NAME: "",
    _REASON.DISABLED: "Account disabled",
    _REASON.EXPIRED: "Password expired",
    _REASON.OTHER: "Another reason",
}
# Names of acts that were not done; those of the others say "done" in all cases.
_NOT_DONE: Final = {
    Event.Action.UNLOCK: "Unlock",
    Event.Action.ENABLE: "Enable",
    Event.Action.DISABLE: "Disable",
    Event.Action.EXEMPT: "Add exemption",
    Event.Action.LIFT: "Remove exemption",
    Event.Action.RECORD: "Record exemption",
    Event.Action.END_SESSIONS: "End sessions",
    Event.Action.MACHINE: "Mark as used by a machine",
    Event.Action.PERSON: "Mark as used by a person",
    Event.Action.SIGN_IN: "Sign-in",
    Event.Action.SIGN_OUT: "Sign-out",
    Event.Action.PASSWORD: "Change password",
    Event.Action.EXPORT: "Export",
    Event.Action.REPORT: "Download report",
    Event.Action.BUILD: "Build report",
    Event.Action.SIGN_OFF: "Sign off report",
}


@dataclass(frozen=True, kw_only=True)
class EventEntry:
    """A row of a table.

    Attributes:
        kind: an action of `Activity` or of the audit log, `sign_in`, `attack`, or a
            reason of `Attempts`.
        by: the account that did it, or text in its place; None for sign-ins.
        account: the account, or text in its place; None for none.
        outcome: "" if it was done.
    """

    kind: str
    name: str
    tone: Tone = ""
    count: int = 1
    by: TextPart | None = None
    detail: Sentence = ()
    account: TextPart | None = None
    domain: str = ""
    address: str = ""
    client: str = ""
    outcome: str = ""

    @property
    def is_long(self) -> bool:
        """Whether the detail is more than a row of a table can hold."""
        return len(sentences.as_text(self.detail)) > MAX_DETAIL


# --- Sign-ins -----------------------------------------------------------------------------------
def of_attempts(group: AttemptGroup, *, unknown_names: bool) -> EventEntry:
    """Return the entry of equal sign-ins.

    Args:
        unknown_names: see `sentences.of_attempts`.
    """
    row = group.example
    succeeded, unknown = row.outcome == Outcome.SUCCESS, row.reason == _REASON.UNKNOWN_NAME
    attack = len(group.hashes) >= MANY or len(group.names) > SPRAYED
    parts = _unknown_names(group) if unknown and unknown_names else _attempt_detail(group)
    since = _since(group)
    joined: Sentence = (
        *parts,
        TextPart(f", {since}" if parts else f"{since[:1].upper()}{since[1:]}"),
    )
    return EventEntry(
        kind="sign_in" if succeeded else "attack" if attack else row.reason,
        name="Signed in" if succeeded else "Failed sign-in",
        tone="attack" if attack else "bad" if row.reason == _REASON.WRONG_PASSWORD else "",
        count=group.count,
        detail=joined if since else parts,
        account=_attempted(group, unknown_names) if unknown else _named(row),
        domain="" if unknown else row.domain_name,
        address=row.address,
        client=_client(row.agent),
    )


def _attempt_detail(group: AttemptGroup) -> Sentence:
    row = group.example
    text = _SIGN_IN_DETAILS[_REASON(row.reason)]
    if row.reason == _REASON.WRONG_PASSWORD and group.count > 1 and "" not in group.hashes:
        number = len(group.hashes)
        text = "Same password each time" if number == 1 else f"{number} different passwords"
    return (TextPart(text),) if text else ()


def _unknown_names(group: AttemptGroup) -> Sentence:
    """Return the first names, which may be hostile text."""
    parts: list[TextPart] = []
    for name in sorted(group.names)[:MAX_NAMES]:
        parts += [TextPart(", ")] if parts else []
        parts.append(TextPart(name, "untrusted"))
    more = len(group.names) - MAX_NAMES
    return (*parts, TextPart(f" and {grouped(more)} more")) if more > 0 else tuple(parts)


def _attempted(group: AttemptGroup, unknown_names: bool) -> TextPart:
    if not unknown_names:
        return TextPart("Unknown username")
    number = len(group.names)
    return TextPart("Unknown username" if number == 1 else counted(number, "unknown username"))


def _since(group: AttemptGroup) -> str:
    """Return the time of the first one, if the row of the table does not show it."""
    first, last = group.first_at.astimezone(UTC), group.last_at.astimezone(UTC)
    if last.replace(second=0, microsecond=0) == first.replace(second=0, microsecond=0):
        return ""
    return f"since {times.clock(first, last)}"


# --- Changes ------------------------------------------------------------------------------------
def of_activity(row: Activity) -> EventEntry:
    """Return the entry of a change that Keystone notified."""
    refused = row.outcome == Outcome.FAILURE
    name = str(Activity.Action(row.action).label)
    if refused and row.action == Activity.Action.PASSWORD:
        name = "Password change refused"
    return EventEntry(
        kind=row.action,
        name=name,
        tone="bad" if refused else "",
        by=_doer(row),
        detail=_change_detail(row),
        account=_named(row),
        domain=row.domain_name,
        address=row.address,
        client=_client(row.agent),
        outcome="Failed" if refused else "",
    )


def _doer(row: Activity) -> TextPart:
    # Owners may change their password without a token: then Keystone names no one.
    if row.doer_id == row.user_id or (not row.doer_id and row.action == Activity.Action.PASSWORD):
        return TextPart("its owner")
    if not row.doer_id:
        return TextPart("Keystone or its command line")
    return sentences.account_part(row.doer_id, row.doer_name, row.doer_domain_id)


def _change_detail(row: Activity) -> Sentence:
    if row.action == Activity.Action.UPDATED:
        return (TextPart("details not reported"),)
    reason = sentences.PASSWORD_REASONS.get(Activity.Reason(row.reason))
    return (TextPart(reason),) if reason else ()


# --- The audit log ------------------------------------------------------------------------------
def of_act(event: Event, *, confirmed: bool = False) -> EventEntry:
    """Return the entry of a row of the audit log.

    Args:
        confirmed: Keystone published the change too.
    """
    action, done = Event.Action(event.action), event.outcome == Event.Outcome.SUCCESS
    name = str(action.label)
    return EventEntry(
        kind=event.action,
        name=name if done else _NOT_DONE.get(action, name),
        tone="good" if done and action == Event.Action.UNLOCK else "",
        by=_initiator(event),
        detail=_act_detail(event, confirmed),
        account=_target(event),
        domain=event.target_domain_name if event.target_id else "",
        address=event.initiator_address,
        client=str(event.get_via_display()),
        outcome=_outcome(event),
    )


def _outcome(event: Event) -> str:
    if event.action == Event.Action.DENY:
        return "Refused"
    return {Event.Outcome.SUCCESS: "", Event.Outcome.FAILURE: "Failed"}.get(
        Event.Outcome(event.outcome), str(event.get_outcome_display())
    )


def _initiator(event: Event) -> TextPart:
    if event.initiator_type == Event.InitiatorType.KEYSTONE and event.initiator_id:
        return sentences.account_part(
            event.initiator_id, event.initiator_name, event.initiator_domain_id
        )
    return TextPart(event.initiator_name, "untrusted")


def _act_detail(event: Event, confirmed: bool) -> Sentence:
    """Return the reason, the identity check and the remark, as far as there are any."""
    identity = f"Identity: {event.get_identity_display().lower()}" if event.identity else ""
    resource = event.resource if event.target_id else ""
    parts: list[TextPart] = []
    for text in filter(None, (event.reason, resource, identity, event.remark)):
        parts += [TextPart(" · ")] if parts else []
        parts.append(TextPart(text, "untrusted"))
    if confirmed:
        parts.append(TextPart(f"{' · ' if parts else ''}Keystone reported it"))
    return tuple(parts)


def _target(event: Event) -> TextPart | None:
    if event.target_id:
        return sentences.account_part(event.target_id, event.target_name, event.target_domain_id)
    return TextPart(event.resource, "untrusted") if event.resource else None


def _client(agent: str) -> str:
    return "Browser" if agent.startswith("Mozilla/") else sentences.program(agent)


def _named(row: Attempts | Activity) -> TextPart:
    if not row.user_id:
        return TextPart("Not reported")
    return sentences.account_part(row.user_id, row.name, row.domain_id)
