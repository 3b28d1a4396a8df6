"""A failed integrity check stays open until it is acknowledged, in the audit log."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from pciops.audit import chain, doctor, integrity
from pciops.audit.models import ChainCheck, Event
from tests.api.call import get, post, token_of_domain
from tests.audit.helpers import chained, forge
from tests.factories import NOW, make_initiator
from tests.fake_keystone import FakeKeystone
from tests.fake_keystone import fake_keystone as fake_keystone
from tests.signin.visit import clock as clock
from tests.signin.visit import operator as operator
from tests.signin.visit import shown, signed_in
from tests.signin.visit import site as site

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("clock"),
]

WHOLE, PART = "/audit/integrity/", "/api/v1/audit/integrity"


def failed_check(problem: str = "row 3 is missing") -> ChainCheck:
    """Save a check that failed yesterday."""
    return ChainCheck.objects.create(
        checked_at=NOW - timedelta(days=1), milliseconds=1, rows=2, position=2, problem=problem
    )


def passed_check() -> None:
    assert chain.run_check(NOW).problem == ""


def test_a_failed_check_stays_open_after_one_that_passes(site: Client) -> None:
    failed = failed_check()
    passed_check()
    [result] = doctor.audit_log()

    assert chain.open_failure() == failed
    assert result.level == "problem"
    for url in ("/", "/audit/"):
        assert "row 3 is missing" in shown(site.get(url))


def test_an_acknowledgement_closes_all_failed_checks_and_is_an_act(site: Client) -> None:
    failed_check("row 2 is missing")
    failed = failed_check()
    response = site.post(WHOLE, {"seen": failed.pk, "reason": "INC-7: restored a backup"})
    event = Event.objects.get(action="update/trail")

    assert response["Location"] == "/audit/"
    assert chain.open_failure() is None
    assert (event.outcome, event.reason) == ("success", "INC-7: restored a backup")
    assert event.remark == "row 3 is missing"
    assert event.position is not None
    assert "row 3 is missing" not in shown(site.get("/"))


@pytest.mark.parametrize(
    ("seen", "reason", "status"), [("0", "x", 400), ("", "x", 400), ("1", "", 400)]
)
def test_an_acknowledgement_needs_a_reason_and_the_check(
    site: Client, seen: str, reason: str, status: int
) -> None:
    failed_check()

    assert site.post(WHOLE, {"seen": seen, "reason": reason}).status_code == status
    assert chain.open_failure() is not None


def test_a_check_that_failed_since_is_shown_first(site: Client) -> None:
    shown_check = failed_check()
    failed_check("row 9 is missing")
    response = site.post(WHOLE, {"seen": shown_check.pk, "reason": "INC-7"})

    assert response.status_code == 409
    assert "row 9 is missing" in shown(response)
    assert "INC-7" in shown(response) or "INC-7" in response.content.decode()
    assert chain.open_failure() is not None


def test_the_same_problem_is_not_open_again_and_another_is() -> None:
    chained(5)
    forge("UPDATE audit_event SET remark = 'forged' WHERE position = 3")
    first = chain.run_check(NOW)
    integrity.acknowledge(first.pk, initiator=make_initiator(), reason="INC-7", now=NOW)
    again = chain.run_check(NOW)
    [result] = doctor.audit_log()

    assert (again.problem, again.acknowledged_reason) == (first.problem, "INC-7")
    assert (chain.open_failure(), result.level) == (None, "warning")
    assert "not verified" in result.sentence

    forge("UPDATE audit_event SET remark = 'forged' WHERE position = 2")
    chain.run_check(NOW)
    assert chain.open_failure() is not None


def test_a_check_stays_open_after_later_ones_pass() -> None:
    failed = failed_check()
    for _ in range(5):
        passed_check()

    assert chain.open_failure() == failed
    assert ChainCheck.objects.count() == 6


@pytest.mark.parametrize("roles", [{"system": {"reader"}}, {"shops": {"admin"}}])
def test_only_an_administrator_of_the_cloud_acknowledges(
    fake_keystone: FakeKeystone, roles: dict[str, set[str]]
) -> None:
    failed = failed_check()
    domain = "shops" if "shops" in roles else "default"
    browser = signed_in(fake_keystone.person("rita", domain_id=domain, roles=roles))

    assert "Acknowledge" not in shown(browser.get("/audit/"))
    assert browser.post(WHOLE, {"seen": failed.pk, "reason": "x"}).status_code == 403
    assert chain.open_failure() is not None


def test_the_api_has_the_open_check_and_acknowledges_it(fake_keystone: FakeKeystone) -> None:
    token = fake_keystone.issue(fake_keystone.person(), "system")
    failed = failed_check()
    passed_check()
    body = get(token, PART).json()

    assert body["open"]["id"] == failed.pk
    assert body["open"]["problem"] == "row 3 is missing"
    assert body["last"]["problem"] is None
    assert post(token, f"{PART}/acknowledge", {"check": failed.pk}).status_code == 400
    assert post(token, f"{PART}/acknowledge", {"reason": "x"}).status_code == 400
    sent = {"check": failed.pk, "reason": "INC-7"}
    assert post(token, f"{PART}/acknowledge", sent).json()["event"]["reason"] == "INC-7"
    assert post(token, f"{PART}/acknowledge", sent).status_code == 409
    assert get(token, PART).json()["open"] is None
    assert get(token_of_domain(fake_keystone), PART).status_code == 403
