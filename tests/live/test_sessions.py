"""Sessions at a real Keystone: what ends them, and what a sign-out revokes."""

from __future__ import annotations

import re

import pytest
import requests

from tests.support.cloud import Cloud
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of

OF_ONE_TOKEN = {1, 2}  # newer Keystones revoke the chain that the token may begin, too
EXPORT = "/accounts/export?format=csv&state=locked"


def enter(site: Site, cloud: Cloud) -> tuple[Visitor, str]:
    """Return a visitor who has signed in as a new operator, and the operator's id."""
    operator, visitor = cloud.create_operator(), site.visitor()
    assert visitor.sign_in(operator).url == f"{site.url}/"
    return visitor, operator.id


def is_signed_out(page: requests.Response) -> bool:
    """Return whether the request led to the sign-in page."""
    return "/signin/" in page.url


@pytest.mark.parametrize("how", ["deleted", "disabled"])
def test_a_deleted_or_disabled_operator_exports_nothing(site: Site, cloud: Cloud, how: str) -> None:
    visitor, operator_id = enter(site, cloud)
    assert visitor.get(EXPORT).headers["Content-Type"].startswith("text/csv")
    if how == "deleted":
        cloud.api.users.delete(operator_id)
    else:
        cloud.api.users.update(operator_id, enabled=False)

    page = visitor.get(EXPORT)

    assert is_signed_out(page)
    assert "You are signed out" in text_of(page)


def test_signing_out_revokes_the_token(site: Site, cloud: Cloud) -> None:
    visitor, _ = enter(site, cloud)
    before = events(cloud)

    visitor.sign_out()

    assert events(cloud) - before in OF_ONE_TOKEN


def test_a_session_ended_from_the_list_is_signed_out_and_its_token_revoked(
    site: Site, cloud: Cloud
) -> None:
    operator = cloud.create_operator(role="reader")
    lost, visitor = site.visitor(), site.visitor()
    for each in (lost, visitor):
        each.sign_in(operator)
    before = events(cloud)
    page = visitor.get("/sessions/")
    form = visitor.form(page, "csrfmiddlewaretoken")
    [form.action] = [
        f"{site.url}{row.group(1)}"
        for row in re.finditer(r'action="(/sessions/\w+/end/)"><[^\n]*End session', page.text)
    ]

    page = visitor.send(form)

    assert "Its tokens are revoked" in text_of(page)
    assert events(cloud) - before in OF_ONE_TOKEN
    assert is_signed_out(lost.get("/"))
    assert not is_signed_out(visitor.get("/"))


def events(cloud: Cloud) -> int:
    """Return the number of revocation events that Keystone has."""
    [row] = cloud.sql("SELECT COUNT(*) AS number FROM revocation_event")
    return int(str(row["number"]))
