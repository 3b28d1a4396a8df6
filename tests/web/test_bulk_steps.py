"""Several unlocks step by step: progress, stopping, whole lists, and what ends them."""

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
from tests.web.selecting import ADDRESS, form, order, values
from tests.web.test_bulk import locked
from tests.web.test_bulk import three as three
from tests.web.unlocking import REASON, failures

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step unlocks one account."""
    go_on = batches.go_on
    monkeypatch.setattr(batches, "go_on", lambda batch, **more: go_on(batch, **more, seconds=-1))


@pytest.fixture
def address(site: Client, three: list[User], slow: None) -> str:
    """The page of unlocks that were ordered for Ann, Ben and Cat."""
    return order(site, form(site, *three))["Location"]


# --- Progress -----------------------------------------------------------------------------------
def test_the_page_says_how_far_it_is(site: Client, address: str) -> None:
    page = site.get(address)

    assert "Unlocking 3 accounts 1 of 3 done, 1 unlocked" in shown(page)
    assert '<progress id="progress" max="3" value="1">' in page.content.decode()


def test_the_page_loads_itself_again_until_all_is_done(site: Client, address: str) -> None:
    pages = [site.get(address) for _ in range(3)]

    assert [page.get("Refresh") for page in pages] == ["1", "1", None]
    assert "3 of 3 accounts unlocked" in shown(pages[-1])


def test_what_was_not_unlocked_is_shown_under_way(
    site: Client, address: str, three: list[User]
) -> None:
    item = BatchItem.objects.get(number=0)
    BatchItem.objects.filter(pk=item.pk).update(seen="9@2026-11-22T14:02:11+00:00")
    page = shown(site.get(address))

    assert f"{item.name} Default ⚠ Left alone The account was locked again after you" in page


def test_a_look_without_loading_unlocks_nothing(
    site: Client, address: str, three: list[User]
) -> None:
    response = site.head(address)

    assert response.status_code == 200
    assert locked(three) == ["ann", "ben", "cat"]


def test_an_account_that_somebody_else_is_at_is_waited_for(
    site: Client, address: str, three: list[User]
) -> None:
    """Two windows on the same page: one account at a time, none twice."""
    BatchItem.objects.filter(number=0).update(
        outcome=BatchItem.TRYING,
        claimed_until=Batch.objects.get().created_at + timedelta(minutes=1),
    )
    page = site.get(address)

    assert page["Refresh"] == "1"
    assert locked(three) == ["ann", "ben", "cat"]


def test_reason_and_identity_are_those_of_the_form(site: Client, address: str) -> None:
    for _ in range(3):
        site.get(address)

    rows = Event.objects.filter(action="unlock").values_list("reason", "identity", "outcome")
    assert list(rows) == [(REASON, "callback", "success")] * 3


def test_the_unlocks_of_others_do_not_exist(
    address: str, fake_keystone: FakeKeystone, three: list[User]
) -> None:
    browser = signed_in(fake_keystone.person("bob"))

    assert browser.get(address).status_code == 404
    assert browser.post(f"{address}stop/").status_code == 404
    assert locked(three) == ["ann", "ben", "cat"]


def test_the_list_leads_back_to_what_was_left(site: Client, address: str) -> None:
    site.get(address)
    page = site.get("/accounts/?state=locked")

    assert "Unlocks that you ordered are not done yet" in shown(page)
    assert f'href="{address}"' in page.content.decode()


@pytest.mark.parametrize("ends", ["stopped", "done", "forgotten"])
def test_the_list_does_not_lead_to_what_is_over(site: Client, address: str, ends: str) -> None:
    if ends == "stopped":
        site.post(f"{address}stop/")
    elif ends == "done":
        for _ in range(3):
            site.get(address)
    else:
        Batch.objects.update(looked_at=Batch.objects.get().looked_at - timedelta(minutes=16))

    assert "Unlocks that you ordered" not in shown(site.get("/accounts/?state=locked"))


def test_the_list_does_not_lead_to_the_unlocks_of_others(
    site: Client, address: str, fake_keystone: FakeKeystone
) -> None:
    browser = signed_in(fake_keystone.person("bob"))

    assert "Unlocks that you ordered" not in shown(browser.get("/accounts/?state=locked"))


# --- Stopping -----------------------------------------------------------------------------------
def test_stopped_it_unlocks_nothing_more(site: Client, address: str, three: list[User]) -> None:
    site.get(address)
    response = site.post(f"{address}stop/")
    page = site.get(response["Location"])

    assert response["Location"] == address
    assert "1 of 3 accounts unlocked" in shown(page)
    assert "Stopped after 1 of 3. What comes after was not tried. You stopped it." in shown(page)
    assert shown(page).count("Not tried") == 2
    assert page.get("Refresh") is None
    assert len(locked(three)) == 2


def test_stopping_is_heeded_between_two_accounts_of_one_step(
    site: Client, three: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form is sent while the page is still being made."""
    address = order(site, form(site, *three))["Location"]
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


def test_what_is_over_cannot_be_stopped(site: Client, address: str) -> None:
    for _ in range(3):
        site.get(address)
    page = site.post(f"{address}stop/", follow=True)

    assert "3 of 3 accounts unlocked" in shown(page)
    assert "Stopped" not in shown(page)


# --- What ends it -------------------------------------------------------------------------------
def test_who_loses_the_role_in_the_middle_unlocks_nothing_more(
    site: Client, address: str, three: list[User], operator: Person
) -> None:
    site.get(address)
    operator.roles["system"] = {"reader"}
    response = site.get(address)

    assert response["Location"].startswith("/signin/")
    assert len(locked(three)) == 2
    assert Batch.objects.get().why == "Keystone no longer accepted your token."
    assert Event.objects.filter(action="unlock", outcome="failure").count() == 1


def test_a_keystone_that_goes_away_in_the_middle_stops_it(
    site: Client, address: str, three: list[User], fake_keystone: FakeKeystone
) -> None:
    site.get(address)
    fake_keystone.fail(500)
    page = site.get(address)

    assert page.status_code == 503
    assert "your rights cannot be confirmed: it answered HTTP 500." in shown(page)
    assert page.get("Refresh") is None
    assert len(locked(three)) == 2


def test_nothing_goes_on_that_nobody_looked_at_for_15_minutes(
    site: Client, address: str, three: list[User]
) -> None:
    Batch.objects.update(looked_at=Batch.objects.get().looked_at - timedelta(minutes=16))
    page = shown(site.get(address))

    assert "Nobody looked on for 15 minutes." in page
    assert locked(three) == ["ann", "ben", "cat"]


def test_a_process_that_died_at_an_account_ends_it(
    site: Client, address: str, three: list[User]
) -> None:
    """Whether that account was unlocked only its row in the trail can say."""
    item = BatchItem.objects.get(number=0)
    lapsed = Batch.objects.get().created_at - timedelta(minutes=1)
    BatchItem.objects.filter(pk=item.pk).update(outcome=BatchItem.TRYING, claimed_until=lapsed)
    page = shown(site.get(address))

    assert f"{item.name} Default ? Not known The process that tried it has ended" in page
    assert f"The process that tried {item.name} has ended." in page
    assert locked(three) == ["ann", "ben", "cat"]


def test_orders_are_forgotten_after_a_day(
    site: Client, address: str, three: list[User], clock: time_machine.Traveller
) -> None:
    Batch.objects.update(created_at=Batch.objects.get().created_at - timedelta(days=2))
    order(site, form(site, *three))

    assert Batch.objects.count() == 1
    assert site.get(address).status_code == 404


# --- A whole list -------------------------------------------------------------------------------
def test_a_list_of_one_page_has_no_button_for_the_whole(site: Client) -> None:
    make_locked_user()

    assert "Unlock all of this list" not in shown(site.get("/accounts/?state=locked"))


def test_the_whole_list_is_chosen_with_one_button(site: Client) -> None:
    for number in range(51):
        make_locked_user(f"user{number}")
    button = shown(site.get("/accounts/?state=locked"))
    page = site.post(ADDRESS, {"all": "yes"})

    assert "Unlock all of this list…" in button
    assert "Unlock 51 accounts?" in shown(page)
    assert len(values(page)) == 51


def test_the_whole_list_is_that_of_the_filters(site: Client) -> None:
    make_locked_user("ann")
    make_locked_user("ben")
    page = site.post("/accounts/unlock/?state=locked&q=ann", {"all": "yes"})

    assert "Unlock 1 account?" in shown(page)


def test_the_whole_list_is_that_of_the_operators_domain(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    own = make_locked_user("own", domain_id="shops", domain_name="Shops")
    make_locked_user("foreign")
    [value] = values(signed_in(keeper).post(ADDRESS, {"all": "yes"}))

    assert value.split()[0] == own.id


def test_of_a_longer_list_the_first_500_are_chosen(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pciops.web.bulk.MOST", 2)
    for name in ("ann", "ben", "cat"):
        make_locked_user(name)
    page = site.post(ADDRESS, {"all": "yes"})

    assert "These are the first 2 of the list" in shown(page)
    assert len(values(page)) == 2


def test_an_empty_list_is_no_selection(site: Client) -> None:
    response = site.post(ADDRESS, {"all": "yes"})

    assert response.status_code == 400
    assert "No account of this list is locked any more." in shown(response)


def test_500_accounts_are_unlocked_by_one_form(site: Client) -> None:
    users = [make_locked_user(f"user{number}") for number in range(500)]
    chosen = values(site.post(ADDRESS, {"all": "yes"}))
    address = order(site, {"account": chosen, "reason": "storm", "identity": "ticket"})["Location"]
    while (page := site.get(address)).get("Refresh"):
        pass

    assert "500 of 500 accounts unlocked" in shown(page)
    assert all(failures(user) == (0, None) for user in users)
    assert Event.objects.filter(action="unlock", outcome="success").count() == 500
