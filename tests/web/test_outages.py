"""What is shown while something that pciops depends on is down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import InterfaceError, OperationalError, connections
from django.test import Client
from pytest_django import Settings

from pciops.lib.models import ExternalService
from pciops.web.errors import KEYSTONE_DATABASE
from tests.factories import NOW, make_user
from tests.fake_keystone import Person
from tests.signin.visit import Response, shown, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

LOCKED = "/accounts/?state=locked"
REFUSED = OperationalError(2003, "Can't connect to MySQL server on 'db.example' (111)")


@contextmanager
def down(alias: str, error: Exception = REFUSED) -> Iterator[None]:
    """The database of this alias answers no statement."""

    def refuse(*_: Any) -> Any:
        raise error

    with connections[alias].execute_wrapper(refuse):
        yield


def get_while_down(browser: Client, alias: str, page: str = LOCKED, **more: Any) -> Response:
    """Get a page while a database is down; an error that nobody handles is a page too."""
    browser.raise_request_exception = False
    with down(alias, **more):
        return browser.get(page)


# --- Keystone's database ------------------------------------------------------------------------
@pytest.mark.parametrize("page", [LOCKED, "/accounts/", "/accounts/abc/", "/accounts/abc/unlock/"])
def test_a_page_says_that_keystones_database_is_down(site: Client, page: str) -> None:
    response = get_while_down(site, "keystone", page)

    assert response.status_code == 503
    assert "Keystone's database does not answer" in shown(response)


def test_an_unlock_while_keystones_database_is_down_is_said(site: Client) -> None:
    with down("keystone"):
        response = site.post("/accounts/abc/unlock/", {"reason": "please"})

    assert response.status_code == 503
    assert "nothing was changed" in shown(response)


@pytest.mark.parametrize(
    "error", [REFUSED, InterfaceError(0, ""), OperationalError(1045, "Access denied")]
)
def test_however_the_driver_calls_it_it_is_down(site: Client, error: Exception) -> None:
    assert get_while_down(site, "keystone", error=error).status_code == 503


def test_a_table_that_is_missing_is_an_outage_too(site: Client) -> None:
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE local_user RENAME TO elsewhere")
    response = site.get(LOCKED)
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO local_user")

    assert response.status_code == 503
    assert "no such table: local_user" in shown(response)


def test_the_page_repeats_what_the_driver_says(site: Client) -> None:
    assert "It says: Can't connect to MySQL server on 'db.example' (111)" in shown(
        get_while_down(site, "keystone")
    )


def test_the_page_says_since_when(site: Client) -> None:
    assert "Since 14:02:11 UTC at the latest." in shown(get_while_down(site, "keystone"))


def test_a_second_failure_keeps_the_instant_of_the_first(
    site: Client, clock: time_machine.Traveller
) -> None:
    get_while_down(site, "keystone")
    clock.shift(timedelta(minutes=5))

    assert "Since 14:02:11 UTC (5 min ago) at the latest." in shown(
        get_while_down(site, "keystone")
    )


def test_the_page_says_when_it_last_answered(site: Client, clock: time_machine.Traveller) -> None:
    site.get(LOCKED)
    clock.shift(timedelta(minutes=5))

    assert "It last answered at about 14:02:11 UTC." in shown(get_while_down(site, "keystone"))


def test_the_page_works_again_by_itself(site: Client) -> None:
    get_while_down(site, "keystone")

    assert site.get(LOCKED).status_code == 200


def test_an_outage_ends_with_the_first_answer(site: Client, clock: time_machine.Traveller) -> None:
    get_while_down(site, "keystone")
    clock.shift(timedelta(minutes=5))
    site.get(LOCKED)

    assert ExternalService.objects.values("failing_since", "answered_at").get(
        name=KEYSTONE_DATABASE
    ) == {
        "failing_since": None,
        "answered_at": NOW + timedelta(minutes=5),
    }


def test_an_outage_after_an_outage_begins_anew(site: Client, clock: time_machine.Traveller) -> None:
    get_while_down(site, "keystone")
    clock.shift(timedelta(minutes=5))
    site.get(LOCKED)
    clock.shift(timedelta(minutes=5))

    assert "Since 14:12:11 UTC at the latest." in shown(get_while_down(site, "keystone"))


def test_an_outage_within_a_minute_of_an_answer_ends_all_the_same(
    site: Client, clock: time_machine.Traveller
) -> None:
    site.get(LOCKED)
    get_while_down(site, "keystone")
    clock.shift(timedelta(seconds=1))
    site.get(LOCKED)

    assert ExternalService.objects.get(name=KEYSTONE_DATABASE).failing_since is None


def test_an_outage_that_another_process_saw_ends_here_too(
    site: Client, clock: time_machine.Traveller
) -> None:
    site.get(LOCKED)
    ExternalService.objects.update(failing_since=NOW)  # what another process wrote
    clock.shift(timedelta(minutes=1))
    site.get(LOCKED)

    assert ExternalService.objects.get(name=KEYSTONE_DATABASE).failing_since is None


def test_one_stays_signed_in_through_an_outage(site: Client) -> None:
    get_while_down(site, "keystone")

    assert "ada · Default" in shown(site.get(LOCKED))


def test_one_can_sign_in_while_keystones_database_is_down(client: Client, operator: Person) -> None:
    with down("keystone"):
        assert sign_in(client).status_code == 302


def test_a_refusal_without_keystones_database_says_what_is_known(
    client: Client, operator: Person
) -> None:
    with down("keystone"):
        response = sign_in(client, password="wrong")

    assert response.status_code == 200
    assert "Keystone refused this name and password." in shown(response)


def test_readyz_says_that_keystones_database_is_down(client: Client, fake_keystone: object) -> None:
    response = get_while_down(client, "keystone", "/readyz")

    assert response.status_code == 503
    assert response.json() == {
        "database": "ok",
        "keystone_database": "no answer",
        "keystone": "ok",
    }


def test_readyz_tells_strangers_no_reasons(client: Client, fake_keystone: object) -> None:
    assert b"db.example" not in get_while_down(client, "keystone", "/readyz").content


# --- Our own database ---------------------------------------------------------------------------
@pytest.mark.parametrize("page", [LOCKED, "/accounts/abc/", "/signin/"])
def test_a_page_says_that_our_own_database_is_down(site: Client, page: str) -> None:
    response = get_while_down(site, "default", page)

    assert response.status_code == 503
    assert "pciops' own database does not answer" in shown(response)


def test_the_page_about_our_own_database_says_nothing_of_the_driver(site: Client) -> None:
    assert b"db.example" not in get_while_down(site, "default").content


def test_the_page_about_our_own_database_has_the_content_security_policy(site: Client) -> None:
    assert "default-src 'none'" in get_while_down(site, "default")["Content-Security-Policy"]


def test_a_sign_in_while_our_own_database_is_down_is_said(client: Client, operator: Person) -> None:
    client.raise_request_exception = False
    with down("default"):
        response = sign_in(client)

    assert response.status_code == 503


def test_no_password_is_tried_while_our_own_database_is_down(
    client: Client, fake_keystone: Any, operator: Person
) -> None:
    client.raise_request_exception = False
    with down("default"):
        sign_in(client)

    assert fake_keystone.password_tries == {}


def test_both_databases_down_are_one_page(site: Client) -> None:
    site.raise_request_exception = False
    with down("default"), down("keystone"):
        response = site.get(LOCKED)

    assert response.status_code == 503


def test_readyz_says_that_our_own_database_is_down(client: Client, fake_keystone: object) -> None:
    response = get_while_down(client, "default", "/readyz")

    assert response.status_code == 503
    assert response.json()["database"] == "no answer"


def test_healthz_says_ok_while_our_own_database_is_down(client: Client) -> None:
    assert get_while_down(client, "default", "/healthz").status_code == 200


def test_a_fault_of_ours_is_called_so(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("s3cret")

    monkeypatch.setattr("pciops.web.views.selectors.page", fault)
    site.raise_request_exception = False
    response = site.get(LOCKED)

    assert response.status_code == 500
    assert "pciops failed" in shown(response)
    assert b"s3cret" not in response.content


# --- The policy ---------------------------------------------------------------------------------
@pytest.fixture
def keystone_conf(tmp_path: Path, settings: Settings) -> Path:
    """A keystone.conf that is the policy's only source."""
    path = tmp_path / "keystone.conf"
    path.write_text("[security_compliance]\nlockout_failure_attempts = 3\n")
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [str(path)], {}
    return path


def test_the_policy_comes_from_the_file(site: Client, keystone_conf: Path) -> None:
    assert "Keystone locks after 3 failures for 30 min" in shown(site.get(LOCKED))


def test_a_policy_file_that_was_changed_is_read_again(site: Client, keystone_conf: Path) -> None:
    site.get(LOCKED)
    keystone_conf.write_text("[security_compliance]\nlockout_failure_attempts = 10\n")

    assert "Keystone locks after 10 failures for 30 min" in shown(site.get(LOCKED))


@pytest.mark.parametrize("page", [LOCKED, "/accounts/", "/accounts/{}/", "/accounts/{}/unlock/"])
@pytest.mark.parametrize(
    "text", ["[security_compliance]\nlockout_failure_attempts = many\n", "no file of options"]
)
def test_a_policy_file_that_broke_is_said(
    site: Client, keystone_conf: Path, page: str, text: str
) -> None:
    user = make_user()
    keystone_conf.write_text(text)
    response = site.get(page.format(user.id))

    assert response.status_code == 503
    assert "Keystone's policy cannot be read PCIOPS_KEYSTONE_CONF names" in shown(response)


def test_a_policy_file_that_went_away_is_said(site: Client, keystone_conf: Path) -> None:
    keystone_conf.unlink()
    response = site.get(LOCKED)

    assert response.status_code == 503
    assert "is no file that pciops may read" in shown(response)


def test_a_refused_sign_in_without_a_policy_is_still_a_refused_sign_in(
    client: Client, operator: Person, keystone_conf: Path
) -> None:
    make_user("ada")
    keystone_conf.unlink()
    response = sign_in(client, password="wrong")

    assert response.status_code == 200
    assert "Keystone refused this name and password." in shown(response)
