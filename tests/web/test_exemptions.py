"""The page of the exemption register, and its files."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.test import Client

from pciops.actions.models import Exemption
from pciops.keystone.models import User
from tests.factories import NOW, grant, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response, shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

EXPIRY = "ignore_password_expiry"
HEAD = (
    "status,option,user_id,user_name,domain_id,domain_name,kinds,owner,reason,starts_on,ends_on,"
    "recorded_by,event_id"
)


def make_exempt(name: str = "svc", *, domain_id: str = "default") -> User:
    """Make an account with an exemption."""
    return make_user(name, domain_id=domain_id, options={"1001": True})


def make_record(user: User, *, owner: str = "network team", days: int = 30) -> Exemption:
    """Record the exemption."""
    return Exemption.objects.create(
        user_id=user.id,
        user_name="as it was",
        domain_id=user.domain_id or "",
        domain_name="as it was",
        option=EXPIRY,
        owner=owner,
        reason="INC-1",
        starts_on=NOW.date(),
        ends_on=NOW.date() + timedelta(days=days),
        recorded_by="olga (Default)",
        event_id="e" * 32,
    )


def names(response: Response) -> list[str]:
    """Return the names of the accounts on the page, from top to bottom."""
    return re.findall(r'<a class="who-name"[^>]*><bdi>([^<]*)</bdi>', response.content.decode())


def test_findings_come_first_and_privileged_accounts_first_among_them(site: Client) -> None:
    make_record(make_exempt("recorded"))
    make_record(make_exempt("overdue"), days=-1)
    make_exempt("ann")
    grant(make_exempt("root"))
    page = site.get("/exemptions/")

    assert names(page) == ["root", "ann", "overdue", "recorded"]
    assert "3 of 4 exemptions" in shown(page)


def test_page_without_findings(site: Client) -> None:
    assert "No account is exempt" in shown(site.get("/exemptions/"))

    make_record(make_exempt())
    page = shown(site.get("/exemptions/"))
    assert "Every exemption has an owner" in page
    assert "Recorded network team “ INC-1 ” 22 Dec 2026 in 30 days" in page


@pytest.mark.parametrize(
    ("status", "expected"),
    [("unrecorded", ["new"]), ("overdue", ["late"]), ("recorded", ["fine"]), ("gone", [])],
)
def test_list_can_be_filtered_by_status(site: Client, status: str, expected: list[str]) -> None:
    make_exempt("new")
    make_record(make_exempt("fine"))
    make_record(make_exempt("late"), days=-1)

    assert names(site.get(f"/exemptions/?status={status}")) == expected


def test_unknown_status_is_refused(site: Client) -> None:
    response = site.get("/exemptions/?status=fine")

    assert response.status_code == 400
    assert "unrecorded, overdue, recorded, gone." in shown(response)


@pytest.mark.parametrize(("days", "name"), [(None, "record"), (-1, "lift")])
def test_finding_leads_to_its_remedy(site: Client, days: int | None, name: str) -> None:
    user = make_exempt()
    if days is not None:
        make_record(user, days=days)

    assert f'href="/accounts/{user.id}/{name}/?option={EXPIRY}"' in (
        site.get("/exemptions/").content.decode()
    )


def test_other_pages_lead_to_the_register(site: Client) -> None:
    assert 'href="/exemptions/"' in site.get("/policy/").content.decode()


@pytest.mark.parametrize("path", ["/exemptions/", "/exemptions/export?format=json"])
def test_domain_administrator_sees_only_exemptions_of_the_domain(
    fake_keystone: FakeKeystone, path: str
) -> None:
    make_record(make_exempt("foreign", domain_id="payments"), owner="foreign team")
    make_exempt("ours", domain_id="shops")
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    response = signed_in(keeper).get(path)
    text = response.getvalue().decode()

    assert "ours" in text
    assert "foreign" not in text


@pytest.mark.parametrize("path", ["/exemptions/", "/accounts/{id}/", "/accounts/{id}/record/"])
def test_names_and_owners_are_escaped(site: Client, path: str) -> None:
    user = make_exempt("<script>alert(1)</script>")
    make_record(user, owner="<script>alert(2)</script>")

    assert "<script>alert" not in site.get(path.format(id=user.id)).content.decode()


# --- Files --------------------------------------------------------------------------------------
def test_csv_has_every_column(site: Client) -> None:
    make_record(make_exempt())
    response = site.get("/exemptions/export?format=csv")
    head, row, *rest = response.getvalue().decode().splitlines()

    assert response["Content-Disposition"] == (
        'attachment; filename="exemptions-20261122T140211Z.csv"'
    )
    assert (head, rest) == (HEAD, [])
    assert row.startswith(f"recorded,{EXPIRY},")
    assert row.endswith(f",2026-12-22,olga (Default),{'e' * 32}")


def test_csv_is_defused(site: Client) -> None:
    make_record(make_exempt("=HYPERLINK(1)"), owner="@cmd")
    text = site.get("/exemptions/export?format=csv").getvalue().decode()

    assert "'=HYPERLINK(1)" in text
    assert "'@cmd" in text


def test_json_can_be_filtered(site: Client) -> None:
    make_record(make_exempt("fine"))
    make_exempt("new")
    response = site.get("/exemptions/export?format=json&status=unrecorded")
    rows = json.loads(response.getvalue())["exemptions"]

    assert [(row["user_name"], row["owner"]) for row in rows] == [("new", None)]


def test_unknown_format_is_refused(site: Client) -> None:
    assert site.get("/exemptions/export?format=pdf").status_code == 400
