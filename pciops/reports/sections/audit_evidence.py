"""What the report says of acts: unlocks, changes of policy, and everything done through pciops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from pciops.accounts.policy import policy
from pciops.audit import chain, selectors
from pciops.audit.doctor import MAX_AGE
from pciops.audit.models import ChainHead, Event
from pciops.audit.policy_changes import RESOURCE
from pciops.lib import times
from pciops.lib.evidence import (
    Cell,
    Column,
    Figure,
    Part,
    Question,
    Statement,
    Table,
    Verdict,
    evidence,
)
from pciops.lib.spool import Row, Spool
from pciops.reports.sections.evidence_population import sourced

Action = Event.Action
Outcome = Event.Outcome

# Done to an account; the rest concerns pciops itself.
ON_ACCOUNTS: Final = (
    *(Action.UNLOCK, Action.ENABLE, Action.DISABLE, Action.EXEMPT, Action.LIFT, Action.RECORD),
)
# Many, and of no account: they are counted.
COUNTED: Final = (Action.SIGN_IN, Action.SIGN_OUT)
DOER: Final = (
    Column(key="by", title="By whom"),
    Column(key="via", title="Through"),
)
ACCOUNT: Final = (
    Column(key="user_id", title="Id"),
    Column(key="user_name", title="Account"),
    Column(key="domain_name", title="Domain"),
)


def _second(event: Event) -> str:
    return times.iso(event.event_time.replace(microsecond=0)) or ""


def _doer(event: Event) -> tuple[Cell, ...]:
    return event.initiator, event.get_via_display()


def _account(event: Event) -> tuple[Cell, ...]:
    return event.target_id, event.target_name, event.target_domain_name


# --- 8.3.4 ---------------------------------------------------------------------------------------
@evidence("8.3.4", order=20)
def unlocks(question: Question) -> Iterator[Part]:
    """Each unlock of the week that was done or tried: what was seen, and how it ended."""
    found = Spool()
    done = unchecked = 0
    for event in selectors.between(
        question.begins, question.ends, actions=(Action.UNLOCK,), scope=question.scope
    ):
        done += event.outcome == Outcome.SUCCESS
        unchecked += event.outcome == Outcome.SUCCESS and not event.identity
        found.append(_unlock(event))
    yield Figure(key="unlocked", label="Unlocked through pciops", number=done, main=True)
    yield Figure(
        key="unlocked_unchecked",
        label="Unlocked early without a check of identity",
        number=unchecked,
        finding=True,
    )
    yield Table(
        key="unlocks",
        title="Unlocks through pciops in this week",
        columns=(
            Column(key="at", title="When", kind="instant"),
            *ACCOUNT,
            Column(key="failures", title="Failures seen", kind="number"),
            Column(key="failed_at", title="Last failure", kind="instant"),
            Column(key="after", title="After"),
            Column(key="outcome", title="Ended"),
            *DOER,
            Column(key="identity", title="Identity"),
            Column(key="reason", title="Reason"),
            Column(key="remark", title="Remark"),
            Column(key="event_id", title="Row of the trail"),
        ),
        rows=found,
        empty="Nobody was unlocked through pciops in this week.",
        identity=("event_id",),
    )


def _unlock(event: Event) -> Row:
    seen = selectors.failures_of(event)
    at, ended = seen.failed_auth_at, event.settled_at or event.event_time
    return (
        _second(event),
        *_account(event),
        seen.failed_auth_count,
        times.iso(at.replace(microsecond=0)) if at else None,
        times.span(ended - at) if at else "",
        event.get_outcome_display(),
        *_doer(event),
        event.get_identity_display(),
        event.reason,
        event.remark,
        event.id,
    )


# --- Policy --------------------------------------------------------------------------------------
@evidence("policy", order=20)
def values(question: Question) -> Iterator[Part]:
    """Each option with its value and source, and what changed in the week."""
    found = sourced(question)
    changes = Spool()
    changed: set[str] = set()
    for event in selectors.between(
        question.begins, question.ends, actions=(Action.POLICY,), scope=None
    ):
        option = event.resource.removeprefix(RESOURCE).strip()
        changed.add(option)
        changes.append((_second(event), option or "all options", event.remark, event.id))
    number = len(changed - {""})
    yield Figure(key="policy_changes", label="Options that changed in this week", number=number)
    yield Table(
        key="policy_values",
        title="Options of Keystone, and where each value comes from",
        columns=(
            Column(key="option", title="Option"),
            Column(key="value", title="Value"),
            Column(key="source", title="From"),
            Column(key="changed", title="Changed in this week", kind="yes"),
        ),
        rows=lambda: [
            (name, policy.display_value(name, value), found.sources[name], name in changed)
            for name, value in found.values.items()
        ],
        empty="There is no option.",
        identity=("option",),
    )
    yield Table(
        key="policy_changes",
        title="Changes of Keystone's policy in this week",
        columns=(
            Column(key="at", title="Seen", kind="instant"),
            Column(key="option", title="Option"),
            Column(key="change", title="Change"),
            Column(key="event_id", title="Row of the trail"),
        ),
        rows=changes,
        empty="Nothing changed in this week.",
        identity=("event_id",),
    )


# --- Acts ----------------------------------------------------------------------------------------
@evidence("acts", order=10)
def acts(question: Question) -> Iterator[Part]:
    """Everything that the trail has of the week; sign-ins and sign-outs are counted alone."""
    found, numbers = Spool(), Counter[tuple[str, str]]()
    for event in selectors.between(
        question.begins, question.ends, actions=Action.values, scope=question.scope
    ):
        numbers[event.action, event.outcome] += 1
        if event.action not in COUNTED:
            found.append(_act(event))
    on_accounts = sum(number for (action, _), number in numbers.items() if action in ON_ACCOUNTS)
    failed = sum(number for (_, outcome), number in numbers.items() if outcome != Outcome.SUCCESS)
    yield Figure(key="acts", label="Acts on accounts", number=on_accounts, main=True)
    yield Figure(key="acts_failed", label="Acts and sign-ins that failed", number=failed)
    yield Table(
        key="acts_numbers",
        title="Acts by kind and outcome",
        columns=(
            Column(key="action", title="Act"),
            Column(key="outcome", title="Ended"),
            Column(key="number", title="How many", kind="number"),
        ),
        rows=lambda: [
            (Action(action).label, Outcome(outcome).label, number)
            for (action, outcome), number in sorted(numbers.items())
        ],
        empty="Nothing was done through pciops in this week.",
        identity=("action", "outcome"),
    )
    yield Table(
        key="acts",
        title="Acts, but for sign-ins and sign-outs",
        columns=(
            Column(key="at", title="When", kind="instant"),
            Column(key="action", title="Act"),
            Column(key="outcome", title="Ended"),
            *DOER,
            Column(key="address", title="From"),
            *ACCOUNT,
            Column(key="resource", title="What"),
            Column(key="reason", title="Reason"),
            Column(key="remark", title="Remark"),
            Column(key="event_id", title="Row of the trail"),
        ),
        rows=found,
        empty="Nothing was done through pciops in this week.",
        identity=("event_id",),
    )


def _act(event: Event) -> Row:
    return (
        _second(event),
        event.get_action_display(),
        event.get_outcome_display(),
        *_doer(event),
        event.initiator_address,
        *_account(event),
        event.resource,
        event.reason,
        event.remark,
        event.id,
    )


@evidence("acts", order=20)
def trail(question: Question) -> Iterator[Part]:
    """Whether the chain of the trail was verified, and where it ended."""
    last = chain.last_check()
    if last is None:
        yield Statement(
            words="The chain of the trail has not been verified yet.", verdict=Verdict.UNKNOWN
        )
    elif last.problem:
        yield Statement(
            words=(
                f"The trail does not fit, found on {times.dated(last.checked_at)}: {last.problem}."
            ),
            verdict=Verdict.FINDING,
        )
    else:
        yield Statement(
            words=(
                f"The chain of the trail was verified on {times.dated(last.checked_at)}: "
                f"{last.rows:,} rows fit, the last of them is number {last.position} with the hash "
                f"{last.hash or 'none'}."
            ),
            verdict=Verdict.MET if question.now - last.checked_at <= MAX_AGE else Verdict.UNKNOWN,
        )


@evidence("sources", order=20)
def rows(question: Question) -> Iterator[Part]:
    """How long the trail is, and what of it is of this week."""
    head = ChainHead.objects.filter(pk=1).first()
    if question.scope is None:
        yield Figure(
            key="rows_trail",
            label="Rows of the trail, from its first day",
            number=head.position if head else 0,
        )
    within = selectors.count_between(question.begins, question.ends, scope=question.scope)
    yield Figure(key="rows_trail_week", label="Rows of the trail of this week", number=within)
