"""Describes events in sentences, for pages, the API, files and reports.

A sentence consists of parts, so that a page can mark names, which are untrusted text.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from pciops.events.models import Activity, Attempts, Outcome
from pciops.lib import times
from pciops.lib.numbers import counted, grouped

MAX_NAMES: Final = 5  # in a sentence
MAX_AGENT: Final = 60  # characters
_URL_SAFE: Final = re.compile(r"\w[\w-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class TextPart:
    """A part of a sentence.

    Attributes:
        kind: "untrusted" for text from outside pciops, "strong" for the main fact.
        account_id: the account that it names, if its id fits into a URL.
        domain_id: the domain of that account; "" if unknown.
    """

    text: str
    kind: Literal["", "strong", "untrusted"] = ""
    account_id: str = ""
    domain_id: str = ""


Sentence: TypeAlias = tuple[TextPart, ...]


def as_text(sentence: Sentence) -> str:
    return "".join(part.text for part in sentence)


def account_part(user_id: str, name: str, domain_id: str) -> TextPart:
    """Return the name of an account, or its id, with what a link to its page needs."""
    linked = user_id if _URL_SAFE.fullmatch(user_id) else ""
    return TextPart(name or user_id, "untrusted", linked, domain_id)


def _account(user_id: str, name: str, domain_id: str, domain_name: str) -> Sentence:
    """Return `j.doe (corp)`, or the id if there is no name."""
    named = account_part(user_id, name, domain_id)
    if not domain_name:
        return (named,)
    return (named, TextPart(" ("), TextPart(domain_name, "untrusted"), TextPart(")"))


# --- Sign-ins -----------------------------------------------------------------------------------
@dataclass(kw_only=True, slots=True)
class AttemptGroup:
    """Equal sign-ins over any time.

    Attributes:
        example: the newest of the rows.
        hashes: the partial hashes of the wrong passwords, "" for a missing one.
        names: unknown usernames.
    """

    example: Attempts
    count: int
    first_at: datetime
    last_at: datetime
    hashes: set[str]
    names: set[str]

    @classmethod
    def of(cls, row: Attempts) -> AttemptGroup:
        unknown = row.reason == Attempts.Reason.UNKNOWN_NAME
        return cls(
            example=row,
            count=row.count,
            first_at=row.first_at,
            last_at=row.last_at,
            hashes={row.partial_hash},
            names={row.name or row.user_id} if unknown else set(),
        )

    def add(self, other: AttemptGroup) -> None:
        self.count += other.count
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)
        self.hashes |= other.hashes
        self.names |= other.names


def of_attempts(group: AttemptGroup, *, within: str = "", unknown_names: bool) -> Sentence:
    """Return `12 failed sign-ins, wrong password, reported from 10.2.3.4, 14:02 to 14:13 UTC`.

    Args:
        within: the account of the page, which is not named again.
        unknown_names: the reader may see unknown usernames, where people may have typed passwords.
    """
    row = group.example
    succeeded = row.outcome == Outcome.SUCCESS
    sentence = _signed_in(group, within) if succeeded else _failed(group, within)
    if row.reason == Attempts.Reason.UNKNOWN_NAME and unknown_names:
        sentence += _name_list(group.names)
    return sentence + _source(row.address, row.agent) + _period(group)


def _signed_in(group: AttemptGroup, within: str) -> Sentence:
    often = "" if group.count == 1 else f" {grouped(group.count)} times"
    if _is(group.example, within):
        return (TextPart(f"Signed in{often}", "strong"),)
    return (*_attempted_account(group.example), TextPart(f" signed in{often}", "strong"))


def _failed(group: AttemptGroup, within: str) -> Sentence:
    row = group.example
    number = TextPart(counted(group.count, "failed sign-in"), "strong")
    reason = _REASONS[Attempts.Reason(row.reason)]
    if row.reason == Attempts.Reason.WRONG_PASSWORD and group.count > 1:
        reason += _password_variety(group.hashes)
    if row.reason == Attempts.Reason.UNKNOWN_NAME or _is(row, within):
        return (number, TextPart(reason))
    return (number, TextPart(" as "), *_attempted_account(row), TextPart(reason))


_REASONS: Final = {
    Attempts.Reason.NONE: "",
    Attempts.Reason.WRONG_PASSWORD: ", wrong password",
    Attempts.Reason.LOCKED: ", rejected while the account was locked",
    Attempts.Reason.UNKNOWN_NAME: " with unknown usernames",
    Attempts.Reason.DISABLED: ", the account is disabled",
    Attempts.Reason.EXPIRED: ", the password has expired",
    Attempts.Reason.OTHER: ", for another reason",
}


def _password_variety(hashes: Collection[str]) -> str:
    if "" in hashes:
        return ""  # Keystone does not report them
    return " (the same each time)" if len(hashes) == 1 else f" ({len(hashes)} different passwords)"


def _is(row: Attempts, user_id: str) -> bool:
    return bool(user_id) and row.user_id == user_id


def _attempted_account(row: Attempts) -> Sentence:
    if not row.user_id:
        return (TextPart("an account that Keystone does not name"),)
    return _account(row.user_id, row.name, row.domain_id, row.domain_name)


def _name_list(names: Collection[str]) -> Sentence:
    parts = [TextPart(": ")]
    for name in sorted(names)[:MAX_NAMES]:
        parts += [TextPart("“"), TextPart(name, "untrusted"), TextPart("”"), TextPart(", ")]
    more = len(names) - MAX_NAMES
    return (*parts[:-1], TextPart(f" and {grouped(more)} more")) if more > 0 else tuple(parts[:-1])


def _period(group: AttemptGroup) -> Sentence:
    """Return the first and last time, if the row of the page shows only one of them."""
    first, last = group.first_at.astimezone(UTC), group.last_at.astimezone(UTC)
    if last.replace(second=0, microsecond=0) == first.replace(second=0, microsecond=0):
        return ()
    if first.date() == last.date():
        return (TextPart(f", {first:%H:%M} to {last:%H:%M} UTC"),)
    begun, ended = times.day(first.date()), times.day(last.date())
    return (TextPart(f", {begun}, {first:%H:%M} to {ended}, {last:%H:%M} UTC"),)


# --- Changes ------------------------------------------------------------------------------------
def of_activity(row: Activity) -> Sentence:
    """Return `admin (Default) disabled j.doe (corp), reported from 10.2.3.4 (openstacksdk/4.0)`."""
    if row.action == Activity.Action.PASSWORD:
        return _of_password(row) + _source(row.address, row.agent)
    verb, themselves = _ACTIONS[Activity.Action(row.action)]
    object_ = (TextPart(themselves),) if row.doer_id == row.user_id else _subject(row)
    what = " (Keystone does not report what)" if row.action == Activity.Action.UPDATED else ""
    failed = " (it failed)" if row.outcome == Outcome.FAILURE else ""
    return (
        *_doer(row),
        TextPart(" "),
        TextPart(verb, "strong"),
        TextPart(" "),
        *object_,
        TextPart(what + failed),
        *_source(row.address, row.agent),
    )


# The verb, and its object if an account changes itself.
_ACTIONS: Final = {
    Activity.Action.CREATED: ("created", "their own account"),
    Activity.Action.UPDATED: ("changed", "their own account"),
    Activity.Action.ENABLED: ("enabled", "their own account"),
    Activity.Action.DISABLED: ("disabled", "their own account"),
    Activity.Action.DELETED: ("deleted", "their own account"),
    Activity.Action.ROLE_GRANTED: ("granted a role to", "themselves"),
    Activity.Action.ROLE_REVOKED: ("revoked a role from", "themselves"),
    Activity.Action.CREDENTIAL_CREATED: ("created an application credential for", "themselves"),
    Activity.Action.CREDENTIAL_DELETED: ("deleted an application credential of", "themselves"),
}
PASSWORD_REASONS: Final = {
    Activity.Reason.REQUIREMENTS: "it does not meet the requirements",
    Activity.Reason.HISTORY: "it was used before",
    Activity.Reason.MINIMUM_AGE: "the current one is too new",
    Activity.Reason.SELF_SERVICE: "the owner may not change it",
}


def _of_password(row: Activity) -> Sentence:
    """Describe a password change. If Keystone names nobody, it was the owner, without a token."""
    own = row.doer_id in {"", row.user_id}
    doer = _subject(row) if own else _doer(row)
    if row.outcome == Outcome.SUCCESS:
        did = TextPart("changed their own password" if own else "changed the password", "strong")
        return (*doer, TextPart(" "), did, *(() if own else (TextPart(" of "), *_subject(row))))
    did = TextPart("was refused a new password", "strong")
    owner = () if own else (TextPart(" for "), *_subject(row))
    reason = PASSWORD_REASONS.get(Activity.Reason(row.reason), "")
    return (*doer, TextPart(" "), did, *owner, *((TextPart(f": {reason}"),) if reason else ()))


def _subject(row: Activity) -> Sentence:
    return _account(row.user_id, row.name, row.domain_id, row.domain_name)


def _doer(row: Activity) -> Sentence:
    if not row.doer_id:
        return (TextPart("Keystone or its command line"),)
    return _account(row.doer_id, row.doer_name, row.doer_domain_id, row.doer_domain_name)


# --- Both ---------------------------------------------------------------------------------------
def _source(address: str, agent: str) -> Sentence:
    """Return the reported source, which may be a proxy's or forged."""
    parts = [TextPart(", reported from "), TextPart(address, "untrusted")] if address else []
    if agent:
        parts += [TextPart(" (" if address else ", with "), TextPart(program(agent), "untrusted")]
        parts += [TextPart(")")] if address else []
    return tuple(parts)


def program(agent: str) -> str:
    """Return the first program that an agent names, without the libraries that it uses."""
    if agent.startswith("Mozilla/"):
        return "a browser"
    return (agent.split(maxsplit=1) or [""])[0][:MAX_AGENT]
