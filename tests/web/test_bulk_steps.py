"""Several unlocks in steps: progress, stopping, whole lists, and early ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from pciops.actions import batches
from pciops.actions.models import Batch, BatchItem
from pciops.audit.models import Event
from pciops.keystone.models import User
from tests.factories import make_locked_user
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import shown, signed_in
from tests.web.pages import account_names
from tests.web.selecting import ADDRESS, form, locked, send, values
from tests.web.selecting import three as three
from tests.web.unlocking import REASON, unlocks

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step unlocks only one account."""
    step = batches.run_step
    monkeypatch.setattr(batches, "run_step", lambda batch, **more: step(batch, **more, seconds=-1))


@pytest.fixture
def address(site: Client, three: list[User], slow: None) -> str:
    """The page of a batch for Ann, Ben and Cat."""
    return send(site, form(site, *three))["Location"]


# --- Progress -----------------------------------------------------------------------------------
def test_page_shows_the_progress_and_reloads_until_all_is_done(site: Client, address: str) -> None:
    pages = [site.get(address) for _ in range(3)]

    assert "1 of 3 done, 1 unlocked" in shown(pages[0])
    assert '<progress class="meter" id="progress" max="3" value="1">' in pages[0].content.decode()
    assert [page.get("Refresh") for page in pages] == ["1", "1", None]
    assert "3 of 3 accounts unlocked" in shown(pages[-1])
    rows = unlocks().values_list("reason", "identity", "outcome")
    assert list(rows) == [(REASON, "callback", "success")] * 3


def test_conflict_is_shown_before_the_end(site: Client, address: str, three: list[User]) -> None:
    item = BatchItem.objects.get(number=0)
    BatchItem.objects.filter(pk=item.pk).update(precondition="9@2026-11-22T14:02:11+00:00")
    page = shown(site.get(address))

    assert f"{item.name} Default Skipped The account was locked again" in page


def test_result_begins_with_what_did_not_work(
    site: Client, three: list[User], address: str
) -> None:
    BatchItem.objects.filter(number=1).update(precondition="9@2026-11-22T14:02:11+00:00")
    User.objects.using("keystone").filter(pk=three[0].pk).update(enabled=False)
    while "Refresh" in (page := site.get(address)):
        pass
    skipped = BatchItem.objects.get(number=1).name

    assert account_names(page)[0] == skipped
    assert "1 account not unlocked. 1 unlocked account still can't sign in." in shown(page)
    assert "ann Default Unlocked Still can't sign in: disabled" in shown(page)


def test_result_is_a_file_too(site: Client, address: str) -> None:
    while "Refresh" in site.get(address):
        pass
    response = site.get(f"{address}export?format=csv")
    lines = b"".join(response).decode().splitlines()

    assert lines[0].endswith("account_id,name,domain_name,outcome,sentence")
    assert sorted(line.split(",")[1] for line in lines[1:]) == ["ann", "ben", "cat"]
    assert Event.objects.get(action=Event.Action.EXPORT).resource == "unlocks.csv"


def test_head_request_unlocks_nothing(site: Client, address: str, three: list[User]) -> None:
    response = site.head(address)

    assert response.status_code == 200
    assert locked(three) == ["ann", "ben", "cat"]


def test_page_waits_for_an_account_that_another_window_has_claimed(
    site: Client, address: str, three: list[User]
) -> None:
    BatchItem.objects.filter(number=0).update(
        outcome=BatchItem.TRYING,
        claimed_until=Batch.objects.get().created_at + timedelta(minutes=1),
    )
    page = site.get(address)

    assert page["Refresh"] == "1"
    assert locked(three) == ["ann", "ben", "cat"]


def test_batches_of_other_operators_do_not_exist(
    address: str, fake_keystone: FakeKeystone, three: list[User]
) -> None:
    browser = signed_in(fake_keystone.person("bob"))

    assert browser.get(address).status_code == 404
    assert browser.post(f"{address}stop/").status_code == 404
    assert "Your unlocks are not finished" not in shown(browser.get("/accounts/?state=locked"))
    assert locked(three) == ["ann", "ben", "cat"]


def test_list_leads_back_to_an_unfinished_batch(site: Client, address: str) -> None:
    site.get(address)
    page = site.get("/accounts/?state=locked")

    assert "Your unlocks are not finished" in shown(page)
    assert f'href="{address}"' in page.content.decode()


@pytest.mark.parametrize("end", ["stopped", "done", "unwatched"])
def test_list_does_not_lead_to_an_ended_batch(site: Client, address: str, end: str) -> None:
    if end == "stopped":
        site.post(f"{address}stop/")
    elif end == "done":
        for _ in range(3):
            site.get(address)
    else:
        Batch.objects.update(looked_at=Batch.objects.get().looked_at - timedelta(minutes=16))

    assert "Your unlocks are not finished" not in shown(site.get("/accounts/?state=locked"))


# --- Stopping -----------------------------------------------------------------------------------
def test_stopped_batch_unlocks_nothing_more(site: Client, address: str, three: list[User]) -> None:
    site.get(address)
    response = site.post(f"{address}stop/")
    page = site.get(response["Location"])

    assert response["Location"] == address
    assert "1 of 3 accounts unlocked" in shown(page)
    assert "Stopped after 1 of 3." in shown(page)
    assert "You stopped it." in shown(page)
    assert 'class="banner slim soon"' in page.content.decode()
    assert shown(page).count("Not tried") == 2
    assert page.get("Refresh") is None
    assert len(locked(three)) == 2


def test_stop_takes_effect_within_a_step(
    site: Client, three: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form is sent while the page is still being made."""
    address = send(site, form(site, *three))["Location"]
    other = Client()
    other.cookies = site.cookies
    save = Event.save

    def save_and_stop(event: Event, **options: Any) -> None:
        save(event, **options)
        if event.action == "unlock":
            other.post(f"{address}stop/")

    monkeypatch.setattr(Event, "save", save_and_stop)
    site.get(address)

    assert len(locked(three)) == 2


def test_finished_batch_cannot_be_stopped(site: Client, address: str) -> None:
    for _ in range(3):
        site.get(address)
    page = site.post(f"{address}stop/", follow=True)

    assert "3 of 3 accounts unlocked" in shown(page)
    assert "Stopped" not in shown(page)


# --- Early ends ---------------------------------------------------------------------------------
def test_operator_who_loses_the_role_unlocks_nothing_more(
    site: Client, address: str, three: list[User], operator: Person
) -> None:
    site.get(address)
    operator.roles["system"] = {"reader"}
    response = site.get(address)

    assert response["Location"].startswith("/signin/")
    assert len(locked(three)) == 2
    assert "token" in Batch.objects.get().why
    assert unlocks().filter(outcome="failure").count() == 1


def test_outage_of_keystone_stops_the_batch(
    site: Client, address: str, three: list[User], fake_keystone: FakeKeystone
) -> None:
    site.get(address)
    fake_keystone.fail(500)
    page = site.get(address)

    assert page.status_code == 503
    assert "can't confirm your rights: it answered HTTP 500" in shown(page)
    assert 'class="banner slim bad"' in page.content.decode()
    assert page.get("Refresh") is None
    assert len(locked(three)) == 2


def test_batch_stops_after_15_minutes_without_a_request(
    site: Client, address: str, three: list[User]
) -> None:
    Batch.objects.update(looked_at=Batch.objects.get().looked_at - timedelta(minutes=16))
    page = shown(site.get(address))

    assert "15 minutes" in page
    assert Batch.objects.get().stopped_at is not None
    assert locked(three) == ["ann", "ben", "cat"]


def test_process_that_ended_at_an_account_stops_the_batch(
    site: Client, address: str, three: list[User]
) -> None:
    """Only the audit log can tell whether that account was unlocked."""
    item = BatchItem.objects.get(number=0)
    lapsed = Batch.objects.get().created_at - timedelta(minutes=1)
    BatchItem.objects.filter(pk=item.pk).update(outcome=BatchItem.TRYING, claimed_until=lapsed)
    page = shown(site.get(address))

    assert f"{item.name} Default Not known The process" in page
    assert f"{item.name} has ended" in page
    assert locked(three) == ["ann", "ben", "cat"]


def test_batches_are_deleted_after_a_day(
    site: Client, address: str, three: list[User], clock: time_machine.Traveller
) -> None:
    Batch.objects.update(created_at=Batch.objects.get().created_at - timedelta(days=2))
    send(site, form(site, *three))

    assert Batch.objects.count() == 1
    assert site.get(address).status_code == 404


# --- A whole list -------------------------------------------------------------------------------
def test_list_of_several_pages_has_a_button_for_all(site: Client) -> None:
    for number in range(50):
        make_locked_user(f"user{number}")
    assert "Unlock the whole list" not in shown(site.get("/accounts/?state=locked"))

    make_locked_user("ann")
    assert "Unlock the whole list" in shown(site.get("/accounts/?state=locked"))
    page = site.post(ADDRESS, {"all": "yes"})
    assert "Unlock 51 accounts" in shown(page)
    assert len(values(page)) == 51


def test_whole_list_has_the_filters(site: Client) -> None:
    make_locked_user("ann")
    make_locked_user("ben")
    page = site.post("/accounts/unlock/?state=locked&q=ann", {"all": "yes"})

    assert "Unlock 1 account" in shown(page)


def test_whole_list_has_only_accounts_of_the_operators_domain(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    own = make_locked_user("own", domain_id="shops", domain_name="Shops")
    make_locked_user("foreign")
    [value] = values(signed_in(keeper).post(ADDRESS, {"all": "yes"}))

    assert value.split()[0] == own.id


def test_longer_list_is_cut_at_the_limit(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.web.bulk.MOST", 2)
    for name in ("ann", "ben", "cat"):
        make_locked_user(name)
    page = site.post(ADDRESS, {"all": "yes"})

    assert "These are the first 2 accounts of the list" in shown(page)
    assert len(values(page)) == 2


def test_empty_list_is_no_selection(site: Client) -> None:
    response = site.post(ADDRESS, {"all": "yes"})

    assert response.status_code == 400
    assert "The accounts of this list are no longer locked" in shown(response)
