"""A list as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any, cast

import pytest
from django.test import Client

from pciops.accounts import exports
from tests.factories import make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def text(site: Client, address: str) -> str:
    """The whole of a streamed file."""
    response = cast("Any", site.get(address))
    assert response.status_code == 200
    content = cast("Iterable[bytes]", response.streaming_content)
    return b"".join(content).decode()


def names(site: Client, address: str) -> list[str]:
    """The names in a CSV file."""
    return [row["name"] for row in csv.DictReader(io.StringIO(text(site, address)))]


def test_a_csv_file_holds_the_list(site: Client) -> None:
    make_locked_user("ann")
    make_user("bob")

    assert names(site, "/accounts/export?state=locked&format=csv") == ["ann"]


def test_a_json_file_holds_the_list(site: Client) -> None:
    user = make_locked_user("ann")
    found = json.loads(text(site, "/accounts/export?state=locked&format=json"))

    assert [account["id"] for account in found["accounts"]] == [user.id]


def test_a_file_holds_more_than_a_page(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "BATCH", 7)
    made = sorted(f"user-{number:03}" for number in range(61))
    for name in made:
        make_user(name)

    assert names(site, "/accounts/export?q=user-&format=csv") == made


def test_the_search_of_the_list_holds_in_the_file(site: Client) -> None:
    make_locked_user("ann")
    make_locked_user("bob")

    assert names(site, "/accounts/export?state=locked&q=bob&format=csv") == ["bob"]


def test_a_formula_is_defused(site: Client) -> None:
    make_user("=SUM(A1)")

    assert "'=SUM(A1)" in names(site, "/accounts/export?format=csv")


def test_a_file_has_a_name_of_its_own(site: Client) -> None:
    disposition = site.get("/accounts/export?state=locked&format=csv")["Content-Disposition"]

    assert disposition.startswith('attachment; filename="accounts-locked-2026')


@pytest.mark.parametrize("form", ["", "xml", "CSV"])
def test_a_format_that_does_not_exist_is_named(site: Client, form: str) -> None:
    response = site.get("/accounts/export", {"format": form})

    assert response.status_code == 400
    assert b"csv and json are" in response.content


def test_a_list_links_to_its_files(site: Client) -> None:
    make_locked_user("ann")
    page = site.get("/accounts/?state=locked&q=ann").content.decode()

    assert "/accounts/export?state=locked&amp;q=ann&amp;format=csv" in page


def test_a_file_of_an_operator_of_one_domain_holds_that_domain_alone(
    fake_keystone: FakeKeystone, clock: object
) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    make_user("ours", domain_id="shops")
    make_user("foreign", domain_id="payments")

    assert names(signed_in(keeper), "/accounts/export?format=csv") == ["ours"]


def test_a_file_needs_somebody_signed_in(client: Client) -> None:
    response = client.get("/accounts/export?format=csv")

    assert response.status_code == 302
    assert response["Location"].startswith("/signin/")
