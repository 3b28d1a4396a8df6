"""The selection in the locked list and its form: what they say, and what they do not take."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from pciops.audit.models import Event
from pciops.keystone.models import User
from tests.factories import NOW, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in
from tests.web.selecting import ADDRESS, form, select, selection, unlock, values
from tests.web.unlocking import failures, lock, messages

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

SEEN = "3@2026-11-22T14:02:11+00:00"


# --- The list -----------------------------------------------------------------------------------
def test_a_row_sends_its_id_and_the_failures_that_it_shows(site: Client) -> None:
    user = make_locked_user()

    assert values(site.get("/accounts/?state=locked")) == [f"{user.id} {SEEN}"]


def test_a_row_is_selected_by_name_and_domain(site: Client) -> None:
    make_locked_user()

    assert "Select ann (Default)" in shown(site.get("/accounts/?state=locked"))


@pytest.mark.parametrize("page", ["/accounts/", "/accounts/?state=expired"])
def test_other_lists_have_no_selection(site: Client, page: str) -> None:
    make_locked_user()

    assert "Unlock selected" not in shown(site.get(page))


def test_an_empty_list_has_no_selection(site: Client) -> None:
    assert "Unlock selected" not in shown(site.get("/accounts/?state=locked"))


def test_the_selection_goes_on_with_the_filters_and_the_place(site: Client) -> None:
    for number in range(51):
        make_locked_user(f"user{number}")
    next_page = site.get("/accounts/?state=locked&q=user").context["next"]
    page = site.get(f"/accounts/{next_page}").content.decode()

    assert f'action="/accounts/unlock/{next_page.replace("&", "&amp;")}"' in page


# --- A selection that does not do ---------------------------------------------------------------
@pytest.mark.parametrize(
    ("accounts", "sentence"),
    [
        ([], "No row is selected: select the accounts to unlock. Nothing was changed."),
        ([f"{n} {SEEN}" for n in range(501)], "501 accounts are selected: at most 500 at once."),
        (["abc"], "The selection cannot be read: select the rows again."),
        (["abc three"], "The selection cannot be read: select the rows again."),
        ([""], "The selection cannot be read: select the rows again."),
    ],
    ids=["none", "501", "no failures", "no number", "empty"],
)
@pytest.mark.parametrize("more", [{}, {"reason": "called", "identity": "callback"}])
def test_a_selection_that_does_not_do_is_said_above_the_list(
    site: Client, accounts: list[str], sentence: str, more: dict[str, str]
) -> None:
    make_locked_user()
    response = site.post(ADDRESS, {"account": accounts, **more})

    assert response.status_code == 400
    assert sentence in shown(response)
    assert "Select ann (Default)" in shown(response)
    assert not Event.objects.filter(action="unlock").exists()


def test_the_list_that_comes_back_has_the_filters(site: Client) -> None:
    make_locked_user("ann")
    make_locked_user("ben")
    page = shown(site.post("/accounts/unlock/?state=locked&q=ann"))

    assert "Select ann (Default)" in page
    assert "Select ben (Default)" not in page


def test_the_same_row_twice_is_one(site: Client) -> None:
    [value] = selection(site, make_locked_user())

    assert values(site.post(ADDRESS, {"account": [value, value]})) == [value]


def test_opened_by_its_address_it_leads_to_the_list(site: Client) -> None:
    assert site.get("/accounts/unlock/?q=a&state=locked")["Location"] == (
        "/accounts/?q=a&state=locked"
    )


def test_without_filters_it_leads_to_the_locked_list(site: Client) -> None:
    assert site.get("/accounts/unlock/")["Location"] == "/accounts/?state=locked"


def test_who_is_signed_out_comes_back_to_the_list(client: Client) -> None:
    response = client.post(ADDRESS, {"account": [f"abc {SEEN}"]})

    assert response["Location"] == "/signin/?next=/accounts/unlock/%3Fstate%3Dlocked"


def test_without_the_token_of_the_form_nothing_happens(fake_keystone: FakeKeystone) -> None:
    user = make_locked_user()
    browser = signed_in(fake_keystone.person())
    fields = form(browser, user)
    browser.handler.enforce_csrf_checks = True

    assert browser.post(ADDRESS, fields).status_code == 403
    assert failures(user) == (3, NOW)


# --- The form -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "sentence",
    [
        "Unlock 2 accounts?",
        "ann Default no e-mail 3 14:02:11 UTC now 14:32:11 UTC 30 min left ✗ Disabled still",
        "ben Default no e-mail 3 14:02:11 UTC now 14:32:11 UTC 30 min left can sign in",
        "Tokens and application credentials were never stopped by the lock.",
        "Each account has its own row in the trail, with this reason.",
    ],
)
def test_the_form_says_what_the_operator_decides_on(site: Client, sentence: str) -> None:
    users = [make_locked_user("ann", enabled=False), make_locked_user("ben")]

    assert sentence in shown(select(site, *users))


def test_the_form_keeps_the_order_of_the_list(site: Client) -> None:
    users = [make_locked_user(name) for name in ("cat", "ann", "ben")]
    chosen = selection(site, *users)

    assert values(site.post(ADDRESS, {"account": chosen})) == chosen


def test_the_form_asks_keystones_database_six_questions(
    site: Client, django_assert_num_queries: Any
) -> None:
    """Rows with user and domain, options, passwords, and three for the kinds."""
    chosen = selection(site, *(make_locked_user(f"user{number}") for number in range(5)))

    with django_assert_num_queries(6, using="keystone"):
        site.post(ADDRESS, {"account": chosen})


def test_the_form_sends_the_failures_that_it_shows(site: Client) -> None:
    user = make_locked_user()
    chosen = selection(site, user)
    lock(user, count=4)

    assert values(site.post(ADDRESS, {"account": chosen})) == [
        f"{user.id} 4@2026-11-22T14:02:11+00:00"
    ]


def test_who_is_not_locked_any_more_is_named_and_left_out(site: Client) -> None:
    ann, ben = make_locked_user("ann"), make_locked_user("ben")
    chosen = selection(site, ann, ben)
    lock(ann, count=0, at=None)
    response = site.post(ADDRESS, {"account": chosen})

    assert "Unlock 1 account?" in shown(response)
    assert "not locked any more: ann ( Default ). Can sign in" in shown(response)
    assert values(response) == chosen[1:]


def test_where_nobody_is_locked_any_more_it_leads_back(site: Client) -> None:
    ann = make_locked_user("ann")
    chosen = selection(site, ann)
    lock(ann, count=0, at=None)
    response = site.post(ADDRESS, {"account": chosen})

    assert response["Location"] == "/accounts/?state=locked"
    assert messages(response) == [
        "No selected account is locked any more: there is nothing to unlock."
    ]


def test_what_does_not_exist_here_is_counted(site: Client, fake_keystone: FakeKeystone) -> None:
    """An account of another domain and one that is nowhere look the same."""
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    own, foreign = make_locked_user("own", domain_id="shops"), make_locked_user("foreign")
    ids = [own.id, foreign.id, "nowhere"]
    page = shown(signed_in(keeper).post(ADDRESS, {"account": [f"{it} {SEEN}" for it in ids]}))

    assert "2 selected accounts do not exist any more." in page
    assert "Unlock 1 account?" in page
    assert "foreign" not in page


@pytest.mark.parametrize(
    ("spoiled", "sentence"),
    [
        ({"reason": ""}, "Reason: say why, for whoever reads the trail."),
        ({"reason": "x" * 1001}, "Reason: at most 1000 characters; this has 1001."),
        ({"identity": ""}, "Identity: choose how it was confirmed (PCI DSS 8.3.4)."),
        ({"identity": "host"}, "Select a valid choice."),
    ],
)
def test_a_form_that_does_not_do_comes_back_with_what_is_wrong(
    site: Client, spoiled: dict[str, str], sentence: str
) -> None:
    users = [make_locked_user("ann"), make_locked_user("ben")]
    fields = form(site, *users)
    response = site.post(ADDRESS, {**fields, **spoiled})

    assert response.status_code == 400
    assert sentence in shown(response)
    assert values(response) == fields["account"]
    assert all(failures(user) == (3, NOW) for user in users)


def test_a_reason_that_was_typed_is_kept(site: Client) -> None:
    assert "INC-4711" in shown(unlock(site, make_locked_user(), identity=""))


def test_a_form_for_nobody_who_is_locked_has_no_button(site: Client) -> None:
    """Spoiled, and meanwhile unlocked by somebody else: there is nothing left to send."""
    user: User = make_user()
    response = site.post(ADDRESS, {"account": [f"{user.id} {SEEN}"], "reason": ""})

    assert response.status_code == 400
    assert values(response) == []
