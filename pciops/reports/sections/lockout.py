"""PCI DSS 8.3.4: locks, how they ended, and the failed sign-ins behind them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import ATTACKED_EXEMPT, LOCKED
from pciops.accounts.states.lock import locked_until
from pciops.audit import selectors
from pciops.audit.models import Event
from pciops.events.diagnosis import selectors as diagnoses
from pciops.events.models import OutOfBandChange
from pciops.lib import keyset, times
from pciops.notices.models import Notice, NoticeKind
from pciops.reports import account_lists
from pciops.reports.columns import ACCOUNT, NAMES, account_cells, second
from pciops.reports.requirements import judge
from pciops.reports.sections._failures import Part, failed_sign_ins
from pciops.reports.sections._notices import BATCH, BY_ACCOUNT, notice_figures
from pciops.reports.sections._out_of_band import out_of_band_changes
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables, Spool
from pciops.reports.value import (
    Cell,
    Column,
    Figure,
    Found,
    Judgment,
    Row,
    Section,
    Statement,
)

# Of an unlock: who has the host has not confirmed anybody's identity by that.
UNCHECKED: Final = frozenset({"", Event.Identity.HOST})


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about locks and unlocks."""
    changed, changed_table = out_of_band_changes(
        sources,
        tables,
        OutOfBandChange.Kind.UNLOCK,
        label="Locks that were ended outside pciops",
        title="Unlocks that are not in the audit log",
    )
    notices, notice_table = notice_figures(
        sources, tables, "locks", NoticeKind.LOCKED, NoticeKind.UNLOCKED
    )
    parts: list[Part] = [
        _locked_now(sources, tables),
        _locks_of_the_week(sources, tables),
        unlocks := _unlocks(sources, tables),
        failed_sign_ins(sources, tables),
        ([], [changed], [changed_table]),
        ([], notices, [notice_table]),
    ]
    return Section(
        key="8.3.4",
        requirement="8.3.4",
        old="8.1.6, 8.1.7",
        title="Locks and unlocks",
        demand=(
            "At most 10 failed attempts lock an account, for at least 30 minutes or until the "
            "user's identity is confirmed."
        ),
        judgments=(_judgment(sources, unlocks[1][1].number or 0, changed.number or 0),),
        statements=tuple(statement for statements, _, _ in parts for statement in statements),
        figures=tuple(figure for _, figures, _ in parts for figure in figures),
        tables=tuple(table for _, _, listed in parts for table in listed),
    )


def _judgment(sources: Sources, unchecked: int, changed: int) -> Judgment:
    return judge(
        "8.3.4",
        unit="accounts",
        population=sources.local + sources.elsewhere,
        tested=sources.local,
        found=(
            *sources.policy_exceptions("8.3.4"),
            Found(
                sources.privileged.numbers["lockout_exempt"],
                "accounts are exempt from lockout (ignore_lockout_failure_attempts)",
            ),
            Found(unchecked, "unlocks without a confirmed identity"),
            Found(changed, "locks were ended outside pciops, with no record of an identity check"),
        ),
        not_tested=(
            f"Unlocks outside pciops. {sources.without_worker}" if sources.without_worker else "",
            *sources.users_not_tested,
        ),
    )


# --- Accounts that are locked when the report is built -------------------------------------------
def _locked_now(sources: Sources, tables: ReportTables) -> Part:
    locked, attacked = Spool(), Spool()
    policy, now = sources.policy, sources.now
    for accounts in account_lists.failing(sources.selection):
        origins = diagnoses.origins([account.id for account in accounts], now)
        for account in accounts:
            origin = origins[account.id].summary if account.id in origins else ""
            if LOCKED.holds(account, policy, now):
                locked.append(_failing_row(account, locked_until(account, policy), origin))
            elif ATTACKED_EXEMPT.holds(account, policy, now):
                attacked.append(_failing_row(account, None, origin))
    statements = []
    if policy.lockout_failure_attempts is None:
        statements.append(Statement("Keystone's rule is off: Keystone locks no account."))
    figures = [
        Figure("locked", "Locked when built", locked.count, main=True),
        Figure(
            "attacked_exempt",
            "Exempt from the lock, with enough failures for one",
            attacked.count,
        ),
        Figure(
            "lockout_exempt",
            "Enabled accounts that are exempt from lockout",
            sources.privileged.numbers["lockout_exempt"],
            finding=True,
        ),
    ]
    columns = (
        *ACCOUNT,
        Column("failed_auth_count", "Failures", "number"),
        Column("failed_auth_at", "Last failure", "instant"),
        Column("locked_until", "Locked until", "instant"),
        Column("origin", "Source"),
    )
    listed = [
        tables.add("locked", "Accounts that were locked when this was built", columns, locked),
        tables.add("attacked_exempt", "Exempt accounts that would be locked", columns, attacked),
    ]
    return statements, figures, listed


def _failing_row(account: Account, until: datetime | None, origin: str) -> Row:
    return (
        *account_cells(account),
        account.failed_auth_count,
        second(account.failed_auth_at),
        second(until),
        origin or "no failure recorded",
    )


# --- Locks of the week, as the planning of notices saw them --------------------------------------
def _locks_of_the_week(sources: Sources, tables: ReportTables) -> Part:
    rows = sources.of_week(Notice.objects.filter(kind=NoticeKind.LOCKED), "fact_at")
    statement = Statement(
        "A worker looks every minute for locks of accounts that are not disabled or inactive, "
        "and lists each one that it saw. Keystone records none. A lock that began and ended "
        "between two looks, or while no worker ran, is known only if a consumer of Keystone's "
        "notifications saw the failed attempts."
    )
    figure = Figure(
        "locks",
        "Locks that were seen in this week",
        sources.seen(rows.count()),
        words=sources.without_worker,
        main=True,
    )
    table = tables.add(
        "locks",
        "Locks in this week",
        (
            Column("at", "Locked", "instant"),
            *NAMES,
            Column("failures", "Failures", "number"),
            Column("origin", "Source"),
            Column("ended", "How it ended"),
            Column("ended_at", "Ended", "instant"),
            Column("by", "By whom"),
            Column("reason", "Reason"),
            Column("identity", "Identity"),
            Column("after", "Locked for"),
        ),
        _lock_rows(rows, sources),
        empty=(
            f"Not known. {sources.without_worker}"
            if sources.without_worker
            else "No lock was seen in this week."
        ),
        identity=("user_id", "at"),
    )
    return [statement], [figure], [table]


def _lock_rows(rows: QuerySet[Notice], sources: Sources) -> Iterator[Row]:
    for notices in keyset.batches(rows, BY_ACCOUNT, size=BATCH):
        ids = [notice.user_id for notice in notices]
        origins = diagnoses.origins(ids, sources.now)
        unlocks = selectors.unlocks_of(ids)
        for notice in notices:
            origin = origins.get(notice.user_id)
            locked_at = second(notice.fact_at)
            yield (
                locked_at,
                notice.user_id,
                notice.name,
                notice.domain_name,
                notice.failures,
                origin.summary if origin else "not known",
                *_end_of_lock(
                    notice.fact_at,
                    unlocks.get((notice.user_id, locked_at or "")),
                    sources.policy,
                    sources.now,
                ),
            )


def _end_of_lock(
    locked_at: datetime, unlock: Event | None, policy: Policy, now: datetime
) -> tuple[Cell, ...]:
    """Return the cells from `ended` to `after`."""
    if unlock is not None:
        at = unlock.settled_at or unlock.event_time
        return (
            "unlocked through pciops",
            second(at),
            unlock.initiator,
            unlock.reason,
            unlock.get_identity_display(),
            times.span(at - locked_at),
        )
    if policy.lockout is None:
        return "not unlocked through pciops", None, "", "", "", ""
    ends = times.later(locked_at, policy.lockout)
    if ends > now:
        return "still locked when this was built, or unlocked elsewhere", None, "", "", "", ""
    # Keystone does not say whether another tool ended it, or further attempts prolonged it.
    return "ran out, or was ended elsewhere", second(ends), "", "", "", times.span(policy.lockout)


# --- Unlocks through pciops ----------------------------------------------------------------------
def _unlocks(sources: Sources, tables: ReportTables) -> Part:
    unlocks = Spool()
    done = unchecked = 0
    for event in sources.audit_events(Event.Action.UNLOCK):
        done += event.outcome == Event.Outcome.SUCCESS
        unchecked += event.outcome == Event.Outcome.SUCCESS and event.identity in UNCHECKED
        unlocks.append(_unlock_row(event))
    figures = [
        Figure("unlocked", "Unlocked through pciops", done, main=True),
        Figure(
            "unlocked_unchecked",
            "Unlocked early without a confirmed identity",
            unchecked,
            finding=True,
        ),
    ]
    table = tables.add(
        "unlocks",
        "Unlocks through pciops in this week",
        (
            Column("at", "When", "instant"),
            *NAMES,
            Column("failures", "Failures seen", "number"),
            Column("failed_at", "Last failure", "instant"),
            Column("after", "After"),
            Column("outcome", "Ended"),
            Column("by", "By whom"),
            Column("via", "Through"),
            Column("identity", "Identity"),
            Column("reason", "Reason"),
            Column("remark", "Remark"),
            Column("event_id", "Row of the audit log"),
        ),
        unlocks,
        empty="No account was unlocked through pciops in this week.",
        identity=("event_id",),
    )
    return [], figures, [table]


def _unlock_row(event: Event) -> Row:
    failures = selectors.failures_of(event)
    failed_at, ended_at = failures.failed_auth_at, event.settled_at or event.event_time
    return (
        second(event.event_time),
        event.target_id,
        event.target_name,
        event.target_domain_name,
        failures.failed_auth_count,
        second(failed_at),
        times.span(ended_at - failed_at) if failed_at else "",
        event.get_outcome_display(),
        event.initiator,
        event.get_via_display(),
        event.get_identity_display(),
        event.reason,
        event.remark,
        event.id,
    )
