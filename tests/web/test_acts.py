"""The pages of the acts: buttons, forms, conflicts, and refusals."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from pciops.accounts.models import MachineRecord
from pciops.actions.models import Exemption
from pciops.audit.models import Event, EventQuerySet
from pciops.keystone.models import User, UserOption
from tests.factories import NOW, make_credential, make_ldap_user, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone, Person, error
from tests.fake_users import FakeUsers
from tests.fake_users import keystone_users as keystone_users
from tests.signin.visit import Response, shown, signed_in
from tests.web.unlocking import REASON, failures, lock, messages, seen

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("keystone_users"),
]

LOCKOUT = "ignore_lockout_failure_attempts"
GRANT = {"option": LOCKOUT, "owner": "network team", "ends_on": "2026-12-22"}
EXEMPTED: dict[str, Any] = {"options": {"1002": True}}
CASES = [
    pytest.param("enable", {"enabled": False}, {"identity": "callback"}, id="enable"),
    pytest.param("disable", {}, {}, id="disable"),
    pytest.param("exempt", {}, GRANT, id="exempt"),
    pytest.param("lift", EXEMPTED, {"option": LOCKOUT}, id="lift"),
    pytest.param("record", EXEMPTED, GRANT, id="record"),
]


def acts() -> EventQuerySet:
    """Return the rows of the audit log about accounts, without sign-ins."""
    return Event.objects.exclude(target_id="")


def opened(browser: Client, user: User, name: str, **values: str) -> dict[str, str]:
    """Open the form of an act, and return its fields."""
    page = browser.get(f"/accounts/{user.id}/{name}/")
    return {"reason": REASON, "seen": seen(page), **values}


def send(browser: Client, user: User, name: str, fields: dict[str, str], **more: Any) -> Response:
    return browser.post(f"/accounts/{user.id}/{name}/", fields, **more)


def act(browser: Client, user: User, name: str, **values: str) -> Response:
    """Open the form, fill it in and send it."""
    return send(browser, user, name, opened(browser, user, name, **values))


def buttons(response: Response) -> list[str]:
    """Return the acts that an account page offers, the primary one with a star."""
    text = response.content.decode()
    links = re.findall(r'class="btn( primary)?(?: lg| danger)?" href="/accounts/\w+/(\w+)/"', text)
    return [name + ("*" if primary else "") for primary, name in links]


@pytest.mark.parametrize(("name", "undo"), [("machine", "person"), ("person", "machine")])
def test_recorded_by_hand_an_account_is_a_machine_or_a_person(
    site: Client, settings: Settings, name: str, undo: str
) -> None:
    settings.SERVICE_NAME_PATTERNS = ["svc-*"]
    user = make_user("svc-x" if name == "person" else "cron")
    act(site, user, name)

    assert "A machine" in shown(site.get(f"/accounts/{user.id}/")) or name == "person"
    assert undo in buttons(site.get(f"/accounts/{user.id}/"))
    act(site, user, undo)
    assert name in buttons(site.get(f"/accounts/{user.id}/"))
    assert {event.action for event in acts()} == {name, undo}
    assert MachineRecord.objects.get().is_machine is (undo == "machine")


def test_record_that_another_operator_changed_is_a_conflict(site: Client) -> None:
    user = make_user()
    fields = opened(site, user, "machine")
    act(site, user, "machine")
    response = send(site, user, "machine", fields)

    assert response.status_code in {302, 409}
    assert acts().filter(outcome="success").count() == 1


# --- The account page ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ["exempt", "machine", "disable"]),
        ({"enabled": False}, ["enable*", "exempt", "machine"]),
        (
            {"failed_auth_count": 3, "failed_auth_at": NOW},
            ["unlock*", "exempt", "machine", "disable"],
        ),
        (
            {"failed_auth_count": 3, "failed_auth_at": NOW, "enabled": False},
            ["unlock*", "enable", "exempt", "machine"],
        ),
        (EXEMPTED, ["lift", "record", "exempt", "machine", "disable"]),
    ],
)
def test_page_offers_the_acts_that_fit(
    site: Client, facts: dict[str, Any], expected: list[str]
) -> None:
    assert buttons(site.get(f"/accounts/{make_user(**facts).id}/")) == expected


def test_operators_are_offered_nothing_for_themselves(site: Client, operator: Person) -> None:
    user = make_user(user_id=operator.id)

    assert buttons(site.get(f"/accounts/{user.id}/")) == []


# --- Done ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "facts", "values"), CASES)
def test_act_leads_back_to_the_account_with_a_message(
    site: Client, name: str, facts: dict[str, Any], values: dict[str, str]
) -> None:
    user = make_user(**facts)
    response = act(site, user, name, **values)

    assert response["Location"] == f"/accounts/{user.id}/"
    assert [text.startswith("<bdi>ann</bdi>") for text in messages(response)] == [True]
    assert acts().values_list("outcome", "via", "reason").get() == (
        "success",
        "page",
        REASON,
    )


def test_act_uses_the_token_of_the_session(site: Client, fake_keystone: FakeKeystone) -> None:
    user = make_user(enabled=False)
    act(site, user, "enable", identity="callback")
    [(token, user_id, changes)] = fake_keystone.patches

    assert fake_keystone.tokens[token].person is fake_keystone.people[0]
    assert fake_keystone.tokens[token].scope == "system"
    assert (user_id, changes) == (user.id, {"enabled": True})


def test_exemption_is_on_the_page_with_its_owner(site: Client) -> None:
    user = make_user()
    act(site, user, "exempt", **GRANT)
    page = shown(site.get(f"/accounts/{user.id}/"))

    assert f"{LOCKOUT} Recorded until 22 Dec 2026, owner: network team" in page
    assert "Exemption added by ada" in page
    assert f"{LOCKOUT} until 2026-12-22, owner: network team" in page


def test_domain_operator_acts_in_the_domain(fake_keystone: FakeKeystone) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    user = make_user(domain_id="shops")
    act(signed_in(keeper), user, "disable")

    assert User.objects.get(id=user.id).enabled is False


# --- The form -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "facts", "values"), CASES)
def test_form_shows_the_effects(
    site: Client, name: str, facts: dict[str, Any], values: dict[str, str]
) -> None:
    page = shown(site.get(f"/accounts/{make_user(**facts).id}/{name}/"))

    assert "What happens" in page
    assert "The audit log keeps your name" in page


def test_form_of_disable_names_the_application_credentials(site: Client) -> None:
    user = make_user()
    make_credential(user, "backup-job")

    assert "backup-job" in shown(site.get(f"/accounts/{user.id}/disable/"))


def test_link_selects_the_option(site: Client) -> None:
    user = make_user(options={"1001": True, "1002": True})
    page = site.get(f"/accounts/{user.id}/record/?option={LOCKOUT}").content.decode()

    assert f'<option value="{LOCKOUT}" selected>' in page


@pytest.mark.parametrize(
    ("name", "facts", "words"),
    [
        ("enable", {}, "not disabled or inactive"),
        ("disable", {"enabled": False}, "already disabled"),
        ("lift", {}, "doesn't have this exemption"),
        ("record", {}, "no exemption to record"),
        *(
            (name, {"covered": False}, "LDAP or federated")
            for name in ("enable", "disable", "exempt", "lift")
        ),
    ],
)
def test_form_of_an_act_that_does_not_fit_redirects(
    site: Client, name: str, facts: dict[str, Any], words: str
) -> None:
    user = make_ldap_user() if "covered" in facts else make_user(**facts)
    response = site.get(f"/accounts/{user.id}/{name}/")

    assert response["Location"] == f"/accounts/{user.id}/"
    assert words in messages(response)[0]


def test_unknown_act_is_not_found(site: Client) -> None:
    assert site.get(f"/accounts/{make_user().id}/delete/").status_code == 404


@pytest.mark.parametrize(
    ("spoiled", "text"),
    [
        ({"reason": ""}, "Enter a reason"),
        ({"owner": " "}, "Enter the owner"),
        ({"owner": "x" * 101}, "Enter at most 100 characters"),
        ({"ends_on": ""}, "Enter the last day of the exemption, as YYYY-MM-DD."),
        ({"ends_on": "2026-11-22"}, "Enter a day after today"),
        ({"option": ""}, "Choose an exemption."),
        ({"option": "ignore_everything"}, "Select a valid choice."),
        ({"seen": ""}, "Open the form again"),
    ],
)
def test_invalid_form_comes_back_and_changes_nothing(
    site: Client, fake_keystone: FakeKeystone, spoiled: dict[str, str], text: str
) -> None:
    response = act(site, make_user(), "exempt", **{**GRANT, **spoiled})
    page = response.content.decode()
    [name] = spoiled

    assert response.status_code == 400
    assert text in shown(response)
    assert name == "reason" or REASON in page
    assert name == "owner" or 'value="network team"' in page
    assert name == "option" or f'<option value="{LOCKOUT}" selected>' in page
    assert (fake_keystone.patches, acts().count()) == ([], 0)


def test_enable_needs_the_identity(site: Client) -> None:
    response = act(site, make_user(enabled=False), "enable")

    assert response.context["form"].errors.keys() == {"identity"}


# --- Conflicts ----------------------------------------------------------------------------------
def test_account_that_has_changed_gets_a_fresh_form_that_works(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    user = make_user(enabled=False)
    fields = opened(site, user, "enable", identity="callback")
    lock(user)
    response = send(site, user, "enable", fields)

    assert response.status_code == 409
    assert "changed after you opened the form" in shown(response)
    assert "Keystone also unlocks the account without a notice" in shown(response)
    assert REASON in shown(response)
    assert fake_keystone.patches == []

    send(site, user, "enable", {**fields, "seen": seen(response)})
    assert User.objects.get(id=user.id).enabled is True
    assert failures(user) == (0, None)


def test_act_that_does_not_fit_any_more_is_a_message(site: Client) -> None:
    user = make_user()
    fields = opened(site, user, "disable")
    User.objects.using("keystone").filter(id=user.id).update(enabled=False)
    [message] = messages(send(site, user, "disable", fields))

    assert "already disabled" in message


# --- Refusals -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "facts", "values"), CASES)
def test_operator_who_lost_the_role_changes_nothing(
    site: Client,
    operator: Person,
    fake_keystone: FakeKeystone,
    name: str,
    facts: dict[str, Any],
    values: dict[str, str],
) -> None:
    user = make_user(**facts)
    fields = opened(site, user, name, **values)
    operator.roles["system"] = {"reader"}
    response = send(site, user, name, fields)

    assert response["Location"].startswith("/signin/")
    assert fake_keystone.patches == []
    assert not Exemption.objects.exists()


@pytest.mark.parametrize(("name", "facts", "values"), CASES)
def test_account_of_another_domain_does_not_exist(
    fake_keystone: FakeKeystone, name: str, facts: dict[str, Any], values: dict[str, str]
) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    browser, user = signed_in(keeper), make_user(domain_id="payments", **facts)
    fields = {"reason": REASON, "seen": "x", **values}

    assert browser.get(f"/accounts/{user.id}/{name}/").status_code == 404
    assert send(browser, user, name, fields).status_code == 404
    assert (fake_keystone.patches, acts().count()) == ([], 0)


def test_refusal_of_keystones_policy_is_shown(site: Client, keystone_users: FakeUsers) -> None:
    user = make_user()
    fields = opened(site, user, "disable")
    keystone_users.works = False
    keystone_users.answer = error(403, "You are not authorized: identity:update_user.")
    response = send(site, user, "disable", fields)

    assert response.status_code == 403
    assert "(HTTP 403): You are not authorized: identity:update_user." in shown(response)
    assert REASON in shown(response)


def test_form_without_its_csrf_token_changes_nothing(
    operator: Person, fake_keystone: FakeKeystone
) -> None:
    user, browser = make_user(), signed_in(operator)
    fields = opened(browser, user, "disable")
    browser.handler.enforce_csrf_checks = True

    assert send(browser, user, "disable", fields).status_code == 403
    assert fake_keystone.patches == []


def test_token_is_on_no_page(site: Client, fake_keystone: FakeKeystone) -> None:
    user = make_locked_user(options={"1002": False})
    pages = [site.get(f"/accounts/{user.id}/{name}/") for name in ("", "unlock", "disable")]

    for token in fake_keystone.tokens:
        assert all(token not in page.content.decode() for page in pages)


def test_inactive_account_is_enabled(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {
        "lockout_failure_attempts": "3",
        "disable_user_account_days_inactive": "90",
    }
    user = make_user(created_at=None, last_active_at=NOW.date().replace(year=2025))
    page = shown(site.get(f"/accounts/{user.id}/enable/"))
    act(site, user, "enable", identity="callback")

    assert "last activity to today; it was 22 Nov 2025" in page
    assert User.objects.get(id=user.id).last_active_at == NOW.date()
    assert not UserOption.objects.exists()
