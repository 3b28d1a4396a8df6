"""What was notified, in a sentence: one place for pages, API, files and reports.

A sentence is made of parts, so that a page can set a name off from the words around it: names
are strangers' text.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from pciops.events.models import Activity, Attempts, Outcome
from pciops.lib import times
from pciops.lib.numbers import grouped

NAMES: Final = 5  # that a sentence has room for
LONGEST: Final = 60  # characters of an agent
_LINKED: Final = re.compile(r"\w[\w-]*", re.ASCII)  # ids that fit into an address


@dataclass(frozen=True, slots=True)
class Part:
    """Some words of a sentence.

    Attributes:
        kind: "stranger" for text that is not ours, "strong" for what the sentence is about.
        account_id: whose name it is, where it is an account's that an address can name.
        domain_id: that account's; "" where it is not known.
    """

    text: str
    kind: Literal["", "strong", "stranger"] = ""
    account_id: str = ""
    domain_id: str = ""


Sentence: TypeAlias = tuple[Part, ...]


def plain(sentence: Sentence) -> str:
    """The sentence as one text."""
    return "".join(part.text for part in sentence)


def _account(user_id: str, name: str, domain_id: str, domain_name: str) -> Sentence:
    """`j.doe (corp)`, or the id where that is all that is known."""
    linked = user_id if _LINKED.fullmatch(user_id) else ""
    named = Part(name or user_id, "stranger", linked, domain_id)
    if not domain_name:
        return (named,)
    return (named, Part(" ("), Part(domain_name, "stranger"), Part(")"))


# --- Sign-ins -----------------------------------------------------------------------------------
@dataclass(kw_only=True, slots=True)
class Tries:
    """Sign-ins that are alike, however long they went on.

    Attributes:
        example: the newest of the rows.
        hashes: the partial hashes of the wrong passwords, "" for one that Keystone did not send.
        names: those that no account has.
    """

    example: Attempts
    count: int
    first_at: datetime
    last_at: datetime
    hashes: set[str]
    names: set[str]

    @classmethod
    def of(cls, row: Attempts) -> Tries:
        """The tries of one row."""
        unknown = row.reason == Attempts.Reason.UNKNOWN_NAME
        return cls(
            example=row,
            count=row.count,
            first_at=row.first_at,
            last_at=row.last_at,
            hashes={row.partial_hash},
            names={row.name or row.user_id} if unknown else set(),
        )

    def add(self, other: Tries) -> None:
        """These and the others are alike."""
        self.count += other.count
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)
        self.hashes |= other.hashes
        self.names |= other.names


def of_tries(tries: Tries, *, within: str = "", unknown_names: bool) -> Sentence:
    """`12 failed sign-ins, wrong password, reported from 10.2.3.4 (curl), 14:02 to 14:13 UTC`.

    Args:
        within: the account that everything around it is about, which is not named again.
        unknown_names: whether the reader may see names that no account has. People type
            passwords there.
    """
    row = tries.example
    sentence = (
        _signed_in(tries, within) if row.outcome == Outcome.SUCCESS else _refused(tries, within)
    )
    if row.reason == Attempts.Reason.UNKNOWN_NAME and unknown_names:
        sentence += _listed(tries.names)
    return sentence + _source(row.address, row.agent) + _span(tries)


def _signed_in(tries: Tries, within: str) -> Sentence:
    often = "" if tries.count == 1 else f" {grouped(tries.count)} times"
    if _is(tries.example, within):
        return (Part(f"Signed in{often}", "strong"),)
    return (*_who(tries.example), Part(f" signed in{often}", "strong"))


def _refused(tries: Tries, within: str) -> Sentence:
    row, one = tries.example, tries.count == 1
    what = Part(f"{grouped(tries.count)} failed sign-in{'' if one else 's'}", "strong")
    why = Part(_WHY[Attempts.Reason(row.reason)])
    if row.reason == Attempts.Reason.WRONG_PASSWORD and not one:
        why = Part(f"{why.text}{_alike(tries.hashes)}")
    if row.reason == Attempts.Reason.UNKNOWN_NAME or _is(row, within):
        return (what, why)
    return (what, Part(" as "), *_who(row), why)


_WHY: Final = {
    Attempts.Reason.NONE: "",
    Attempts.Reason.WRONG_PASSWORD: ", wrong password",
    Attempts.Reason.LOCKED: ", refused unread because the account was locked",
    Attempts.Reason.UNKNOWN_NAME: " under names that no account has",
    Attempts.Reason.DISABLED: ", the account is disabled",
    Attempts.Reason.EXPIRED: ", the password has expired",
    Attempts.Reason.OTHER: ", for another reason",
}


def _alike(hashes: Collection[str]) -> str:
    if "" in hashes:
        return ""  # Keystone does not say
    return " (always the same)" if len(hashes) == 1 else f" ({len(hashes)} different ones)"


def _is(row: Attempts, user_id: str) -> bool:
    return bool(user_id) and row.user_id == user_id


def _who(row: Attempts) -> Sentence:
    if not row.user_id:
        return (Part("somebody whom Keystone does not name"),)
    return _account(row.user_id, row.name, row.domain_id, row.domain_name)


def _listed(names: Collection[str]) -> Sentence:
    parts = [Part(": ")]
    for name in sorted(names)[:NAMES]:
        parts += [Part("“"), Part(name, "stranger"), Part("”"), Part(", ")]
    more = len(names) - NAMES
    return (*parts[:-1], Part(f" and {grouped(more)} more")) if more > 0 else tuple(parts[:-1])


def _span(tries: Tries) -> Sentence:
    """From when to when, where that is longer than the minute that is shown beside it."""
    first, last = tries.first_at.astimezone(UTC), tries.last_at.astimezone(UTC)
    if last.replace(second=0, microsecond=0) == first.replace(second=0, microsecond=0):
        return ()
    if first.date() == last.date():
        return (Part(f", {first:%H:%M} to {last:%H:%M} UTC"),)
    begun, ended = times.day(first.date()), times.day(last.date())
    return (Part(f", {begun}, {first:%H:%M} to {ended}, {last:%H:%M} UTC"),)


# --- Changes ------------------------------------------------------------------------------------
def of_activity(row: Activity) -> Sentence:
    """`admin (Default) disabled j.doe (corp), reported from 10.2.3.4 (openstacksdk/4.0)`."""
    if row.action == Activity.Action.PASSWORD:
        return _of_password(row) + _source(row.address, row.agent)
    verb, themselves = _DONE[Activity.Action(row.action)]
    whom = (Part(themselves),) if row.doer_id == row.user_id else _subject(row)
    what = " (Keystone does not say what)" if row.action == Activity.Action.UPDATED else ""
    failed = " (it failed)" if row.outcome == Outcome.FAILURE else ""
    did = (*_doer(row), Part(" "), Part(verb, "strong"), Part(" "), *whom, Part(what + failed))
    return did + _source(row.address, row.agent)


# The verb, and what it is done to where somebody does it to themselves.
_DONE: Final = {
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
_REFUSED: Final = {
    Activity.Reason.REQUIREMENTS: "it does not meet the requirements",
    Activity.Reason.HISTORY: "it was used before",
    Activity.Reason.MINIMUM_AGE: "the one before it is too young",
    Activity.Reason.SELF_SERVICE: "the owner may not change it",
}


def _of_password(row: Activity) -> Sentence:
    """Where Keystone names nobody, it was the owner: only they need no token for it."""
    own = row.doer_id in {"", row.user_id}
    who = _subject(row) if own else _doer(row)
    if row.outcome == Outcome.SUCCESS:
        did = Part("changed their own password" if own else "changed the password", "strong")
        return (*who, Part(" "), did, *(() if own else (Part(" of "), *_subject(row))))
    did = Part("was refused a new password", "strong")
    why = _REFUSED.get(Activity.Reason(row.reason), "")
    whose = () if own else (Part(" for "), *_subject(row))
    return (*who, Part(" "), did, *whose, *((Part(f": {why}"),) if why else ()))


def _subject(row: Activity) -> Sentence:
    return _account(row.user_id, row.name, row.domain_id, row.domain_name)


def _doer(row: Activity) -> Sentence:
    if not row.doer_id:
        return (Part("Keystone itself or its command line"),)
    return _account(row.doer_id, row.doer_name, row.doer_domain_id, row.doer_domain_name)


# --- Both ---------------------------------------------------------------------------------------
def _source(address: str, agent: str) -> Sentence:
    """Reported: it is a proxy's, or forged where Keystone can be reached directly."""
    parts = [Part(", reported from "), Part(address, "stranger")] if address else []
    if agent:
        parts += [Part(" (" if address else ", with "), Part(program(agent), "stranger")]
        parts += [Part(")")] if address else []
    return tuple(parts)


def program(agent: str) -> str:
    """The first of the programs that an agent names: who called, not the libraries it stands on."""
    if agent.startswith("Mozilla/"):
        return "a browser"
    return (agent.split(maxsplit=1) or [""])[0][:LONGEST]
