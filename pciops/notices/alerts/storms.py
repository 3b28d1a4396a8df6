"""Possible attacks: many accounts locked, or many unknown usernames tried, at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pciops.accounts.privileged import AccountKind
from pciops.events.models import Storm, StormAccount
from pciops.events.storms.storms import current_storm
from pciops.events.storms.summary import summarize
from pciops.lib import times
from pciops.lib.addresses import defanged, quoted
from pciops.notices.alerts.lifecycle import Condition
from pciops.notices.alerts.message import AlertKind, AlertText, Section

OVER: Final = "No more than the usual sign-ins failed for 15 minutes."


def conditions(now: datetime) -> Iterator[Condition]:
    """Yield the possible attack of now, if there is one."""
    storm = current_storm(scope=None, now=now)
    if storm is not None:
        yield Condition(
            kind=AlertKind.STORM,
            subject=str(storm.pk),
            began_at=storm.began_at,
            describe=lambda: describe(storm),
        )


def describe(storm: Storm) -> AlertText:
    """Return the locked accounts and the addresses of a storm."""
    summary = summarize(storm)
    others = [_line(row) for row in summary.others]
    if summary.hidden:
        others.append(f"and {summary.hidden} more")
    sections = [
        Section(
            title="Block these addresses in front of Keystone, unless they are yours",
            lines=summary.block,
        ),
        Section(
            title="Probably proxies: their logs have the real addresses",
            lines=[defanged(words) for words in summary.proxies],
        ),
        Section(
            title="Locked administrators and service accounts",
            lines=[_line(row) for row in summary.first],
        ),
        Section(title="Other locked accounts", lines=others),
        Section(
            title="Sources, reported by Keystone",
            lines=[
                f"{defanged(source['words'])}: {source['accounts']} accounts,"
                f" {source['names']} unknown usernames, {source['tries']} attempts"
                for source in summary.sources
            ],
        ),
        Section(
            lines=[
                "Block the addresses before you unlock accounts: further attempts would lock them"
                " again. Existing tokens and application credentials keep working.",
                "A client that reaches Keystone directly can forge its address.",
            ]
        ),
    ]
    return AlertText(
        summary=summary.headline,
        sections=[section for section in sections if section.lines],
        path="/",
        facts={
            "accounts_locked": summary.locked,
            "accounts_tried": storm.accounts,
            "unknown_names_tried": storm.names,
            "tries": storm.tries,
            "administrators_and_service_accounts": [_account(row) for row in summary.first],
            "other_accounts": [_account(row) for row in summary.others],
            "block": summary.block,
            "sources": [
                {
                    "reported_address": source["address"],
                    "accounts": source["accounts"],
                    "unknown_names": source["names"],
                    "tries": source["tries"],
                    "probably_a_proxy": source["shared"],
                }
                for source in summary.sources
            ],
        },
    )


def _account(row: StormAccount) -> dict[str, Any]:
    return {
        "id": row.user_id,
        "name": row.name,
        "domain_id": row.domain_id,
        "domain_name": row.domain_name,
        "kinds": row.kinds.split(),
        "locked_at": times.iso(row.locked_at),
    }


def _line(row: StormAccount) -> str:
    labels = [AccountKind(kind).label.lower() for kind in row.kinds.split()]
    kinds = f", {', '.join(labels)}" if labels else ""
    return f"{quoted(row.name)} ({quoted(row.domain_name)}){kinds}"
