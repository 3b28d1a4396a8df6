"""What Keystone notifies, as a page and as files: filters, scope, live news."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, cast

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from pciops.audit.models import Event
from pciops.events import search, sentences
from pciops.events.models import DeadLetter, Outcome
from tests.events.factories import REASON, activity, attempts, save_name
from tests.factories import NOW, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MINUTE = timedelta(minutes=1)


def lines(site: Client, address: str = "/activity/") -> list[str]:
    """The lines of the page, without where they came from."""
    response = cast("Any", site.get(address))
    assert response.status_code == 200, shown(response)
    found = [sentences.as_text(line.sentence) for line in response.context["lines"]]
    return [text.partition(", reported")[0] for text in found]


def text(site: Client, address: str) -> str:
    """The whole of a streamed file."""
    response = cast("Any", site.get(address))
    assert response.status_code == 200
    return b"".join(cast("Iterable[bytes]", response.streaming_content)).decode()


@pytest.fixture
def shops(fake_keystone: FakeKeystone, clock: object) -> Client:
    """A browser of an administrator of the domain shops alone."""
    return signed_in(fake_keystone.person("sam", domain_id="shops", roles={"shops": {"admin"}}))


@pytest.fixture
def auditor(fake_keystone: FakeKeystone, clock: object) -> Client:
    """A browser of somebody who reads the whole cloud."""
    return signed_in(fake_keystone.person("rita", roles={"system": {"reader"}}))


# --- What is there ------------------------------------------------------------------------------
def test_the_newest_comes_first(site: Client) -> None:
    activity("created", at=NOW - 3 * MINUTE).save()
    attempts(2, at=NOW - MINUTE).save()
    activity("deleted", at=NOW - 2 * MINUTE).save()

    assert lines(site) == [
        "2 failed sign-ins as j.doe (corp), wrong password",
        "admin (Default) deleted j.doe (corp)",
        "admin (Default) created j.doe (corp)",
    ]


def test_a_line_leads_to_the_account_and_to_who_did_it(site: Client) -> None:
    activity().save()
    page = site.get("/activity/").content.decode()

    assert '<a href="/accounts/d0e/"><bdi>j.doe</bdi></a>' in page
    assert '<a href="/accounts/adm1n/"><bdi>admin</bdi></a>' in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["2 failed", "j.doe", "admin", "root"]),
        ("kind=sign_in", ["2 failed", "j.doe"]),
        ("kind=change", ["admin", "root"]),
        ("kind=deleted", ["root"]),
        ("outcome=failure", ["2 failed"]),
        ("account=j.doe", ["2 failed", "admin"]),
        ("account=DOE", ["2 failed", "admin"]),
        ("account=d0e", ["2 failed", "admin"]),
        ("doer=adm", ["admin"]),
        ("doer=r00t", ["root"]),
        ("address=10.2.3.4", ["2 failed", "admin"]),
        ("address=10.2.", ["2 failed", "admin"]),
        ("address=10.2", []),
        ("from=2026-11-22", ["2 failed"]),
        ("to=2026-11-21", ["j.doe", "admin", "root"]),
        ("from=2026-11-21&to=2026-11-21", ["j.doe"]),
    ],
)
def test_filters_are_in_the_address(site: Client, query: str, found: list[str]) -> None:
    save_name("d0e", "j.doe")
    save_name("adm1n", "admin")
    attempts(2).save()
    attempts(at=NOW - timedelta(days=1), reason=REASON.NONE, user_id="x", address="::1").save()
    activity(at=NOW - timedelta(days=2)).save()
    activity(
        "deleted",
        at=NOW - timedelta(days=3),
        user_id="x",
        name="x",
        doer_id="r00t",
        doer_name="root",
        address="::1",
    ).save()

    texts = lines(site, f"/activity/?{query}")

    assert len(texts) == len(found)
    assert [one for one, begin in zip(texts, found, strict=True) if not one.startswith(begin)] == []


def test_a_name_of_very_many_accounts_is_looked_for_row_by_row(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MAX_IDS", 1)
    for number in range(3):
        save_name(f"id-{number}", f"svc-{number}")
        attempts(user_id=f"id-{number}", name=f"svc-{number}").save()
        activity(user_id=f"id-{number}", name=f"svc-{number}", doer_name="svc-doer").save()
    attempts(user_id="another", name="another").save()

    assert len(lines(site, "/activity/?account=svc")) == 6
    assert len(lines(site, "/activity/?doer=svc")) == 3
    assert len(lines(site, "/activity/?account=svc-1")) == 2


@pytest.mark.parametrize(
    "query", ["kind=dance", "outcome=x", "from=yesterday", "to=2026-13-01", "marker=x"]
)
def test_a_filter_that_makes_no_sense_is_named(site: Client, query: str) -> None:
    response = site.get(f"/activity/?{query}")

    assert response.status_code == 400
    assert query.partition("=")[0] in shown(response)


def test_pages_go_on_where_the_last_one_ended(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pciops.web.activity.PAGE", 2)
    for number in range(5):
        attempts(at=NOW - number * MINUTE, agent=f"agent-{number}").save()
    found, address = [], "/activity/?kind=sign_in"
    while address:
        response = cast("Any", site.get(address))
        found += [sentences.as_text(line.sentence) for line in response.context["lines"]]
        following = response.context["next"]
        address = f"/activity/{following}" if following else ""

    assert [one.rpartition("(")[2] for one in found] == [f"agent-{number})" for number in range(5)]


def test_the_page_takes_as_many_queries_however_much_there_is(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(60):
        attempts(at=NOW - number * MINUTE, agent=str(number)).save()
        activity(at=NOW - number * MINUTE).save()

    # The session and the operator, and the session's new end (5); the two tables; whether
    # notifications come in (3); what was set aside; what was changed past pciops.
    with django_assert_num_queries(12, using="default"):
        site.get("/activity/")
    with django_assert_num_queries(0, using="keystone"):
        site.get("/activity/")


def test_strangers_text_is_escaped(site: Client) -> None:
    evil = "<script>alert(1)</script>"
    attempts(name=evil, agent=evil, address=evil, domain_name=evil).save()
    attempts(user_id="", reason=REASON.UNKNOWN_NAME, name=evil).save()
    activity(name=evil, doer_name=evil, agent=evil, user_id="../../").save()

    assert "<script>alert" not in site.get("/activity/").content.decode()


# --- Whose --------------------------------------------------------------------------------------
def test_a_domain_sees_what_is_surely_its_own(shops: Client) -> None:
    for domain_id in ("shops", "payments", ""):
        activity(domain_id=domain_id, name=f"of {domain_id}").save()
        attempts(domain_id=domain_id, name=f"of {domain_id}").save()

    assert lines(shops) == [
        "admin (Default) disabled of shops (corp)",
        "1 failed sign-in as of shops (corp), wrong password",
    ]


def test_a_domain_is_led_to_its_own_accounts_alone(shops: Client) -> None:
    activity(domain_id="shops").save()
    page = shops.get("/activity/").content.decode()

    assert 'href="/accounts/d0e/"' in page
    assert 'href="/accounts/adm1n/"' not in page


def test_names_that_no_account_has_are_for_administrators_of_the_cloud(
    site: Client, auditor: Client, shops: Client
) -> None:
    for name in ("hunter2", "root"):
        attempts(user_id="", reason=REASON.UNKNOWN_NAME, name=name, domain_id="shops").save()
    masked = "2 failed sign-ins under names that no account has"

    assert lines(site) == [f"{masked}: “hunter2”, “root”"]
    assert lines(auditor) == lines(shops) == [masked]
    for browser in (auditor, shops):
        assert "hunter2" not in text(browser, "/activity/export?format=json")
        assert "hunter2" not in text(browser, "/activity/export?format=csv")
    assert "hunter2" in text(site, "/activity/export?format=json")


def test_they_are_not_found_out_by_searching(
    site: Client, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts(user_id="", reason=REASON.UNKNOWN_NAME, name="hunter2").save()
    attempts(user_id="an id", reason=REASON.UNKNOWN_NAME, name="").save()

    assert len(lines(site, "/activity/?account=hunter")) == 1
    assert lines(auditor, "/activity/?account=hunter") == []
    assert lines(auditor, "/activity/?account=an+id") == []
    monkeypatch.setattr(search, "MAX_IDS", -1)
    assert lines(auditor, "/activity/?account=hunter") == []


# --- News by itself -----------------------------------------------------------------------------
def test_the_page_by_itself_gets_the_list_alone(site: Client) -> None:
    attempts().save()
    page = site.get("/activity/", headers={"X-By-Itself": "1"}).content.decode()

    assert "<html" not in page
    assert "1 failed sign-in" in page


def test_what_the_page_asks_by_itself_does_not_keep_the_session_alive(
    site: Client, clock: time_machine.Traveller
) -> None:
    ends = Session.objects.get().expire_date
    clock.shift(5 * MINUTE)
    response = site.get("/activity/", headers={"X-By-Itself": "1"})

    assert Session.objects.get().expire_date == ends
    assert "pciops-session" not in response.cookies
    site.get("/activity/")
    assert Session.objects.get().expire_date > ends


def test_an_idle_session_ends_though_the_page_asks(
    site: Client, clock: time_machine.Traveller
) -> None:
    for _ in range(16):
        clock.shift(MINUTE)
        response = site.get("/activity/", headers={"X-By-Itself": "1"})

    assert response.status_code == 302


def test_an_older_page_is_not_live(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.web.activity.PAGE", 1)
    attempts().save()
    activity(at=NOW - MINUTE).save()
    first = cast("Any", site.get("/activity/"))
    older = site.get(f"/activity/{first.context['next']}").content.decode()

    assert "js/live" in first.content.decode()
    assert "js/live" not in older


# --- Files --------------------------------------------------------------------------------------
def test_the_file_has_every_row_as_the_api_gives_it(site: Client) -> None:
    attempts(3, until=NOW + timedelta(seconds=9), partial_hash="2Nwmv").save()
    activity("role_granted", at=NOW - MINUTE, detail="role=r1").save()
    found = json.loads(text(site, "/activity/export?format=json"))["activity"]

    assert found[0] == {
        "kind": "sign_in",
        "first_at": "2026-11-22T14:02:11Z",
        "last_at": "2026-11-22T14:02:20Z",
        "count": 3,
        "outcome": "failure",
        "reason": "wrong_password",
        "account_id": "d0e",
        "account_name": "j.doe",
        "domain_id": "corp",
        "domain_name": "corp",
        "doer_id": None,
        "doer_name": None,
        "doer_domain_id": None,
        "doer_domain_name": None,
        "address": "10.2.3.4",
        "agent": "keystoneauth1/5.18.0 python-requests/2.34",
        "detail": None,
        "sentence": "3 failed sign-ins as j.doe (corp), wrong password (always the same), "
        "reported from 10.2.3.4 (keystoneauth1/5.18.0)",
    }
    assert (found[1]["kind"], found[1]["doer_name"], found[1]["detail"]) == (
        *("role_granted", "admin", "role=r1"),
    )


def test_a_csv_cell_begins_no_formula(site: Client) -> None:
    activity(name="=SUM(A1)", doer_name="@evil", agent="-x").save()
    [row] = csv.DictReader(io.StringIO(text(site, "/activity/export?format=csv")))

    assert row["account_name"] == "'=SUM(A1)"
    assert row["doer_name"] == "'@evil"
    assert row["agent"] == "'-x"


def test_a_file_is_in_the_trail(site: Client) -> None:
    text(site, "/activity/export?format=csv&account=ann")
    event = Event.objects.get(action=Event.Action.EXPORT)

    assert (event.resource, event.remark) == ("activity.csv", "account=ann")


@pytest.mark.parametrize("query", ["", "?format=xml", "?format=csv&kind=x"])
def test_no_other_file_is_made(site: Client, query: str) -> None:
    assert site.get(f"/activity/export{query}").status_code == 400


# --- Set aside ----------------------------------------------------------------------------------
def test_messages_set_aside_are_counted_and_shown(site: Client, auditor: Client) -> None:
    facts = {"first_at": NOW, "last_at": NOW, "count": 12}
    DeadLetter.objects.create(
        dedup_key="00000000-0000-0000-0000-000000000001",
        reason="not JSON",
        body="<script>alert(1)</script>",
        **facts,
    )
    page = site.get("/activity/set-aside/")

    assert "12 messages made no sense and were set aside." in shown(site.get("/activity/"))
    assert "set aside" not in shown(auditor.get("/activity/"))
    assert "Not JSON" in shown(page)
    assert "<script>alert" not in page.content.decode()


def test_nothing_set_aside_is_an_answer(site: Client) -> None:
    assert "No message was set aside." in shown(site.get("/activity/set-aside/"))


# --- The page of an account ---------------------------------------------------------------------
def test_the_page_of_an_account_tells_what_happened_to_it(site: Client) -> None:
    user = make_user()
    attempts(3, user_id=user.id).save()
    activity(user_id=user.id, at=NOW - MINUTE, outcome=Outcome.SUCCESS).save()
    attempts(user_id="another").save()
    page = shown(site.get(f"/accounts/{user.id}/"))

    assert "14:02:11 UTC 3 failed sign-ins , wrong password, reported from 10.2.3.4" in page
    assert "admin ( Default ) disabled j.doe ( corp )" in page
    assert page.count("reported from") == 2


def test_its_older_lines_are_on_the_next_page(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pciops.web.views.LINES", 1)
    user = make_user()
    attempts(3, user_id=user.id).save()
    activity("updated", user_id=user.id, at=NOW - MINUTE).save()
    first = cast("Any", site.get(f"/accounts/{user.id}/"))
    second = shown(site.get(f"/accounts/{user.id}/{first.context['next']}"))

    assert "3 failed sign-ins" in shown(first)
    assert "3 failed sign-ins" not in second
    assert "Keystone does not say what" in second


def test_a_marker_of_nothing_is_named_on_the_page_of_an_account(site: Client) -> None:
    assert site.get(f"/accounts/{make_user().id}/?marker=x").status_code == 400
