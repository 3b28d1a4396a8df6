"""The audit log page: rows, filters, scope, the chart of days, files, and verification."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from typing import Any, cast

import pytest
from django.test import Client

from pciops.audit import chain, selectors
from pciops.audit.models import Event
from pciops.audit.selectors import AuditQuery, daily_counts
from pciops.audit.services import PCIOPS
from tests.audit.helpers import forge, open_event, record
from tests.factories import NOW, make_account, make_initiator
from tests.signin.visit import shown
from tests.web.pages import csv_rows, text_of

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

DAY = timedelta(days=1)
TODAY = NOW.date()


def events(site: Client, query: str = "") -> list[Event]:
    """Return the rows of the page."""
    response = cast("Any", site.get(f"/audit/{query}"))
    assert response.status_code == 200, shown(response)
    return list(response.context["events"])


def remarks(site: Client, query: str = "") -> list[str]:
    """Return the remarks of the rows that a test made."""
    return [event.remark for event in events(site, query) if event.remark]


# --- Rows and filters ---------------------------------------------------------------------------
def test_the_newest_row_comes_first(site: Client) -> None:
    for hours in (2, 3, 1):
        record(now=NOW - timedelta(hours=hours), remark=f"{hours} h ago")

    assert remarks(site) == ["1 h ago", "2 h ago", "3 h ago"]


def test_a_row_has_action_account_operator_reason_and_outcome(site: Client) -> None:
    event = open_event(reason="INC-4711", account=make_account(name="<b>ann"))
    response = site.get("/audit/?action=unlock")
    page = shown(response)

    assert "Unlock INC-4711" in page
    assert "Pending" in page
    assert "<b>ann Default by olga Default 192.0.2.7 Web page" in page
    assert f'href="/accounts/{event.target_id}/"' in response.content.decode()
    assert "<b>ann" not in response.content.decode()


def test_a_policy_change_shows_the_old_and_the_new_value(site: Client) -> None:
    record(
        action=Event.Action.POLICY,
        resource="[security_compliance] lockout_duration",
        remark="1800 → 900 (from keystone.conf)",
        initiator=PCIOPS,
    )

    page = shown(site.get("/audit/"))

    assert "Policy changed 1800 → 900 (from keystone.conf) Done" in page
    assert "[security_compliance] lockout_duration by pciops" in page


FILTERED = {
    "": ["export", "failed", "system"],
    "action=read/export": ["export"],
    "outcome=failure": ["failed"],
    "via=task": ["system"],
    "operator=OLG": ["export", "failed"],
    "operator=id+of+olga": ["export", "failed"],
    "from=2026-11-21": ["export", "failed"],
    "from=2026-11-22": ["export"],
    "to=2026-11-21": ["failed", "system"],
    "from=2026-11-21&to=2026-11-21": ["failed"],
    "action=read/export&outcome=failure": [],
    "action=files": ["export"],
    "action=sign-ins": ["failed", "system"],
}


def test_the_filters_in_the_url(site: Client) -> None:
    record(action=Event.Action.EXPORT, remark="export")
    record(outcome=Event.Outcome.FAILURE, remark="failed", now=NOW - DAY)
    record(initiator=PCIOPS, remark="system", now=NOW - 2 * DAY)

    found = {query: remarks(site, f"?{query}") for query in FILTERED}
    texts = {"export", "failed", "system"}  # the others are of this operator's own readings
    assert {query: [one for one in page if one in texts] for query, page in found.items()} == (
        FILTERED
    )


def test_the_views_are_groups_of_actions_and_keep_the_other_filters(site: Client) -> None:
    views = cast("Any", site.get("/audit/?action=accounts&via=page")).context["views"]

    assert [(label, current) for label, _, current in views][:2] == [
        *(("All", False), ("Account actions", True)),
    ]
    assert [url for _, url, _ in views][2] == "?action=sign-ins&via=page"


def test_the_account_filter_is_by_part_of_the_name_or_id(site: Client) -> None:
    open_event()
    open_event(account=make_account(id="b" * 32, name="bob"))

    for account in ("a" * 32, "ann", "AN"):
        assert [event.target_name for event in events(site, f"?account={account}")] == ["ann"]


@pytest.mark.parametrize(
    "query", ["action=dance", "outcome=x", "via=x", "from=yesterday", "to=2026-13-01", "marker=x"]
)
def test_an_invalid_filter_is_refused(site: Client, query: str) -> None:
    response = site.get(f"/audit/?{query}")

    assert response.status_code == 400
    assert f"{query.partition('=')[0]}: " in shown(response)


def test_the_pages_have_every_row_once(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.web.audit.PAGE_SIZE", 2)
    for number in range(5):
        record(remark=str(number), now=NOW - timedelta(minutes=number // 2 + 1))
    found, query = [], "?from=2026-11-22&action=authenticate"
    while query:
        found += remarks(site, query)
        query = cast("Any", site.get(f"/audit/{query}")).context["next"]

    assert sorted(found) == ["0", "1", "2", "3", "4"]


# --- Scope --------------------------------------------------------------------------------------
def test_an_operator_of_one_domain_sees_acts_on_its_accounts(shops: Client) -> None:
    open_event(account=make_account(domain_id="shops", name="own"))
    open_event(account=make_account(name="foreign"))
    open_event(
        account=make_account(name="also foreign"), initiator=make_initiator(domain_id="shops")
    )

    assert [event.target_name for event in events(shops, "?action=unlock")] == ["own"]
    assert "foreign" not in shown(shops.get("/audit/"))


def test_an_operator_of_one_domain_sees_sign_ins_of_its_people(shops: Client) -> None:
    record(initiator=make_initiator(domain_id="shops"), remark="own")
    record(remark="foreign")
    record(initiator=PCIOPS, remark="system")

    assert remarks(shops) == ["own"]
    for form in ("csv", "json"):
        content = text_of(shops, f"/audit/export?format={form}")
        assert "own" in content
        assert "foreign" not in content


# --- Files --------------------------------------------------------------------------------------
def test_the_json_file_is_enough_to_compute_the_chain(site: Client) -> None:
    for number in range(3):
        record(remark=str(number))
    rows = json.loads(text_of(site, "/audit/export?format=json"))["events"]
    previous = ""
    for row in sorted(rows, key=lambda row: row["position"]):
        digest = row.pop("hash")
        content = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert row.get("previous_hash", "") == previous
        assert hashlib.sha256(content.encode()).hexdigest() == digest
        previous = digest

    assert len(rows) == 5  # with the sign-in and this export


def test_the_csv_file_is_defused_and_filtered(site: Client) -> None:
    record(action=Event.Action.PRUNE, remark="=1+1")
    rows = csv_rows(site, "/audit/export?format=csv&via=page")

    assert "'=1+1" in [row["remark"] for row in rows]
    assert {row["via"] for row in rows} == {"page"}


def test_a_file_holds_more_than_a_batch(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "BATCH", 2)
    for _ in range(5):
        record(action=Event.Action.REPORT)

    assert len(csv_rows(site, "/audit/export?format=csv&action=read/report")) == 5


def test_an_export_is_in_the_audit_log_with_its_filters(site: Client) -> None:
    text_of(site, "/audit/export?format=csv&via=page")
    event = Event.objects.get(action="read/export")

    assert (event.resource, event.remark) == ("audit.csv", "via=page")
    assert site.get("/audit/export?format=pdf").status_code == 400


# --- Verification -------------------------------------------------------------------------------
def test_the_page_shows_the_last_verification(site: Client) -> None:
    assert "Not verified yet" in shown(site.get("/audit/"))
    chain.run_check(NOW - timedelta(minutes=5))
    assert "Chain verified up to row 2, at 13:57 UTC (5 min ago)" in shown(site.get("/audit/"))
    forge("UPDATE audit_event SET remark = 'forged'")
    chain.run_check(NOW)
    assert "at 14:02 UTC , now: row 1 (" in shown(site.get("/audit/"))


# --- The chart of days --------------------------------------------------------------------------
def days(query: AuditQuery | None = None, scope: str | None = None) -> dict[date, tuple[int, int]]:
    """Return the days that have rows, with the numbers of done and of other ones."""
    found = daily_counts(query or AuditQuery(), scope=scope, today=TODAY)
    return {day: (done, other) for day, done, other in found if done or other}


def test_a_day_counts_what_was_done_and_what_was_not() -> None:
    record()
    record()
    record(outcome=Event.Outcome.FAILURE)
    open_event(now=NOW)  # pending

    assert days() == {TODAY: (2, 2)}


def test_days_are_of_utc_and_end_with_today() -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0)
    for at in (midnight, midnight - timedelta(seconds=1), NOW - 13 * DAY, NOW - 14 * DAY):
        record(now=at)

    assert days() == {TODAY: (1, 0), TODAY - DAY: (1, 0), TODAY - 13 * DAY: (1, 0)}


@pytest.mark.parametrize(
    ("query", "number", "last"),
    [
        (AuditQuery(), 14, TODAY),
        (AuditQuery(until=TODAY - 30 * DAY), 14, TODAY - 30 * DAY),
        (AuditQuery(until=date.max), 14, TODAY),
        (AuditQuery(until=date(9000, 1, 1)), 14, TODAY),
        (AuditQuery(until=date.min), 1, date.min),
        (AuditQuery(since=TODAY), 1, TODAY),
        (AuditQuery(since=TODAY - 3 * DAY), 4, TODAY),
        (AuditQuery(since=TODAY - 40 * DAY), 14, TODAY),
        (AuditQuery(since=TODAY + DAY), 0, None),
    ],
)
def test_the_days_of_a_query(query: AuditQuery, number: int, last: date | None) -> None:
    found = [day for day, _, _ in daily_counts(query, scope=None, today=TODAY)]

    assert len(found) == number
    if last:
        assert found[-1] == last
        assert found[0] == last - (number - 1) * DAY


def test_days_count_by_the_other_filters_and_the_scope() -> None:
    for name, domain_id in (("olga", "shops"), ("otto", "payments")):
        record(initiator=make_initiator(name))
        open_event(account=make_account(domain_id=domain_id))

    assert days(AuditQuery(operator="otto")) == {TODAY: (1, 0)}
    assert days(scope="shops") == {TODAY: (0, 1)}


def test_the_chart_has_the_numbers_and_links_to_a_day(site: Client) -> None:
    record(outcome=Event.Outcome.FAILURE)  # beside the sign-in of the operator
    response = site.get("/audit/?via=page")

    assert "Rows by day Done : 1 Not done : 1" in shown(response)
    assert "22 Nov 2026 1 1" in shown(response)
    assert 'href="?via=page&amp;from=2026-11-22&amp;to=2026-11-22"' in response.content.decode()


@pytest.mark.parametrize("query", ["operator=nobody", "from=2027-01-01"])
def test_without_rows_there_is_no_chart(site: Client, query: str) -> None:
    page = shown(site.get(f"/audit/?{query}"))

    assert "Day by day" not in page
    assert "No matching rows" in page
