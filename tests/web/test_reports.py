"""The pages of reports: list, reading view, files, sign-off, differences."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest
from django.test import Client
from pytest_django import Settings

from pciops.audit.models import Event
from pciops.reports.models import SignOff, StoredReport
from tests.fake_keystone import FakeKeystone
from tests.reports.samples import store_sample
from tests.signin.visit import Response, shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

WEEK = "/reports/2026-W46/"


def content(response: Response) -> bytes:
    return b"".join(response)


def of_domain(keystone: FakeKeystone, domain: str = "shops", role: str = "admin") -> Client:
    """Sign in an operator of this domain."""
    return signed_in(keystone.person("dora", domain_id=domain, roles={domain: {role}}))


def auditor(keystone: FakeKeystone, *roles: str) -> Client:
    held = {"system": {"reader", *roles}}
    return signed_in(keystone.person("rita", domain_id="shops", roles=held))


# --- The list ------------------------------------------------------------------------------------
def test_an_empty_list_says_how_a_report_is_built(site: Client) -> None:
    assert "No report yet." in shown(site.get("/reports/"))


def test_the_list_has_main_figures_lines_and_acknowledgements(site: Client) -> None:
    store_sample("2026-W45", size=3)
    stored = store_sample("2026-W46", size=7)
    SignOff.objects.create(
        report=stored, at=stored.generated_at, by="rita (Shops)", by_id="r", event_id="e"
    )
    page = shown(site.get("/reports/"))

    assert "inactive for over 90 days: 3 at first, 7 at last" in page
    assert "2026-W46 from 9 Nov 2026" in page
    assert "inactive for over 90 days: 7" in page
    assert "rita (Shops)" in page
    assert "Not yet" in page
    assert page.index("2026-W46 from") < page.index("2026-W45 from")


def test_an_operator_of_a_domain_sees_only_its_reports(fake_keystone: FakeKeystone) -> None:
    store_sample("2026-W45")
    store_sample("2026-W46", domain_id="shops")
    page = shown(of_domain(fake_keystone).get("/reports/"))

    assert "2026-W46" in page
    assert "2026-W45" not in page


def test_an_operator_of_the_cloud_chooses_the_domain(site: Client) -> None:
    store_sample("2026-W45")
    store_sample("2026-W46", domain_id="shops")

    assert "2026-W46" not in shown(site.get("/reports/")).replace("Shops", "")
    assert "2026-W46" in shown(site.get("/reports/?domain=shops"))


# --- The reading view ----------------------------------------------------------------------------
def test_the_page_of_a_report_has_requirements_and_lists(site: Client) -> None:
    store_sample()
    response = site.get(WEEK)

    for words in (
        "Compliance report 2026-W46",
        "Exceptions in 2 of 3 requirements",
        "8.2.6 Inactive accounts Exception",
        "Inactive accounts, over 90 days (5 rows)",
    ):
        assert words in shown(response)
    for markup in (" style=", "<script>"):
        assert markup not in response.content.decode()


def test_the_list_begins_with_the_newest_verdict_and_its_files(site: Client) -> None:
    store_sample("2026-W45", size=3)
    store_sample("2026-W46", size=7)
    response = site.get("/reports/")
    page = response.content.decode()

    assert "2026-W46 : Exceptions in 2 of 3 requirements Not signed off." in shown(response)
    for address in ("sign-off/", "export?format=pdf", "export?format=csv"):
        assert f'href="{WEEK}{address}"' in page


def test_names_of_accounts_lead_to_their_pages_but_not_in_the_file(site: Client) -> None:
    store_sample()
    page = site.get(WEEK).content.decode()
    file = content(site.get(f"{WEEK}export?format=html")).decode()

    assert 'class="who-name" href="/accounts/' in page
    assert 'href="/accounts/' not in file


def test_a_list_that_is_the_same_as_in_the_week_before_is_closed(site: Client) -> None:
    store_sample("2026-W46")
    store_sample("2026-W47")
    page = shown(site.get("/reports/2026-W47/"))

    assert "Inactive accounts, over 90 days (5 rows) Unchanged since 2026-W46" in page


def test_an_old_revision_stays_and_leads_to_the_newest(site: Client) -> None:
    store_sample(size=3)
    store_sample(size=7, again=True)
    page = shown(site.get(f"{WEEK}?revision=1"))

    assert "the newest" in page
    assert "Inactive accounts, over 90 days (3 rows)" in page
    assert "Inactive accounts, over 90 days (7 rows)" in shown(site.get(WEEK))
    assert "revision 2" in shown(site.get("/reports/")).lower()


@pytest.mark.parametrize(
    ("address", "status", "term"),
    [
        ("/reports/2026-W1/", 400, "week: '2026-W1'"),
        ("/reports/2026-W60/", 400, "week: '2026-W60'"),
        ("/reports/2030-W01/", 400, "week: 2030-W01"),
        ("/reports/1999-W01/", 400, "week: pciops"),
        (f"{WEEK}?revision=x", 400, "revision: 'x'"),
        (f"{WEEK}?revision=7", 404, "revision 7"),
        (f"{WEEK}?domain=nowhere", 404, "2026-W46"),
        (f"{WEEK}export?format=doc", 400, "format: 'doc'"),
        (f"{WEEK}changes/?since=2020-W01", 400, "since: '2020-W01'"),
    ],
)
def test_a_wrong_address_names_the_parameter(
    site: Client, address: str, status: int, term: str
) -> None:
    store_sample("2026-W45")  # its row in the audit log is the first data
    store_sample()
    response = site.get(address)

    assert response.status_code == status
    assert term in shown(response)


@pytest.mark.parametrize("path", ["", "export?format=json&", "sign-off/", "changes/"])
@pytest.mark.parametrize("domain", ["payments", "nowhere"])
def test_a_report_of_another_domain_is_not_found(
    fake_keystone: FakeKeystone, path: str, domain: str
) -> None:
    store_sample(domain_id="payments")
    store_sample()
    mark = "&" if "?" in path else "?"
    response = of_domain(fake_keystone).get(f"{WEEK}{path}{mark}domain={domain}")

    assert response.status_code == 404


# --- Files ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("form", "content_type", "name", "begin"),
    [
        ("pdf", "application/pdf", "pciops-report-2026-W46-r1.pdf", b"%PDF-"),
        ("csv", "application/zip", "pciops-report-2026-W46-r1.csv.zip", b"PK"),
        ("json", "application/json", "pciops-report-2026-W46-r1.json", b"{"),
        ("html", "text/html; charset=utf-8", "pciops-report-2026-W46-r1.html", b"<!doctype"),
    ],
)
def test_a_download_has_its_type_and_name_and_is_in_the_audit_log(
    site: Client, form: str, content_type: str, name: str, begin: bytes
) -> None:
    stored = store_sample()
    response = site.get(f"{WEEK}export?format={form}")

    assert content(response).startswith(begin)
    assert response["Content-Type"] == content_type
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    event = Event.objects.get(action=Event.Action.REPORT)
    assert (event.resource, event.remark) == (name, f"SHA-256 {stored.hash}")


def test_downloads_have_every_row_and_the_hash(site: Client) -> None:
    stored = store_sample(size=700)
    found = json.loads(content(site.get(f"{WEEK}export?format=json")))
    archive = zipfile.ZipFile(io.BytesIO(content(site.get(f"{WEEK}export?format=csv"))))

    assert found["sha256"] == stored.hash
    assert len(found["rows"]["inactive"]) == 700
    lines = csv.reader(io.StringIO(archive.read("lists/inactive.csv").decode(), newline=""))
    assert len(list(lines)) == 701


# --- Sign-off ------------------------------------------------------------------------------------
def signed(browser: Client, stored: StoredReport, **more: str) -> Response:
    fields = {"seen": stored.hash, "remark": "Looked at 8.2.6.", **more}
    return browser.post(f"/reports/{stored.week}/sign-off/", fields)


def test_management_signs_off(fake_keystone: FakeKeystone, settings: Settings) -> None:
    settings.MANAGEMENT_ROLES = ["ciso"]
    stored = store_sample()
    browser = auditor(fake_keystone, "ciso")
    response = signed(browser, stored)

    assert response["Location"] == WEEK
    [found] = SignOff.objects.all()
    assert (found.by, found.remark, found.as_management) == (
        *("rita (Shops)", "Looked at 8.2.6.", True),
    )
    event = Event.objects.get(action=Event.Action.SIGN_OFF)
    assert event.id == found.event_id
    assert stored.hash in event.remark
    assert "rita (Shops)" in shown(browser.get(WEEK))


def test_others_than_management_do_not_sign_off(fake_keystone: FakeKeystone) -> None:
    response = signed(auditor(fake_keystone), store_sample())

    assert response.status_code == 403
    assert "role admin" in shown(response)
    assert not SignOff.objects.exists()


def test_a_sign_off_of_another_revision_is_refused(site: Client) -> None:
    old = store_sample(size=3)
    store_sample(size=7, again=True)
    response = signed(site, old)

    assert response.status_code == 409
    assert "newer revision" in shown(response)
    assert "Looked at 8.2.6." in response.content.decode()
    assert not SignOff.objects.exists()


def test_a_remark_that_is_too_long_is_refused(site: Client) -> None:
    response = signed(site, store_sample(), remark="x" * 1001)

    assert response.status_code == 400
    assert "1,000 characters" in shown(response)


def test_an_operator_with_a_revoked_token_signs_nothing(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    stored = store_sample()
    fake_keystone.tokens.clear()
    response = signed(site, stored)

    assert response["Location"].startswith("/signin/")
    assert not SignOff.objects.exists()


# --- Build again ---------------------------------------------------------------------------------
def test_an_administrator_requests_a_rebuild(site: Client) -> None:
    store_sample()
    response = site.post(f"{WEEK}again/", follow=True)

    assert "A worker builds 2026-W46 again" in shown(response)
    event = Event.objects.get(action=Event.Action.BUILD, initiator_name="ada")
    assert event.remark == "asked for another revision"


def test_an_auditor_may_not_request_a_rebuild(fake_keystone: FakeKeystone) -> None:
    store_sample()
    browser = auditor(fake_keystone)

    assert "Build again" not in shown(browser.get(WEEK))
    assert browser.post(f"{WEEK}again/").status_code == 403


# --- Differences ---------------------------------------------------------------------------------
def test_changes_since_the_week_before_are_new_and_gone_accounts(site: Client) -> None:
    store_sample("2026-W45", size=4, seed=1)
    store_sample("2026-W46", size=6, seed=2)
    page = shown(site.get(f"{WEEK}changes/"))

    assert "Changes from 2026-W45 to 2026-W46" in page
    assert "6 new, 4 gone, 0 unchanged" in page
    assert "inactive for over 90 days 4 6 +2" in page


def test_only_what_changed_is_among_the_changes(site: Client) -> None:
    store_sample("2026-W45", size=4)
    store_sample("2026-W46", size=4)
    page = shown(site.get(f"{WEEK}changes/"))

    assert "0 lists changed" in page
    assert "All figures are the same." in page


def test_the_first_report_has_no_changes(site: Client) -> None:
    store_sample()

    assert "no earlier report" in shown(site.get(f"{WEEK}changes/"))
