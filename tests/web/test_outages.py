"""Pages, sign-in, and probes while something that pciops depends on is down."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import InterfaceError, OperationalError, connections
from django.test import Client
from pytest_django import Settings

from pciops.lib.models import ExternalService, JobRun
from pciops.notices.alerts import operation
from pciops.web.errors import KEYSTONE_DATABASE
from tests.factories import NOW, make_user
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import shown, sign_in
from tests.web.pages import REFUSED, down, get_while_down

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

LOCKED = "/accounts/?state=locked"
MINUTE = timedelta(minutes=1)
MESSAGE = "Can't connect to MySQL server on 'db.example' (111)"
PAGES = [LOCKED, "/", "/accounts/", "/accounts/abc/", "/accounts/abc/unlock/"]


# --- Keystone's database ------------------------------------------------------------------------
@pytest.mark.parametrize("url", PAGES)
def test_a_page_says_what_keystones_database_answers_and_since_when(site: Client, url: str) -> None:
    response = get_while_down(site, "keystone", url)
    page = shown(response)

    assert response.status_code == 503
    assert "Keystone's database" in page
    assert MESSAGE in page
    assert "Since 14:02 UTC at the latest" in page


def test_an_unlock_changes_nothing(site: Client) -> None:
    with down("keystone"):
        response = site.post("/accounts/abc/unlock/", {"reason": "please"})

    assert response.status_code == 503
    assert "nothing was changed" in shown(response)


@pytest.mark.parametrize(
    "error", [REFUSED, InterfaceError(0, ""), OperationalError(1045, "Access denied")]
)
def test_every_error_of_the_driver_is_an_outage(site: Client, error: Exception) -> None:
    assert get_while_down(site, "keystone", LOCKED, error=error).status_code == 503


def test_a_missing_table_is_an_outage(site: Client) -> None:
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE local_user RENAME TO elsewhere")
    response = site.get(LOCKED)
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO local_user")

    assert response.status_code == 503
    assert "no such table: local_user" in shown(response)


def test_an_outage_keeps_its_start_and_the_last_answer(
    site: Client, clock: time_machine.Traveller
) -> None:
    site.get(LOCKED)
    clock.shift(5 * MINUTE)
    get_while_down(site, "keystone", LOCKED)
    clock.shift(5 * MINUTE)
    page = shown(get_while_down(site, "keystone", LOCKED))

    assert "last answered at about 14:02 UTC" in page
    assert "Since 14:07 UTC (5 min ago)" in page


def test_an_outage_ends_with_the_first_answer(site: Client, clock: time_machine.Traveller) -> None:
    get_while_down(site, "keystone", LOCKED)
    clock.shift(5 * MINUTE)
    response = site.get(LOCKED)

    assert response.status_code == 200
    assert "ada Entire cloud" in shown(response)  # still signed in
    assert ExternalService.objects.values("failing_since", "answered_at").get(
        name=KEYSTONE_DATABASE
    ) == {
        "failing_since": None,
        "answered_at": NOW + 5 * MINUTE,
    }
    clock.shift(5 * MINUTE)
    assert "Since 14:12 UTC" in shown(get_while_down(site, "keystone", LOCKED))


@pytest.mark.parametrize("by_another_process", [False, True])
def test_an_outage_ends_though_an_answer_was_noted_less_than_a_minute_before(
    site: Client,
    clock: time_machine.Traveller,
    by_another_process: bool,  # noqa: FBT001 (a parameter of the table)
) -> None:
    site.get(LOCKED)
    if by_another_process:
        ExternalService.objects.update(failing_since=NOW)
        clock.shift(MINUTE)
    else:
        get_while_down(site, "keystone", LOCKED)
        clock.shift(timedelta(seconds=1))
    site.get(LOCKED)

    assert ExternalService.objects.get(name=KEYSTONE_DATABASE).failing_since is None


def test_sign_in_works_without_keystones_database(client: Client, operator: Person) -> None:
    with down("keystone"):
        refused = sign_in(client, password="wrong")
        accepted = sign_in(client)

    assert refused.status_code == 200
    assert "Keystone refused" in shown(refused)
    assert accepted.status_code == 302


# --- Our own database ---------------------------------------------------------------------------
@pytest.mark.parametrize("url", [LOCKED, "/", "/accounts/abc/", "/signin/"])
def test_a_page_says_that_our_own_database_is_down_without_details(site: Client, url: str) -> None:
    response = get_while_down(site, "default", url)

    assert response.status_code == 503
    assert "pciops' own database" in shown(response)
    assert b"db.example" not in response.content
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_both_databases_down_are_one_page(site: Client) -> None:
    with down("keystone"):
        assert get_while_down(site, "default", LOCKED).status_code == 503


def test_without_our_own_database_no_password_is_sent_to_keystone(
    client: Client, fake_keystone: FakeKeystone, operator: Person
) -> None:
    client.raise_request_exception = False
    with down("default"):
        response = sign_in(client)

    assert response.status_code == 503
    assert fake_keystone.password_tries == {}


def test_a_fault_of_pciops_shows_no_details(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("s3cret")

    monkeypatch.setattr("pciops.web.account_list.selectors.page", fault)
    site.raise_request_exception = False
    response = site.get(LOCKED)

    assert response.status_code == 500
    assert "pciops failed" in shown(response)
    assert b"s3cret" not in response.content


# --- Probes -------------------------------------------------------------------------------------
def test_readyz_asks_once_in_five_seconds(
    client: Client, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    for _ in range(20):
        client.get("/readyz")
    assert fake_keystone.asked["GET /v3"] == 1

    clock.shift(timedelta(seconds=5))
    client.get("/readyz")
    assert fake_keystone.asked["GET /v3"] == 2


def test_readyz_says_what_does_not_answer_without_reasons(
    client: Client, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    ready = {"database": "ok", "keystone_database": "ok", "keystone": "ok"}
    answers = [client.get("/readyz")]
    for alias in ("keystone", "default"):
        clock.shift(timedelta(seconds=5))
        answers.append(get_while_down(client, alias, "/readyz"))
    clock.shift(timedelta(seconds=5))
    fake_keystone.fail(503)
    answers.append(client.get("/readyz"))

    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (200, ready),
        (503, ready | {"keystone_database": "no answer"}),
        (503, ready | {"database": "no answer"}),
        (503, ready | {"keystone": "no answer"}),
    ]


@pytest.mark.parametrize(
    ("minutes", "words"), [(5, None), (6, "no job since 2026-11-22T13:56:11Z")]
)
def test_readyz_is_ready_and_tells_of_a_schedule_that_stopped(
    client: Client, fake_keystone: FakeKeystone, minutes: int, words: str | None
) -> None:
    at = NOW - timedelta(minutes=minutes)
    JobRun.objects.create(job=operation.ALERTS, slot=at, done_at=at)
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json().get("schedule") == words


def test_healthz_is_ok_whatever_is_down(client: Client, fake_keystone: FakeKeystone) -> None:
    fake_keystone.fail()
    response = get_while_down(client, "default", "/healthz")

    assert (response.status_code, response.content) == (200, b"ok\n")


# --- The policy ---------------------------------------------------------------------------------
@pytest.fixture
def keystone_conf(tmp_path: Path, settings: Settings) -> Path:
    """A keystone.conf that is the only source of the policy."""
    path = tmp_path / "keystone.conf"
    path.write_text("[security_compliance]\nlockout_failure_attempts = 3\n")
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [str(path)], {}
    return path


def test_a_changed_policy_file_is_read_again(site: Client, keystone_conf: Path) -> None:
    assert "after 3 failed attempts, for 30 min" in shown(site.get(LOCKED))
    keystone_conf.write_text("[security_compliance]\nlockout_failure_attempts = 10\n")
    assert "after 10 failed attempts, for 30 min" in shown(site.get(LOCKED))


@pytest.mark.parametrize(
    "text", ["[security_compliance]\nlockout_failure_attempts = many\n", "no options", None]
)
def test_a_policy_that_cannot_be_read_is_a_page_that_names_the_setting(
    site: Client, keystone_conf: Path, text: str | None
) -> None:
    user = make_user()
    if text is None:
        keystone_conf.unlink()
    else:
        keystone_conf.write_text(text)

    for url in (LOCKED, "/accounts/", f"/accounts/{user.id}/", f"/accounts/{user.id}/unlock/"):
        response = site.get(url)
        assert response.status_code == 503
        assert "PCIOPS_KEYSTONE_CONF" in shown(response)


def test_a_refused_sign_in_needs_no_policy(
    client: Client, operator: Person, keystone_conf: Path
) -> None:
    make_user("ada")
    keystone_conf.unlink()
    response = sign_in(client, password="wrong")

    assert response.status_code == 200
    assert "Keystone refused" in shown(response)
