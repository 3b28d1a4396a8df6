"""What is wrong with a form: said in the title, in a summary with focus, and at the field."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.factories import make_locked_user
from tests.reports.samples import store_sample
from tests.signin.visit import Response
from tests.web import selecting, unlocking

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def html(response: Response) -> str:
    return response.content.decode()


def links(response: Response) -> list[str]:
    """Return the ids that the links of the summary lead to."""
    summary = re.search(r'<section [^>]*id="problems"(.*?)</section>', html(response), re.DOTALL)
    assert summary
    return re.findall(r'href="#([^"]*)"', summary[1])


def assert_explained(response: Response, *fields: str) -> None:
    """Check the title, the focus, and for each field the link, the mark and the description."""
    page = html(response)
    focused = re.search(r"<[^>]*\bautofocus\b[^>]*>", page)

    assert "<title>Error: " in page
    assert focused
    assert 'id="problems"' in focused[0]
    assert 'tabindex="-1"' in focused[0]
    assert links(response) == list(fields)
    for field in fields:
        assert re.search(rf'<[^>]*\bid="{field}"[^>]*aria-invalid="true"', page) or re.search(
            rf'<[^>]*aria-invalid="true"[^>]*\bid="{field}"', page
        )
        error = f"{field.removesuffix('_0')}_error"
        assert f'id="{error}"' in page
        assert re.search(rf'aria-describedby="[^"]*\b{error}"', page)


def test_a_form_without_a_problem_has_no_summary(site: Client) -> None:
    page = html(site.get(f"/accounts/{make_locked_user().id}/unlock/"))

    assert "<title>Error" not in page
    assert "There is a problem" not in page


def test_sign_in_names_each_empty_field(client: Client) -> None:
    response = client.post("/signin/", {"domain": "Default"})

    assert_explained(response, "id_name", "id_password")


def test_unlock_names_each_field(site: Client) -> None:
    response = unlocking.unlock(site, make_locked_user(), reason="", identity="")

    assert response.status_code == 400
    assert_explained(response, "id_reason", "id_identity_0")


def test_unlock_of_several_names_the_field_and_keeps_the_reason(site: Client) -> None:
    fields = selecting.form(site, make_locked_user("ann"), make_locked_user("ben"), identity="")
    response = selecting.send(site, fields)

    assert response.status_code == 400
    assert_explained(response, "id_identity_0")
    assert unlocking.REASON in html(response)


def test_a_conflict_is_a_problem_of_no_field(site: Client) -> None:
    user = make_locked_user()
    fields = unlocking.form(site, user)
    unlocking.lock(user, count=9)
    response = unlocking.send(site, user, fields)

    assert response.status_code == 409
    assert_explained(response)


def test_a_selection_without_rows_is_a_problem(site: Client) -> None:
    make_locked_user()
    response = site.post(selecting.ADDRESS, {})

    assert response.status_code == 400
    assert_explained(response)


def test_sign_off_names_the_remark(site: Client) -> None:
    stored = store_sample()
    fields = {"seen": stored.hash, "remark": "x" * 1001}
    response = site.post(f"/reports/{stored.week}/sign-off/", fields)

    assert response.status_code == 400
    assert_explained(response, "id_remark")


def test_what_if_names_the_option(site: Client) -> None:
    response = site.get("/policy/?lockout_duration=ten")

    assert response.status_code == 400
    assert_explained(response, "lockout_duration")


def test_the_preview_of_a_notice_says_that_there_is_no_such_account(site: Client) -> None:
    response = site.get("/notices/preview/locked/?account=%3Cb%3E")

    assert response.status_code == 400
    assert_explained(response)
    assert 'value="&lt;b&gt;"' in html(response)


def chosen(page: Response) -> list[str]:
    """Return the choices that are made when the form opens."""
    return re.findall(r'name="identity" value="([^"]*)"[^>]*checked', html(page))


def test_the_last_identity_check_of_the_session_is_the_default(site: Client) -> None:
    ann, ben = make_locked_user("ann"), make_locked_user("ben")
    assert chosen(site.get(f"/accounts/{ann.id}/unlock/")) == []

    unlocking.unlock(site, ann, identity="in_person")

    assert chosen(site.get(f"/accounts/{ben.id}/unlock/")) == ["in_person"]
    assert chosen(selecting.select(site, ben)) == ["in_person"]


def test_a_person_is_not_a_service_account_by_default(site: Client) -> None:
    unlocking.unlock(site, make_locked_user("ann"), identity="service_account")

    assert chosen(site.get(f"/accounts/{make_locked_user('ben').id}/unlock/")) == []


def test_the_cursor_is_in_the_reason(site: Client) -> None:
    page = html(site.get(f"/accounts/{make_locked_user().id}/unlock/"))

    assert re.search(r"<textarea [^>]*\bautofocus\b", page)


def test_a_ticket_number_is_a_reason(site: Client) -> None:
    assert unlocking.unlock(site, make_locked_user(), reason="INC-4711").status_code == 302
