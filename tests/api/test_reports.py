"""Reports over the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pytest_django import Settings

from pciops.audit.models import Event
from tests.api.call import assert_refused, get, post
from tests.fake_keystone import FakeKeystone
from tests.reports.samples import store_sample

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

REPORTS = "/api/v1/reports"
SIGN_OFF = f"{REPORTS}/2026-W46/sign-off"
SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "report.schema.json"


def of_domain(keystone: FakeKeystone) -> str:
    person = keystone.person("dora", domain_id="shops", roles={"shops": {"admin"}})
    return keystone.issue(person, "shops")


def test_the_list_has_weeks_hashes_and_main_figures(token: str) -> None:
    store_sample("2026-W45", size=3)
    stored = store_sample("2026-W46", size=7)
    found = get(token, REPORTS).json()

    assert [one["week"] for one in found["reports"]] == ["2026-W46", "2026-W45"]
    newest = found["reports"][0]
    assert newest["sha256"] == stored.hash
    assert newest["generated_at"] == "2026-11-16T06:00:00Z"
    figures = {figure["key"]: figure["number"] for figure in newest["figures"]}
    assert figures["inactive"] == 7


def test_a_report_is_json_by_default_as_its_schema_says(token: str) -> None:
    store_sample()
    response = get(token, f"{REPORTS}/2026-W46")
    found: Any = json.loads(b"".join(response))

    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(found)
    assert found["report"]["header"]["week"] == "2026-W46"


@pytest.mark.parametrize(("form", "begin"), [("pdf", b"%PDF"), ("csv", b"PK"), ("html", b"<!doc")])
def test_a_report_is_given_in_each_form_and_recorded(token: str, form: str, begin: bytes) -> None:
    store_sample()
    response = get(token, f"{REPORTS}/2026-W46", format=form)

    assert b"".join(response).startswith(begin)
    event = Event.objects.get(action=Event.Action.REPORT)
    assert event.via == Event.Via.API


@pytest.mark.parametrize(
    ("path", "parameters", "status", "term"),
    [
        ("/2026-47", {}, 400, "week: '2026-47'"),
        ("/2030-W01", {}, 400, "week: 2030-W01"),
        ("/2026-W46", {"format": "xml"}, 400, "format: 'xml'"),
        ("/2026-W46", {"revision": "-1"}, 400, "revision: '-1'"),
        ("/2026-W46", {"revision": "2"}, 404, "revision 2"),
        ("/2026-W46", {"domain_id": "shops"}, 404, "2026-W46"),
        ("", {"limit": "0"}, 400, "limit"),
    ],
)
def test_a_wrong_parameter_is_named(
    token: str, path: str, parameters: dict[str, str], status: int, term: str
) -> None:
    store_sample("2026-W45")  # its row in the audit log is the first data
    store_sample()
    response = get(token, REPORTS + path, **parameters)

    assert response.status_code == status
    assert term in response.json()["error"]["message"]


def signing(keystone: FakeKeystone, role: str = "management", scope: str = "system") -> str:
    """Return a token of Mia, who reads everything and has this role as well."""
    person = keystone.person("mia", roles={scope: {"reader", role}})
    return keystone.issue(person, scope)


@pytest.fixture
def _management(settings: Settings) -> None:
    settings.MANAGEMENT_ROLES = ["management"]


@pytest.mark.usefixtures("_management")
def test_management_signs_a_report_off(fake_keystone: FakeKeystone, token: str) -> None:
    stored = store_sample()
    body = {"sha256": stored.hash, "remark": " Read with the team. "}
    signed = post(signing(fake_keystone), SIGN_OFF, body).json()

    assert signed["sha256"] == stored.hash
    assert signed["sign_offs"] == [
        {"by": "mia (Default)", "at": "2026-11-22T14:02:11Z", "remark": "Read with the team."}
    ]
    assert stored.sign_offs.get().as_management is True
    event = Event.objects.get(action=Event.Action.SIGN_OFF)
    assert (event.via, event.initiator_name) == ("api", "mia")
    assert get(token, SIGN_OFF).json() == signed


@pytest.mark.usefixtures("_management")
@pytest.mark.parametrize(
    ("fields", "status", "term"),
    [
        ({"sha256": None}, 409, "sha256: "),
        ({"sha256": "0" * 64}, 409, "sha256: "),
        ({"remark": "x" * 1001}, 400, "remark: send text of at most 1000"),
        ({"remark": 7}, 400, "remark: send text of at most 1000"),
        ({"remark": "bell \x07"}, 400, "remark: send only text"),
    ],
)
def test_a_wrong_sign_off_is_refused(
    fake_keystone: FakeKeystone, fields: dict[str, Any], status: int, term: str
) -> None:
    stored = store_sample()
    body = {"sha256": stored.hash, "remark": "x", **fields}

    assert_refused(post(signing(fake_keystone), SIGN_OFF, body), status, term)
    assert not stored.sign_offs.exists()


@pytest.mark.usefixtures("_management")
def test_others_than_management_do_not_sign_off(token: str) -> None:
    stored = store_sample()

    assert_refused(post(token, SIGN_OFF, {"sha256": stored.hash}), 403, "An administrator")
    assert not stored.sign_offs.exists()


@pytest.mark.usefixtures("_management")
def test_management_of_a_domain_signs_only_its_reports(fake_keystone: FakeKeystone) -> None:
    whole, own = store_sample(), store_sample(domain_id="shops")
    token = signing(fake_keystone, scope="shops")

    assert post(token, SIGN_OFF, {"sha256": whole.hash}).status_code == 409
    assert post(token, f"{SIGN_OFF}?domain_id=payments", {"sha256": own.hash}).status_code == 404
    assert post(token, SIGN_OFF, {"sha256": own.hash}).status_code == 200
    assert not whole.sign_offs.exists()


def test_a_token_of_a_domain_gives_only_its_reports(fake_keystone: FakeKeystone) -> None:
    store_sample("2026-W45")
    stored = store_sample("2026-W46", domain_id="shops")
    token = of_domain(fake_keystone)
    found = get(token, REPORTS).json()["reports"]

    assert [one["sha256"] for one in found] == [stored.hash]
    assert get(token, f"{REPORTS}/2026-W46", domain_id="payments").status_code == 404
    assert get(token, REPORTS, domain_id="payments").status_code == 404
