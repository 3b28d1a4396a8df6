"""The trail as a page and as files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast

import pytest
from django.test import Client

from pciops.audit import chain, selectors
from pciops.audit.models import Event
from pciops.audit.services import PCIOPS
from tests.audit.helpers import forge, open_event, record
from tests.factories import NOW, make_account, make_initiator
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def remarks(site: Client, address: str = "/audit/") -> list[str]:
    """Those rows of the page that a test has made, as it shows them."""
    response = cast("Any", site.get(address))
    assert response.status_code == 200, shown(response)
    return [event.remark for event in response.context["events"] if event.remark]


def text(site: Client, address: str) -> str:
    """The whole of a streamed file."""
    response = cast("Any", site.get(address))
    assert response.status_code == 200
    return b"".join(cast("Iterable[bytes]", response.streaming_content)).decode()


def test_the_newest_comes_first(site: Client) -> None:
    for hours in (2, 3, 1):
        record(now=NOW - timedelta(hours=hours), remark=f"{hours} h ago")

    assert remarks(site) == ["1 h ago", "2 h ago", "3 h ago"]


def test_a_row_says_who_what_whom_why_and_how_it_ended(site: Client) -> None:
    event = open_event(reason="INC-4711")
    page = shown(site.get("/audit/?action=unlock"))

    assert "Begun: unlocked , its end is not recorded yet: ann ( Default )" in page
    assert "by olga (Default) from 192.0.2.7 (web page): “ INC-4711 ”" in page
    assert f'href="/accounts/{event.target_id}/"' in site.get("/audit/").content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["export", "failed", "system"]),
        ("action=read/export", ["export"]),
        ("outcome=failure", ["failed"]),
        ("via=task", ["system"]),
        ("operator=OLG", ["export", "failed"]),
        ("operator=id+of+olga", ["export", "failed"]),
        ("from=2026-11-21", ["export", "failed"]),
        ("from=2026-11-22", ["export"]),
        ("to=2026-11-21", ["failed", "system"]),
        ("from=2026-11-21&to=2026-11-21", ["failed"]),
        ("action=read/export&outcome=failure", []),
    ],
)
def test_filters_are_in_the_address(site: Client, query: str, found: list[str]) -> None:
    record(action=Event.Action.EXPORT, remark="export")
    record(outcome=Event.Outcome.FAILURE, remark="failed", now=NOW - timedelta(days=1))
    record(initiator=PCIOPS, remark="system", now=NOW - timedelta(days=2))

    assert remarks(site, f"/audit/?{query}") == found


@pytest.mark.parametrize("account", ["a" * 32, "ann", "AN"])
def test_acts_on_an_account_are_found_by_its_name_or_id(site: Client, account: str) -> None:
    open_event()
    open_event(account=make_account(id="b" * 32, name="bob"))
    response = cast("Any", site.get(f"/audit/?account={account}"))

    assert [event.target_name for event in response.context["events"]] == ["ann"]


@pytest.mark.parametrize(
    "query", ["action=dance", "outcome=x", "via=x", "from=yesterday", "to=2026-13-01", "marker=x"]
)
def test_a_filter_that_makes_no_sense_is_named(site: Client, query: str) -> None:
    response = site.get(f"/audit/?{query}")

    assert response.status_code == 400
    assert query.partition("=")[0] in shown(response)


def test_pages_go_on_where_the_last_one_ended(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pciops.web.audit.PAGE", 2)
    for number in range(5):
        record(remark=str(number), now=NOW - timedelta(minutes=number // 2 + 1))
    found, address = [], "/audit/?from=2026-11-22&action=authenticate"
    while address:
        found += remarks(site, address)
        following = cast("Any", site.get(address)).context["next"]
        address = f"/audit/{following}" if following else ""

    assert sorted(found) == ["0", "1", "2", "3", "4"]


# --- Whose --------------------------------------------------------------------------------------
@pytest.fixture
def shops(fake_keystone: FakeKeystone, clock: object) -> Client:
    """A browser of an administrator of the domain shops alone."""
    return signed_in(fake_keystone.person("sam", domain_id="shops", roles={"shops": {"admin"}}))


def test_an_operator_of_a_domain_sees_acts_on_its_accounts_alone(shops: Client) -> None:
    open_event(account=make_account(domain_id="shops", name="own"))
    open_event(account=make_account(name="foreign"))
    response = cast("Any", shops.get("/audit/?action=unlock"))

    assert [event.target_name for event in response.context["events"]] == ["own"]


def test_an_act_of_their_own_people_on_a_foreign_account_is_not_theirs_to_see(
    shops: Client,
) -> None:
    open_event(initiator=make_initiator(domain_id="shops"))

    assert "ann" not in shown(shops.get("/audit/"))


def test_an_operator_of_a_domain_sees_sign_ins_of_its_people_alone(shops: Client) -> None:
    record(initiator=make_initiator(domain_id="shops"), remark="own")
    record(remark="foreign")
    record(initiator=PCIOPS, remark="system")

    assert remarks(shops) == ["own"]


def test_a_file_holds_no_more_than_the_page(shops: Client) -> None:
    record(initiator=make_initiator(domain_id="shops"), remark="own")
    record(remark="foreign")

    assert "foreign" not in text(shops, "/audit/export?format=csv")
    assert "foreign" not in text(shops, "/audit/export?format=json")


# --- Files --------------------------------------------------------------------------------------
def test_a_json_file_is_enough_to_compute_the_chain_again(site: Client) -> None:
    for number in range(3):
        record(remark=str(number))
    rows = json.loads(text(site, "/audit/export?format=json"))["events"]
    previous = ""
    for row in sorted(rows, key=lambda row: row["position"]):
        digest = row.pop("hash")
        plain = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert row.get("previous_hash", "") == previous
        assert hashlib.sha256(plain.encode()).hexdigest() == digest
        previous = digest

    assert len(rows) == 5  # and the sign-in, and the export


def test_a_csv_file_is_defused_and_has_the_filters_of_the_page(site: Client) -> None:
    record(action=Event.Action.PRUNE, remark="=1+1")
    rows = list(csv.DictReader(io.StringIO(text(site, "/audit/export?format=csv&via=page"))))

    assert "'=1+1" in [row["remark"] for row in rows]
    assert {row["via"] for row in rows} == {"page"}


def test_a_file_holds_more_than_a_batch(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "BATCH", 2)
    for _ in range(5):
        record(action=Event.Action.REPORT)
    rows = csv.DictReader(io.StringIO(text(site, "/audit/export?format=csv&action=read/report")))

    assert len(list(rows)) == 5


def test_reading_the_trail_as_a_file_is_in_the_trail(site: Client) -> None:
    text(site, "/audit/export?format=csv&via=page")
    event = Event.objects.get(action="read/export")

    assert (event.resource, event.remark) == ("audit.csv", "via=page")


def test_a_format_that_is_none_is_refused(site: Client) -> None:
    assert site.get("/audit/export?format=pdf").status_code == 400


# --- Verification -------------------------------------------------------------------------------
def test_the_page_says_when_the_chain_was_verified(site: Client) -> None:
    chain.run_check(NOW - timedelta(minutes=5))

    assert "Chain of 1 row verified at 13:57:11 UTC (5 min ago), up to row 1" in shown(
        site.get("/audit/")
    )


def test_the_page_says_that_it_was_never_verified(site: Client) -> None:
    assert "has not been verified yet" in shown(site.get("/audit/"))


def test_the_page_says_which_row_does_not_fit(site: Client) -> None:
    forge("UPDATE audit_event SET remark = 'forged'")
    chain.run_check(NOW)

    assert "The chain does not fit, seen at 14:02:11 UTC: row 1 (" in shown(site.get("/audit/"))


def test_the_page_is_for_operators_alone(client: Client) -> None:
    assert client.get("/audit/").status_code == 302
    assert client.get("/audit/export?format=csv").status_code == 302


def test_names_are_escaped(site: Client) -> None:
    open_event(account=make_account(name="<script>alert(1)</script>"))

    assert "<script>alert" not in site.get("/audit/").content.decode()
